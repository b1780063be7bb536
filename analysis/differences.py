"""Two configurations that differ in one setting, compared by intervals on the difference."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import configurations, intervals, judging, levels, selection, stability
from trainables.settings import InputError
from trainables.verdict import VerdictRule, outside_tolerance

MEASURES = ("exploded", "settled", "estimate", "per_truth")


def table(
    trials: pd.DataFrame, estimates: pd.DataFrame, rule: VerdictRule | None = None, field: str | None = None
) -> pd.DataFrame:
    """One row per variable and two configurations that differ in `field` alone: the first value and each other.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> rows = table(frames.trials(source), judging.fits(source), field="mine.transfer_mode")
    >>> rows[["from", "to"]].drop_duplicates().values.tolist()
    [['finetune', 'reinit']]

    Args:
        field: name or path of a field that the study varies; None: each of them in turn.

    Returns:
        `field`, `from`, `to`, `others` (the other varied settings), `variable`; then for the shares `exploded` and
        `settled`, the settled `estimate` in nats (over the pairs and runs that settled in both, seed by seed) and
        `per_truth` (the median over pairs that have both of their ratios' difference) the difference `to` less `from`
        with its interval and n; beside the estimate's that of the rows' `truth` and `optimum`. Seeds that both have are
        compared with each other; where fewer than two are shared it is Welch's interval, except for the estimate, and
        `paired` says no.

    Raises:
        InputError: if the study does not vary the field.
    """
    varied = configurations.varied_columns(trials)
    if field is not None and (field := selection.path_of(field, f"field is {field!r}")) not in varied:
        raise InputError(f"field is {field!r}; it must be one that the study varies: {', '.join(varied) or 'none'}.")
    names = [f"{measure}{end}" for measure in MEASURES for end in ("", "_low", "_high", "_seeds")]
    place = names.index("per_truth")
    columns = ["field", "from", "to", "others", "variable", "paired", *names[:place], *levels.KINDS, *names[place:]]
    if estimates.empty:
        return pd.DataFrame(columns=columns)
    judged, made = judging.arrange(trials, judging.judge(estimates, rule), "variable")
    found = _Found.of(judged, rule or VerdictRule())
    lines = []
    for path in [field] if field else varied:
        for first, second in _neighbours(made, varied, path):
            line = _compare(found, first, second)
            others = configurations.in_words(made.loc[first], [one for one in varied if one != path])
            values = {"from": made.loc[first, path], "to": made.loc[second, path]}
            lines.append({"field": path, **values, "others": others, "variable": made.loc[first, "variable"], **line})
    return pd.DataFrame(lines, columns=columns)


def _neighbours(made: pd.DataFrame, varied: list[str], path: str) -> Iterator[tuple[int, int]]:
    """Rows that differ in one setting alone: the one with its first value, and each other."""
    others = [one for one in varied if one != path]
    texts = (
        made[others].map(configurations.setting).agg("/".join, axis=1) if others else pd.Series("", index=made.index)
    )
    for _, group in made.sort_values(path).groupby([texts, "variable"], sort=True):
        for second in group.index[1:]:
            yield group.index[0], second


@dataclass(frozen=True)
class _Found:
    """What the rows' differences are made of."""

    shares: pd.DataFrame
    """`exploded` and `settled` by (row, seed)."""
    cells: pd.Series
    """Mean settled estimate by (row, seed, cell)."""
    ratios: NDArray[np.float64]
    """Estimate by truth, shape (rows, pairs, seeds)."""
    references: pd.DataFrame
    """`truth` and `optimum` by row."""
    most: pd.DataFrame
    """The most that an estimate and its ratio to the truth can be, by row: `estimate`, `per_truth`."""

    @classmethod
    def of(cls, judged: pd.DataFrame, rule: VerdictRule) -> "_Found":
        flags = pd.DataFrame({name: (judged["outcome"] == name).astype(float) for name in ("exploded", "settled")})
        cells = judged["settled_estimate"].groupby([judged["row"], judged["seed"], judged["cell"]]).mean().dropna()
        ceiling = judged.groupby("row")["ceiling"].max()
        most = ceiling + outside_tolerance(ceiling, rule)
        truth = judged["truth"].where(judged["truth"] >= rule.least_reference).groupby(judged["row"]).min()
        return cls(
            flags.groupby([judged["row"], judged["seed"]]).mean(),
            cells,
            levels.ratios(judged, "truth", rule),
            levels.table(judged, rule)[list(levels.KINDS)],
            pd.DataFrame({"estimate": most, "per_truth": most / truth}),
        )


def _compare(found: _Found, first: int, second: int) -> dict[str, object]:
    a, b = found.shares.loc[first], found.shares.loc[second]
    shared = a.index.intersection(b.index)
    paired = len(shared) > 1
    if paired:
        a, b = a.loc[shared], b.loc[shared]
    between = intervals.of_paired_difference if paired else intervals.of_difference
    made = {name: between(a[name], b[name], within=(-1, 1)) for name in ("exploded", "settled")}
    ends = found.most.loc[[first, second]].max()
    rows = found.cells.index.get_level_values("row")
    none = found.cells.iloc[:0].droplevel("row")
    both = [found.cells[one] if (rows == one).any() else none for one in (first, second)]
    made["estimate"] = intervals.of_mean((both[1] - both[0]).groupby("seed").mean(), within=_ends(ends["estimate"]))
    ratio = found.ratios[[first, second]]
    if paired:
        made["per_truth"] = intervals.of_mean(levels.median(ratio[1:] - ratio[:1])[0], within=_ends(ends["per_truth"]))
    else:
        one, other = levels.median(ratio)
        made["per_truth"] = intervals.of_difference(one, other, within=_ends(ends["per_truth"]))
    with np.errstate(invalid="ignore"):  # of two infinite optima there is no difference
        line: dict[str, object] = dict(found.references.loc[second] - found.references.loc[first])
    line["paired"] = "yes" if paired else "no"
    for name, interval in made.items():
        for end, value in zip(("", "_low", "_high", "_seeds"), interval, strict=True):
            line[f"{name}{end}"] = value
    return line


def _ends(most: float) -> tuple[float, float]:
    """What the difference of two numbers from 0 to `most` can be."""
    return (-np.inf, np.inf) if np.isnan(most) else (-most, most)


def certain(rows: pd.DataFrame, measure: str) -> pd.Series:
    """Whether the interval on a measure's difference leaves out 0.

    >>> certain(pd.DataFrame({"settled_low": [0.1, -0.1], "settled_high": [0.2, 0.2]}), "settled").tolist()
    [True, False]
    """
    return (rows[f"{measure}_low"] > 0) | (rows[f"{measure}_high"] < 0)


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table, in sentences.

    >>> from analysis import frames
    >>> notes(frames.trials("docs/example/results"), pd.DataFrame())[0][:11]
    'Differences'
    """
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
    return lines + stability.failures(trials)
