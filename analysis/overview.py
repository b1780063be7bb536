"""A study on one screen: how the fits of each setting ended, how near the truth they came, and whether to trust them.

Numbers are of all fits that did not explode, settled or not: where few fits settle, the settled ones are those at 0.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis import configurations, distance, stability
from analysis.rendering import Column
from analysis.results import Results
from trainables.settings import setting
from trainables.verdict import VerdictRule

COLUMNS = (
    Column("variable", "of"), Column("exploded", percent=True), Column("collapsed", percent=True),
    Column("stuck", percent=True), Column("unsettled", percent=True), Column("settled", percent=True),
    Column("estimate"), Column("truth"), Column("optimum"), Column("per_truth", "est./ truth"), Column("verdict"),
    Column("seeds"), Column("fits"),
)  # fmt: skip

MORE = ("settled", "collapsed", "optimum", "seeds", "fits")
"""Columns that only a wide screen has, the first to come first."""

SAID = (
    "estimate: median over the fits that did not explode, settled or not, mean over pairs; est./truth: its ratio to "
    "the truth, median over pairs whose truth is at least 0.1 nats."
)

MOST_TIES = 1
"""Configurations that are named as tied with the least bad one; of more the number is said."""


def pairs(results: Results) -> pd.DataFrame:
    """One line per configuration and pair, an index of both: `variable`; `exploded` and `ended` (settled, stuck or
    collapsed), shares of fits; `estimate` and `truth` in nats, and `per_truth`, their ratio where the truth is at least
    the rule's least reference: medians over the fits that did not explode.
    """
    fits = results.configured(results.judged, ["configuration"])
    alive = fits["estimate"].where(fits["outcome"] != "exploded").astype(float)
    worth = fits["truth"].where(fits["truth"] >= results.rule.least_reference)
    fits = fits.assign(
        alive=alive,
        ratio=alive / worth,
        exploded=(fits["outcome"] == "exploded").astype(float),
        ended=fits["outcome"].isin(["settled", "stuck", "collapsed"]).astype(float),
    )
    cell = fits.groupby(["configuration", "pair"], observed=True)
    return cell.agg(
        variable=("variable", "first"), exploded=("exploded", "mean"), ended=("ended", "mean"),
        estimate=("alive", "median"), truth=("truth", "mean"), per_truth=("ratio", "median"),
    )  # fmt: skip


def rows(results: Results) -> pd.DataFrame:
    """One row per configuration and variable: those of the stability table, with `estimate` and `per_truth` of `pairs`
    and a `verdict` in a word.
    """
    cell = results.once(pairs).groupby(["configuration", "variable"], observed=True)
    ends = cell.agg(estimate=("estimate", "mean"), per_truth=("per_truth", "median"))
    made = results.once(stability.rows).drop(columns=list(ends)).merge(ends, on=["configuration", "variable"])
    ended = made[["settled", "stuck", "collapsed"]].sum(axis=1)
    return made.assign(verdict=verdicts(made["exploded"], ended, made["per_truth"], results.rule))


def verdicts(exploded: pd.Series, ended: pd.Series, ratio: pd.Series, rule: VerdictRule) -> list[str]:
    """What to think of estimates, in a word each: exploding, unsettled, or by their ratio to the truth.

    >>> one = pd.Series([1.0])
    >>> [verdicts(0 * one, one, ratio * one, VerdictRule()) for ratio in (0.5, 0.7, 1.6, np.nan)]
    [['too low'], ['near'], ['too high'], ['']]
    """
    conditions = [exploded >= rule.exploding_share, ended < rule.ended_share, ratio.isna()]
    conditions += [ratio < 1 / rule.bias_ratio, ratio > rule.bias_ratio]
    return np.select(conditions, ["exploding", "unsettled", "", "too low", "too high"], default="near").tolist()


def size(results: Results) -> str:
    """How large the study is, in words."""
    trials = results.trials
    seeds = trials.groupby("configuration")["seed"].nunique()
    span = "-".join(map(str, sorted({seeds.min(), seeds.max()})))
    return f"{results.source}: {len(seeds)} settings x {span} seeds, {len(results.judged):,} fits; nats"


def answer(results: Results) -> str:
    """Whether the estimates can be trusted: a word, the shares that it rests on, and the least bad settings.

    Those of a setting and variable can where half of the fits settled within the rule's factor of the truth and fewer
    than a quarter exploded. Fits whose truth is below the rule's least reference do not count.
    """
    judged, rule = results.judged, results.rule
    worth = judged[judged["truth"] >= rule.least_reference]
    if worth.empty:
        why = "no trial completed" if judged.empty else f"no truth reaches {rule.least_reference:g} nats"
        return f"There is no answer: {why}."
    fits = results.configured(worth, ["configuration"])
    fits = fits.assign(right=fits["bias_truth"] == "within", exploded=fits["outcome"] == "exploded")
    shares = fits.groupby(["configuration", "variable"], observed=True)[["right", "exploded"]].mean()
    trusted = shares[(shares["right"] >= 0.5) & (shares["exploded"] < rule.exploding_share)]
    some = f"With some settings only ({len(trusted)} of {len(shares)}, X and Y apart)"
    word = "No" if trusted.empty else "Yes" if len(trusted) == len(shares) else some
    return " ".join([f"{word}. {_shares(results, worth)}", *_least_bad(results)])


def _shares(results: Results, worth: pd.DataFrame) -> str:
    parts: list[str] = []
    for variable, fits in worth.groupby("variable", observed=True):
        settled = fits[fits["outcome"] == "settled"]
        right = 100 * (settled["bias_truth"] == "within").mean()
        near = f"{right:.0f} % of these within {results.rule.bias_ratio:g}x of the truth"
        share = f"{100 * len(settled) / len(fits):.0f} % of the fits settled, {near}"
        parts.append(f"{'for' if parts else 'For'} {variable} {share if len(settled) else 'no fit settled'}")
    return f"{'; '.join(parts)}."


def _least_bad(results: Results) -> Iterator[str]:
    """The setting nearest to the truth, of those with the same pairs, and the others that its interval reaches."""
    ranked = results.once(distance.rows)
    groups = [rows for _, rows in ranked.groupby("mine.pairs", sort=False) if len(rows) > 1]
    for group in groups[:3]:
        first, others = group.iloc[0], group.iloc[1:]
        reach = first["distance"] if pd.isna(first["distance_high"]) else first["distance_high"]
        ties = others[others["distance_low"].fillna(others["distance"]) <= reach]
        telling = [path for path in configurations.telling_columns(group) if path != "mine.pairs"]
        named = [configurations.in_words(one, telling) for _, one in ties.iterrows()]
        named = named if len(ties) <= MOST_TIES else [f"{len(ties)} others"]
        named = ["all others"] if len(ties) == len(others) > 1 else named
        tied = f", tied with {' and '.join(named)}" if named else ""
        of = f" of {setting(first['mine.pairs'])}" if len(groups) > 1 else ""
        off = f"on average {100 * first['distance']:.0f} % off the truth"
        yield f"Least bad{of}: {configurations.in_words(first, telling)}, {off}{tied}."
