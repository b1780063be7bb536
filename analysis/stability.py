"""The stability table: per configuration, how often fits exploded and settled, and where they ended."""

from typing import Any

import numpy as np
import pandas as pd

from analysis import configurations, intervals, judging, levels, order, paper, words
from trainables import verdict
from trainables.sentences import counted
from trainables.verdict import OUTCOMES, VerdictRule


def table(
    trials: pd.DataFrame, estimates: pd.DataFrame, rule: VerdictRule | None = None, by_pair: bool = False
) -> pd.DataFrame:
    """One row per configuration and variable (or pair), of completed trials.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> rows = table(frames.trials(source), judging.fits(source))
    >>> rows["variable"].unique().tolist(), rows["seeds"].sort_values().unique().tolist()
    (['X', 'Y'], [2, 3])

    Args:
        trials: as `analysis.frames.trials` returns them.
        estimates: as `judging.fits` returns them, or more columns.
        by_pair: a row for each pair instead of one for X and one for Y.

    Returns:
        Configuration columns (those that vary, and architecture, noise std, hidden units); `variable` or
        `pair`; `seeds`, `fits`; then, `_low` and `_high` being 95 % intervals over seeds and all values in nats:

        - `exploded`, `collapsed`, `stuck`, `unsettled`, `settled`: shares of fits; `exploded_epoch`: median, under the
          committed rule only;
        - `estimate`: mean over the pairs of their settled fits (see `levels.table`), of `estimate_pairs` of the row's
          `pairs`, from `estimate_seeds` seeds; `spread_seeds`, `spread_replicates`: standard deviations between seeds,
          and between the replicates of a seed, run and pair;
        - `truth`, `optimum`: means over the row's pairs, runs and seeds, whichever fits settled;
          `truth_at_ceiling`: share of fits whose truth is the ceiling, so that the noise took nothing away;
        - `per_truth`, `per_optimum`: median over pairs of the ratio of a pair's estimate to its truth or optimum, of
          pairs whose reference is at least 0.1 nats, from `per_truth_pairs` and `per_truth_seeds`; `per_truth_least`
          and `per_truth_most`: the pairs' lowest and highest (not by pair);
        - `bias_truth`, `bias_optimum`: the two commonest verdicts on the settled fits' bias; the shares
          `within_truth`, `under_truth`, ... of each verdict;
        - `disorder`, `disorder_truth`: share of neighbouring layers in the wrong order (eq. 6 and 7), in the
          settled estimates and in the truths (not by pair);
        - `paper_row`, `paper`: the paper's row and word; `word`: ours by the same reading; `agrees`: yes or no;
          `counted`: whether the row is the authors' own construction; all empty where the paper has no row.
    """
    rule = rule or VerdictRule()
    shown, unit = configurations.shown_columns(trials), "pair" if by_pair else "variable"
    columns = [*shown, unit, *(name for name in _COLUMNS if not (by_pair and name in _NOT_BY_PAIR))]
    if estimates.empty:
        return pd.DataFrame(columns=columns)
    judged, made = judging.arrange(trials, judging.judge(estimates, rule), unit)
    found: list[Any] = [made, _shares(judged), levels.table(judged, rule), spreads(judged), _biases(judged)]
    if not by_pair:
        word = _words(judged, rule)
        theirs = paper.stability_rows(made)
        agrees = np.where(theirs["paper"] == "", "", np.where(word == theirs["paper"], "yes", "no"))
        found += [_disorder(judged, rule), word.rename("word"), theirs, pd.Series(agrees, name="agrees")]
    return pd.concat(found, axis=1)[columns].sort_values(shown, kind="stable", ignore_index=True)


_COLUMNS = (
    "seeds", "fits", "exploded", "exploded_low", "exploded_high", "exploded_epoch", "collapsed", "stuck", "unsettled",
    "settled", "settled_low", "settled_high", *levels.COLUMNS, "spread_seeds", "spread_replicates",
    "truth_at_ceiling", "bias_truth", "bias_optimum",
    *(f"{bias}_{kind}" for kind in ("truth", "optimum") for bias in verdict.BIASES),
    "disorder", "disorder_truth", "word", "paper_row", "paper", "agrees", "counted",
)  # fmt: skip

_NOT_BY_PAIR = ("disorder", "disorder_truth", "word", "paper_row", "paper", "agrees", "counted", *levels.OVER_PAIRS)
"""Columns that need a variable's pairs together."""


def _shares(judged: pd.DataFrame) -> pd.DataFrame:
    """How many fits, and how they ended."""
    flags = pd.get_dummies(judged["outcome"])[list(OUTCOMES)].astype(float)
    per_seed = flags.groupby([judged["row"], judged["seed"]]).mean()
    found: list[Any] = [
        per_seed.groupby("row").size().rename("seeds"),
        judged.groupby("row").size().rename("fits"),
        per_seed.groupby("row").mean()[["collapsed", "stuck", "unsettled"]],
        judging.named(intervals.of_shares(judging.by_seed(per_seed["exploded"])), "exploded"),
        judging.named(intervals.of_shares(judging.by_seed(per_seed["settled"])), "settled"),
        judged["exploded_epoch"].where(judged["outcome"] == "exploded").groupby(judged["row"]).median(),
    ]
    return pd.concat(found, axis=1)


def spreads(judged: pd.DataFrame) -> pd.DataFrame:
    """How consistent settled fits are: `spread_seeds` and `spread_replicates`, standard deviations in nats.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> judged, rows = judging.arrange(frames.trials(source), judging.judge(judging.fits(source)), "pair")
    >>> len(spreads(judged)) == len(rows)
    True
    """
    cells = judged["settled_estimate"].groupby([judged["row"], judged["cell"], judged["seed"]])
    found: list[Any] = [
        cells.mean().groupby(["row", "cell"]).std().groupby("row").mean().rename("spread_seeds"),
        cells.std().groupby("row").mean().rename("spread_replicates"),
    ]
    return pd.concat(found, axis=1)


def _biases(judged: pd.DataFrame) -> pd.DataFrame:
    """The verdicts on settled fits' bias to the truth and to the optimum, and how often the truth is the ceiling."""
    rows = range(judged["row"].max() + 1)
    found: list[Any] = [judging.at_ceiling(judged).groupby(judged["row"]).mean().rename("truth_at_ceiling")]
    for kind in levels.KINDS:
        counts = pd.crosstab(judged["row"], judged[f"bias_{kind}"], dropna=False)
        counts = counts.reindex(rows, columns=list(verdict.BIASES), fill_value=0)
        shares = counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0)
        found += [shares.add_suffix(f"_{kind}"), pd.Series(_commonest(shares), index=shares.index, name=f"bias_{kind}")]
    return pd.concat(found, axis=1)


def _commonest(shares: pd.DataFrame) -> list[str]:
    """The two largest shares of each row, in words."""
    values, names = shares.fillna(0).to_numpy(), list(shares)
    order = np.argsort(-values, axis=1, kind="stable")[:, :2]
    return [
        ", ".join(f"{names[column]} {100 * row[column]:.0f}%" for column in top if row[column] > 0)
        for row, top in zip(values, order, strict=True)
    ]


def _disorder(judged: pd.DataFrame, rule: VerdictRule) -> pd.DataFrame:
    """Order violations, averaged over runs and replicates within a seed, then over seeds."""
    row_of = judged[["key", "variable", "row", "seed"]].drop_duplicates(["key", "variable"])
    found = {}
    for name, column in (("disorder", "settled_estimate"), ("disorder_truth", "truth")):
        shares = order.violations(judged, column, rule).reset_index(name="share")
        shares = shares.merge(row_of, on=["key", "variable"])
        found[name] = shares.groupby(["row", "seed"])["share"].mean().groupby("row").mean()
    return pd.DataFrame(found)


def _words(judged: pd.DataFrame, rule: VerdictRule) -> pd.Series:
    """The paper's word for each row: per seed, then the majority over seeds."""
    reference = np.minimum(judged["truth"], judged["optimum"])
    settled, at_zero = judged["outcome"] == "settled", judged["outcome"].isin(["stuck", "collapsed"])
    usable = (settled | at_zero) & (reference >= rule.least_reference)
    of_fit = pd.DataFrame(
        {
            "exploded": judged["outcome"] == "exploded",
            "ended": settled | at_zero,
            "ratio": (judged["estimate"].where(settled, 0) / reference).where(usable),
        }
    )
    grouped = of_fit.groupby([judged["row"], judged["seed"]])
    shares, ratio = grouped[["exploded", "ended"]].mean(), grouped["ratio"].median()
    of_seeds = pd.Series(words.of_seeds(shares["exploded"], shares["ended"], ratio, rule), index=ratio.index)
    return of_seeds.groupby("row").agg(words.majority_word)


REDRAWN = (
    "Where front is redrawn the optimum, which allows any T, is only an upper bound: T sees one side of a pair through "
    "a random map."
)


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table, in sentences.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> trials = frames.trials(source)
    >>> notes(trials, table(trials, judging.fits(source)))[0][:14]
    'Shares are of '
    """
    lines = [
        "Shares are of fits, intervals 95 % over seeds (none where seeds do not differ), values in nats. Estimates are "
        "of settled fits, so conditional on not exploding. stuck: never off the ground, though the truth is.",
        *([] if "pair" in rows else [levels.NOTE]),
        "truth: exact mutual information of the samples with the noisy layer; optimum: what the chosen marginals "
        "make the bound aim at; disorder: neighbouring layers in the wrong order (eq. 6, 7), then in the truths.",
    ]
    if "agrees" in rows and not (rows["agrees"] != "").any():
        lines.append("agrees is empty: no row here is one of the paper's (its Table 2, a finished LeNet-5 on MNIST).")
    if "agrees" in rows and (rows["agrees"] != "").any() and trials["mine.samples"].notna().any():
        scale = f"{trials['mine.samples'].min()} samples, {trials['mine.epochs'].min()} MINE epochs at the least"
        lines.append(f"Reduced scale ({scale}): agreement with the paper's words says little before fits have settled.")
    least = VerdictRule().least_epochs
    if len(trials) and trials["mine.epochs"].min() < least:
        lines.append(f"Fits of fewer than {least} MINE epochs are too short to be judged, so they are unsettled.")
    if len(rows) and rows["exploded_epoch"].isna().all() and (rows["exploded"] > 0).any():
        lines.append("at epoch is empty: it is recorded under the committed thresholds only.")
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("Rows with one seed have no interval: the seed is the unit of statistics.")
    if len(rows) and (rows["settled"] == 0).any():
        lines.append("Rows without a settled fit have no estimate and no bias.")
    if len(rows) and (rows["truth_at_ceiling"] == 1).any():
        lines.append(
            "Where truth at ceiling is 100 % there is no truth but the ceiling: the noise is too small (or 0) to take "
            "information away, so est./truth says which part of H(X) or H(Y) was found."
        )
    if len(rows) and np.isinf(rows["optimum"].astype(float)).any():
        lines.append(
            "An infinite optimum: without noise deranged marginals never meet the joint, so the bound has no top."
        )
    if ((trials["mine.front"] == "redrawn") & (trials["mine.architecture"] != 1)).any():
        lines.append(REDRAWN)
    return lines + failures(trials)


def repeated(trials: pd.DataFrame) -> list[str]:
    """Trials that stand twice in the folder, which one version of the program alone never does, in sentences."""
    done = trials[trials["state"] == "completed"]
    twice = int(done.duplicated(["configuration", "seed"]).sum())
    if not twice:
        return []
    return [
        f"{counted(twice, 'trial')} {'has' if twice == 1 else 'have'} the configuration and the seed of another trial, "
        "from before a field was added or its meaning changed; the fits of both are counted."
    ]


def failures(trials: pd.DataFrame) -> list[str]:
    """What is missing because trials failed or did not end, in sentences."""
    failed = int((trials["state"] == "failed").sum())
    if not failed:
        return []
    if failed == len(trials):
        whole = "The only trial" if failed == 1 else f"All {failed} trials"
        return [f"{whole} failed, so there is nothing to tabulate; see the trials table for why."]
    return [f"{counted(failed, 'trial')} failed, not in the table; see the trials table for why."]


THRESHOLDS = {"halved": 0.5, "committed": 1.0, "doubled": 2.0}
"""Factors on the verdict rule's tolerances under which words and shares are reported."""


def under_thresholds(
    trials: pd.DataFrame, fits: pd.DataFrame, rule: VerdictRule, committed: pd.DataFrame
) -> pd.DataFrame:
    """Shares and words by the rule with its tolerances halved and doubled.

    Args:
        committed: `table` by the rule as it is.
    """
    made = committed[[*configurations.shown_columns(trials), "variable", "seeds"]].copy()
    for kind, factor in THRESHOLDS.items():
        rows = committed if factor == 1 else table(trials, fits, rule.scaled(factor))
        for name in ("exploded", "settled", "word"):
            made[f"{name}_{kind}"] = rows[name]
    return made


def threshold_notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of `under_thresholds`, in sentences."""
    lines = ["The rule's tolerances halved, as committed, and doubled: what hangs on a threshold changes here."]
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("Where seeds is 1, one seed alone decides a row.")
    return lines + failures(trials)
