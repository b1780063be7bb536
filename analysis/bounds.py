"""The table of bounds: which bound, on which marginal samples, comes nearest to the truth, and what it costs."""

import pandas as pd

from analysis import configurations, intervals
from analysis.rendering import INTERVAL, Column
from analysis.results import Results
from trainables import objectives, verdict
from trainables.verdict import VerdictRule

_BY = ["mine.bound", "mine.marginals"]

_VALUES = ("distance", "distance_X", "distance_Y", "unreachable", "exploded")

COLUMNS = (
    Column("bound"), Column("marginals"), Column("settings"), Column("seeds"),
    *(Column(name, percent=True, parts=INTERVAL) for name in _VALUES), Column("cost"),
)  # fmt: skip


def rows(results: Results) -> pd.DataFrame:
    """One row per bound and kind of marginal samples, over all other settings that it was run with.

    `settings`: how many others; `distance`: `objectives.distance_to_truth` of all pairs, `distance_X`, `distance_Y`;
    `unreachable`: the distance of the optimum itself; `exploded`: share of fits; `cost`: median over trials of MINE's
    seconds by the median of Donsker-Varadhan's with the same other settings. Least distance first.
    """
    known = results.trials[results.trials.index.isin(results.estimates["key"])].copy()
    known["mine.marginals"] = known["mine.marginals"].astype(object).mask(known["mine.bound"] == "infonce", "none")
    others = [name for name in configurations.shown_columns(known) if name not in _BY]
    known["others"] = known[others].astype(str).agg("|".join, axis=1) if others else ""
    usual = known[known["mine.bound"] == "donsker_varadhan"].groupby("others")["seconds_mine"].median()
    known["cost"] = known["seconds_mine"] / known["others"].map(usual)
    values = {key: _of_trial(fits, results.rule) for key, fits in results.estimates.groupby("key", observed=True)}
    by = [known[name].astype(str) for name in _BY]
    per_seed = pd.DataFrame(values).T.groupby([*by, known["seed"]]).mean()
    grouped = known.groupby(by)
    found = grouped["others"].nunique().to_frame("settings")
    found["seeds"], found["cost"] = grouped["seed"].nunique(), grouped["cost"].median()
    for name in _VALUES:
        found = found.join(intervals.named(name, intervals.of_shares(per_seed[name].unstack())))
    found = found.rename_axis(["bound", "marginals"]).reset_index()
    return found.sort_values("distance", kind="stable")


def _of_trial(fits: pd.DataFrame, rule: VerdictRule) -> dict[str, float]:
    variable = fits["pair"].astype(str).str[0]
    enough = fits[fits["truth"] >= rule.least_reference]
    short = ((enough["optimum"] - enough["truth"]).abs() / enough["truth"]).clip(upper=1)
    of_variables = {name: fits[variable == name] for name in "XY"}
    return {
        "distance": objectives.distance_to_truth(fits, rule),
        **{
            f"distance_{name}": objectives.distance_to_truth(part, rule) if len(part) else float("nan")
            for name, part in of_variables.items()
        },
        "unreachable": float(short.mean()),
        "exploded": float((verdict.outcome(fits, rule) == "exploded").mean()),
    }


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = [
        "distance: mean of min(1, |estimate - truth| / truth) over fits, as the table of distance has it; a fit counts "
        "1 that exploded, collapsed or is stuck, whose truth is below 0.1 nats, or whose noise leaves less than 5 % of "
        "the information. unreachable: the same of the optimum, over fits with a truth of 0.1 nats: what no network "
        "and no optimizer can mend. Intervals 95 % over seeds. cost: of MINE's training, 1 for Donsker-Varadhan."
    ]
    if len(rows) and rows["settings"].nunique() > 1:
        lines.append("Rows were not all run with as many settings: compare those of one number.")
    return lines
