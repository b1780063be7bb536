"""The table of bounds: which bound, on which marginal samples, comes nearest to the truth, and what it costs."""

import pandas as pd

from analysis import configurations, intervals, judging
from analysis.stability import failures
from trainables import objectives, verdict
from trainables.bounds import BOUNDS
from trainables.verdict import VerdictRule

_BY = ["mine.bound", "mine.marginals"]

_VALUES = ("distance", "distance_X", "distance_Y", "unreachable", "exploded")


def table(trials: pd.DataFrame, estimates: pd.DataFrame, rule: VerdictRule | None = None) -> pd.DataFrame:
    """One row per bound and kind of marginal samples, over all other settings that it was run with.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> rows = table(frames.trials(source), judging.fits(source))
    >>> rows["bound"].unique().tolist(), bool(rows["distance"].is_monotonic_increasing)
    (['donsker_varadhan'], True)

    Args:
        trials, estimates: as `frames.trials` and `judging.fits` return them.

    Returns:
        `bound`, `marginals`, `settings` (how many other settings) and `seeds`; with intervals over seeds
        `distance` (`objectives.distance_to_truth`) of all pairs, `distance_X` and `distance_Y`; `unreachable`, the
        distance of the optimum itself; `exploded`, the share of fits; and `cost`, the median over trials of the
        seconds of MINE by the median of Donsker-Varadhan's with the same other settings. Least distance first.
    """
    rule = rule or VerdictRule()
    columns = ["bound", "marginals", "settings", "seeds"]
    columns += [f"{name}{end}" for name in _VALUES for end in ("", "_low", "_high")] + ["cost"]
    if estimates.empty:
        return pd.DataFrame(columns=columns)
    known = trials.loc[trials.index.isin(estimates["key"])].copy()
    takes_none = [name for name, bound in BOUNDS.items() if bound.all_pairs]
    known["mine.marginals"] = known["mine.marginals"].astype(object).mask(known["mine.bound"].isin(takes_none), "none")
    others = [name for name in configurations.shown_columns(trials) if name not in _BY]
    known["others"] = known[others].astype(str).agg("|".join, axis=1) if others else ""
    usual = known[known["mine.bound"] == "donsker_varadhan"].groupby("others")["seconds_mine"].median()
    known["cost"] = known["seconds_mine"] / known["others"].map(usual)
    row, kinds = pd.factorize(pd.MultiIndex.from_frame(known[_BY].astype(str)))
    known["row"] = row
    values = pd.DataFrame({key: _of_trial(fits, rule) for key, fits in estimates.groupby("key", observed=True)}).T
    per_seed = values.groupby([known["row"], known["seed"]]).mean()
    found = pd.DataFrame(kinds.tolist(), columns=["bound", "marginals"])
    of_row = known.groupby("row")
    found["settings"], found["seeds"] = of_row["others"].nunique(), of_row["seed"].nunique()
    found["cost"] = of_row["cost"].median()
    for name in _VALUES:
        found = found.join(judging.named(intervals.of_shares(judging.by_seed(per_seed[name])), name))
    return found[columns].sort_values("distance", kind="stable", ignore_index=True)


def _of_trial(fits: pd.DataFrame, rule: VerdictRule) -> dict[str, float]:
    variable = fits["pair"].astype(str).str[0]
    parts = {f"distance_{name}": fits[variable == name] for name in "XY"}
    enough = fits[fits["truth"] >= rule.least_reference]
    short = ((enough["optimum"] - enough["truth"]).abs() / enough["truth"]).clip(upper=1)
    return {
        "distance": objectives.distance_to_truth(fits, rule),
        **{name: objectives.distance_to_truth(part, rule) for name, part in parts.items() if len(part)},
        "unreachable": float(short.mean()),
        "exploded": float((verdict.outcome(fits, rule) == "exploded").mean()),
    }


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = [
        "distance: mean of min(1, |estimate - truth| / truth) over fits, as `distance` has it; a fit counts 1 that "
        "exploded, collapsed or is stuck, whose truth is below 0.1 nats, or whose noise leaves less than 5 % of the "
        "information. unreachable: the same of the optimum, over fits with a truth of 0.1 nats: what no network and "
        "no optimizer can mend. Intervals 95 % over seeds. cost: of MINE's training, 1 for Donsker-Varadhan."
    ]
    if len(rows) and rows["settings"].nunique() > 1:
        lines.append("Rows were not all run with as many settings: compare those of one number.")
    return lines + failures(trials)
