"""The distance table: how far each configuration's estimates are from the truth, the nearest first."""

import pandas as pd

from analysis import configurations, intervals, judging
from analysis.stability import failures
from trainables import objectives
from trainables.verdict import VerdictRule


def table(trials: pd.DataFrame, estimates: pd.DataFrame, rule: VerdictRule | None = None) -> pd.DataFrame:
    """One row per configuration: what a search minimises, worked out for every one that was run.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> rows = table(frames.trials(source), judging.fits(source))
    >>> bool(rows["distance"].is_monotonic_increasing), bool(rows["distance"].between(0, 1).all())
    (True, True)

    Args:
        trials, estimates: as `frames.trials` and `judging.fits` return them.

    Returns:
        Configuration columns; `seeds`; with intervals over seeds `distance` (`objectives.distance_to_truth`),
        `unstable` (`objectives.instability`) and `retained` (`objectives.retained_information`), all over the pairs
        that were estimated. Least distance first.
    """
    rule = rule or VerdictRule()
    shown = configurations.shown_columns(trials)
    columns = [*shown, "seeds", *(f"{name}{end}" for name in _OBJECTIVES for end in ("", "_low", "_high"))]
    if estimates.empty:
        return pd.DataFrame(columns=columns)
    per_trial = pd.DataFrame(
        {
            key: {
                "distance": objectives.distance_to_truth(fits, rule),
                "unstable": objectives.instability(fits, rule),
                "retained": objectives.retained_information(fits),
            }
            for key, fits in estimates.groupby("key", observed=True)
        }
    ).T
    known = trials.loc[per_trial.index]
    row, _ = pd.factorize(known["configuration"])
    per_trial.index = pd.MultiIndex.from_arrays([row, known["seed"]], names=["row", "seed"])
    per_seed = per_trial.groupby(level=["row", "seed"]).mean()
    found = known.drop_duplicates("configuration")[shown].reset_index(drop=True)
    found["seeds"] = per_seed.groupby("row").size()
    for name in _OBJECTIVES:
        found = found.join(judging.named(intervals.of_shares(judging.by_seed(per_seed[name])), name))
    return found[columns].sort_values("distance", kind="stable", ignore_index=True)


_OBJECTIVES = ("distance", "unstable", "retained")


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = [
        "distance: mean of min(1, |estimate - truth| / truth) over fits; a fit counts 1 that exploded or collapsed, "
        "whose truth is below 0.1 nats, or whose noise leaves less than 5 % of the information. unstable: share of "
        "fits that did not settle. retained: truth / ceiling. Intervals 95 % over seeds.",
    ]
    if len(rows) > 1:
        lines.append("The first row is the best of many, so its distance is likelier too low than too high.")
    if "mine.pairs" in rows:
        lines.append("Rows of different pairs are not to be compared: a distance is a mean over the pairs estimated.")
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("Rows with one seed have no interval: the seed is the unit of statistics.")
    return lines + failures(trials)
