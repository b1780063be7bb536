"""The distance table: how far each configuration's estimates are from the truth, the nearest first."""

import pandas as pd

from analysis import intervals
from analysis.rendering import INTERVAL, Column
from analysis.results import Results
from trainables import objectives

_OBJECTIVES = ("distance", "unstable", "retained")

COLUMNS = (Column("seeds"), *(Column(name, percent=True, parts=INTERVAL) for name in _OBJECTIVES))


def rows(results: Results) -> pd.DataFrame:
    """One row per configuration: what a search minimises, over all pairs that were estimated.

    `distance`: `objectives.distance_to_truth`; `unstable`: `instability`; `retained`: `retained_information`.
    """
    per_trial = pd.DataFrame(
        {
            key: {
                "distance": objectives.distance_to_truth(fits, results.rule),
                "unstable": objectives.instability(fits, results.rule),
                "retained": objectives.retained_information(fits),
            }
            for key, fits in results.estimates.groupby("key", observed=True)
        }
    ).T
    known = results.trials.loc[per_trial.index]
    per_seed = per_trial.groupby([known["configuration"], known["seed"]]).mean()
    found = known.drop_duplicates("configuration").set_index("configuration")
    found["seeds"] = per_seed.groupby("configuration").size()
    for name in _OBJECTIVES:
        found = found.join(intervals.named(name, intervals.of_shares(per_seed[name].unstack())))
    return found.sort_values("distance", kind="stable")


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
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
    return lines
