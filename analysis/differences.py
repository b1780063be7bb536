"""Two configurations that differ in one setting, compared by intervals on the difference."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import cells, configurations, intervals, levels, selection
from analysis.rendering import OWN_INTERVAL, Column
from analysis.results import Results
from trainables.settings import InputError, setting

COLUMNS = (
    Column("field"), Column("from", setting=True), Column("to", setting=True), Column("others"), Column("variable"),
    Column("paired"), Column("exploded", percent=True, parts=OWN_INTERVAL),
    Column("settled", percent=True, parts=OWN_INTERVAL), Column("estimate", parts=OWN_INTERVAL), Column("truth"),
    Column("optimum"), Column("per_truth", "est./truth", parts=OWN_INTERVAL),
)  # fmt: skip


def rows(results: Results, field: str | None = None) -> pd.DataFrame:
    """One row per variable and two configurations that differ in one field alone: its first value and each other.

    The shares `exploded` and `settled`, the settled `estimate` in nats (over the pairs and runs that settled in both,
    seed by seed) and `per_truth` (the median over pairs that have both of their ratios' difference) are differences,
    `to` less `from`; beside the estimate's that of the rows' `truth` and `optimum`; `others`: the other varied
    settings. Seeds that both have are compared with each other; where fewer than two are shared it is Welch's interval,
    except for the estimate, and `paired` says no.

    Args:
        field: name or path of a field that the study varies; None: each of them in turn.

    Raises:
        InputError: if the study does not vary the field.
    """
    varied = configurations.varied_columns(results.trials)
    if field is not None and (field := selection.path_of(field, f"field is {field!r}")) not in varied:
        raise InputError(f"field is {field!r}; it must be one that the study varies: {', '.join(varied) or 'none'}.")
    fits, made = cells.arrange(results, "variable")
    lines, pairs = [], []
    for path in [field] if field else varied:
        others = [one for one in varied if one != path]
        for first, second in _neighbours(made, path, others):
            words = configurations.in_words(made.loc[first], others)
            lines.append((path, made.loc[first, path], made.loc[second, path], words, made.loc[first, "variable"]))
            pairs.append((first, second))
    found = pd.DataFrame(lines, columns=["field", "from", "to", "others", "variable"])
    return found.join(_compared(results, fits, *np.array(pairs).T)) if lines else found


def _neighbours(made: pd.DataFrame, path: str, others: list[str]) -> Iterator[tuple[int, int]]:
    """Rows that differ in one setting alone: the one with its first value, and each other."""
    texts = made[others].map(setting).agg("/".join, axis=1) if others else [""] * len(made)
    for _, group in made.assign(others=texts).sort_values(path).groupby(["others", "variable"]):
        for second in group.index[1:]:
            yield group.index[0], second


def _compared(
    results: Results, fits: pd.DataFrame, first: NDArray[np.int64], second: NDArray[np.int64]
) -> pd.DataFrame:
    """The differences of rows `second` less `first`, one line per pair."""

    def both(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        return table.loc[first].reset_index(drop=True), table.loc[second].reset_index(drop=True)

    a, b = both(cells.per_seed((fits["outcome"] == "exploded").astype(float), fits))
    paired = (a.notna() & b.notna()).sum(axis=1) > 1
    found = [pd.DataFrame({"paired": np.where(paired, "yes", "no")})]
    for name in ("exploded", "settled"):
        a, b = both(cells.per_seed((fits["outcome"] == name).astype(float), fits))
        found.append(_between(name, b - a, a, b, paired, np.ones(len(a))))
    by_cell = fits["settled_estimate"].groupby([fits["row"], fits["seed"], fits["cell"]]).mean().unstack([1, 2])
    a, b = both(by_cell)
    most = levels.highest(fits, results.rule)
    ends = np.fmax(*(most[rows].to_numpy() for rows in (first, second)))
    of_seeds = (b - a).T.groupby("seed").mean().T
    found.append(_between("estimate", of_seeds, of_seeds, of_seeds, paired | True, ends))
    a, b = both(levels.table(fits, results.rule)[list(levels.KINDS)])
    with np.errstate(invalid="ignore"):  # of two infinite optima there is no difference
        found.append(b - a)
    usable = fits["truth"].where(fits["truth"] >= results.rule.least_reference)
    most = most / usable.groupby(fits["row"]).min()
    ends = np.fmax(*(most[rows].to_numpy() for rows in (first, second)))
    ratios = levels.ratios(fits, "truth", results.rule)
    a, b = (pd.DataFrame(levels.median(ratios[rows])) for rows in (first, second))
    difference = pd.DataFrame(levels.median(ratios[second] - ratios[first]))
    found.append(_between("per_truth", difference, a, b, paired, ends))
    return pd.concat(found, axis=1)


def _between(
    name: str, difference: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame, paired: pd.Series, most: NDArray[np.float64]
) -> pd.DataFrame:
    """Intervals on differences per seed, or on b - a where lines are not paired; of numbers from 0 to `most`."""
    most = np.where(np.isnan(most), np.inf, most)
    found = [
        intervals.of_means(difference[paired], within=(-most[paired], most[paired])),
        intervals.of_differences(a[~paired], b[~paired], within=(-most[~paired], most[~paired])),
    ]
    return intervals.named(name, pd.concat([one for one in found if len(one)]).sort_index())


def certain(rows: pd.DataFrame, measure: str) -> pd.Series:
    """Whether the interval on a measure's difference leaves out 0.

    >>> certain(pd.DataFrame({"settled_low": [0.1, -0.1], "settled_high": [0.2, 0.2]}), "settled").tolist()
    [True, False]
    """
    return (rows[f"{measure}_low"] > 0) | (rows[f"{measure}_high"] < 0)


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = [
        "Differences of two configurations that differ in one field: the value under `to` less that under `from`, "
        "paired by seed, 95 % intervals over seeds, n seeds (no interval where the seeds' differences are equal or "
        "there is one). An interval that leaves out 0 is a difference; with many rows one in twenty does so by chance.",
        "estimate: over the pairs and runs that settled in both; truth and optimum: over all, empty where both are "
        "infinite; est./truth: the median over pairs of the difference of their ratios.",
    ]
    if not len(rows):
        lines.append("No two configurations of this study differ in one field alone.")
    elif (rows["paired"] == "no").any():
        lines.append("Rows that are not paired share fewer than two seeds: Welch's interval.")
    return lines
