"""Two configurations that differ in one setting, compared by intervals on the difference."""

from collections.abc import Iterator

import pandas as pd

from analysis import frames, intervals, judging, stability
from trainables.config import InputError
from trainables.verdict import VerdictRule

MEASURES = ("exploded", "settled", "estimate", "per_truth")


def table(
    trials: pd.DataFrame, estimates: pd.DataFrame, rule: VerdictRule | None = None, field: str | None = None
) -> pd.DataFrame:
    """One row per variable and two configurations that differ in `field` alone: the first value and each other.

    >>> source = "docs/example/results"
    >>> rows = table(frames.trials(source), judging.fits(source), field="mine.transfer_mode")
    >>> rows[["from", "to"]].drop_duplicates().values.tolist()
    [['finetune', 'reinit']]

    Args:
        field: path of a field that the study varies; None: each of them in turn.

    Returns:
        `field`, `from`, `to`, `others` (the other varied settings), `variable`; then for the shares `exploded` and
        `settled`, the settled `estimate` in nats (over the pairs and runs that settled in both, seed by seed) and
        `per_truth` (its median ratio to the truth) the difference `to` less `from` with its interval and n. Seeds
        that both have are compared with each other; where fewer than two are shared it is Welch's interval, but
        for the estimate, and `paired` says no.

    Raises:
        InputError: if the study does not vary the field.
    """
    varied = frames.varied_columns(trials)
    if field is not None and field not in varied:
        raise InputError(f"field is {field!r}; it must be one that the study varies: {', '.join(varied) or 'none'}.")
    names = [f"{measure}{end}" for measure in MEASURES for end in ("", "_low", "_high", "_seeds")]
    columns = ["field", "from", "to", "others", "variable", "paired", *names]
    if estimates.empty:
        return pd.DataFrame(columns=columns)
    judged, made = judging.arrange(trials, judging.judge(estimates, rule), "variable")
    per_seed, cells = _per_seed(judged), _cells(judged)
    lines = []
    for path in [field] if field else varied:
        for first, second in _neighbours(made, varied, path):
            line = _compare(per_seed, cells, first, second)
            others = frames.in_words(made.loc[first], [one for one in varied if one != path])
            values = {"from": made.loc[first, path], "to": made.loc[second, path]}
            lines.append({"field": path, **values, "others": others, "variable": made.loc[first, "variable"], **line})
    return pd.DataFrame(lines, columns=columns)


def _neighbours(made: pd.DataFrame, varied: list[str], path: str) -> Iterator[tuple[int, int]]:
    """Rows that differ in one setting alone: the one with its first value, and each other."""
    others = [one for one in varied if one != path]
    texts = made[others].map(frames.setting).agg("/".join, axis=1) if others else pd.Series("", index=made.index)
    for _, group in made.sort_values(path).groupby([texts, "variable"], sort=True):
        for second in group.index[1:]:
            yield group.index[0], second


def _per_seed(judged: pd.DataFrame) -> pd.DataFrame:
    flags = pd.DataFrame({name: (judged["stability"] == name).astype(float) for name in MEASURES[:2]})
    group = [judged["row"], judged["seed"]]
    return flags.groupby(group).mean().assign(per_truth=judged["per_truth"].groupby(group).median())


def _cells(judged: pd.DataFrame) -> pd.Series:
    return judged["settled_estimate"].groupby([judged["row"], judged["seed"], judged["cell"]]).mean().dropna()


def _compare(per_seed: pd.DataFrame, cells: pd.Series, first: int, second: int) -> dict[str, object]:
    a, b = per_seed.loc[first], per_seed.loc[second]
    shared = a.index.intersection(b.index)
    paired = len(shared) > 1
    rows = cells.index.get_level_values("row")
    both = [cells[one] if (rows == one).any() else cells.iloc[:0].droplevel("row") for one in (first, second)]
    found = {"estimate": intervals.of_mean((both[1] - both[0]).groupby("seed").mean())}
    for name in ("exploded", "settled", "per_truth"):
        if paired:
            found[name] = intervals.of_paired_difference(a.loc[shared, name], b.loc[shared, name])
        else:
            found[name] = intervals.of_difference(a[name], b[name])
    line: dict[str, object] = {"paired": "yes" if paired else "no"}
    for name, interval in found.items():
        for end, value in zip(("", "_low", "_high", "_seeds"), interval, strict=True):
            line[f"{name}{end}"] = value
    return line


def certain(rows: pd.DataFrame, measure: str) -> pd.Series:
    """Whether the interval on a measure's difference leaves out 0.

    >>> certain(pd.DataFrame({"settled_low": [0.1, -0.1], "settled_high": [0.2, 0.2]}), "settled").tolist()
    [True, False]
    """
    return (rows[f"{measure}_low"] > 0) | (rows[f"{measure}_high"] < 0)


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table, in sentences.

    >>> notes(frames.trials("docs/example/results"), pd.DataFrame())[0][:11]
    'Differences'
    """
    lines = [
        "Differences of two configurations that differ in one field: the value under `to` less that under `from`, "
        "paired by seed, 95 % intervals over seeds, n seeds (no interval where the seeds' differences are equal or "
        "there is one). An interval that leaves out 0 is a difference; with many rows one in twenty does so by chance."
    ]
    if not len(rows):
        lines.append("No two configurations of this study differ in one field alone.")
    elif (rows["paired"] == "no").any():
        lines.append("Rows that are not paired share fewer than two seeds: Welch's interval.")
    return lines + stability.failures(trials)
