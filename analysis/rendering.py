"""Columns of a table, and the table as text: markdown, CSV, LaTeX; numbers rounded, intervals folded into cells."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from trainables.settings import InputError, setting, short_name

FORMATS = ("markdown", "csv", "latex")

INTERVAL = ("low", "high")
"""Parts of a column whose interval is over the row's `seeds`."""

OWN_INTERVAL = ("low", "high", "seeds")
"""Parts of a column whose interval is over seeds of its own number."""


@dataclass(frozen=True)
class Column:
    """A column of a table, and how people read it.

    Attributes:
        heading: over it where people read it; by default its name.
        percent: whether it is a share, shown in per cent.
        digits: after the point; None: 0 of a share, else 2.
        parts: endings of columns that belong to it and are folded into its cells: `low`, `high`, `seeds`; `pairs`, of
            how many of the row's `pairs` it is; `least` and `most`, which make a column of their own.
        setting: whether it holds a setting, shown as it was given.
        hidden: whether it is in the CSV file alone.
    """

    name: str
    heading: str | None = None
    percent: bool = False
    digits: int | None = None
    parts: tuple[str, ...] = ()
    setting: bool = False
    hidden: bool = False

    @property
    def names(self) -> list[str]:
        """Its own name and those of its parts."""
        return [self.name, *(f"{self.name}_{part}" for part in self.parts)]

    def title(self) -> str:
        """What people read over it.

        >>> Column("exploded", percent=True).title(), Column("mine.noise_std", setting=True).title()
        ('exploded %', 'noise_std')
        """
        if self.setting:
            return short_name(self.name)
        text = self.heading or self.name.replace("_", " ")
        return f"{text} %" if self.percent else text

    def cell(self, value: object) -> str:
        """A value for reading: rounded, in per cent where it is a share; empty if it is missing.

        >>> Column("settled", percent=True).cell(0.256), Column("truth").cell(-0.001), Column("truth").cell(np.nan)
        ('26', '0.00', '')
        """
        if self.setting:
            return setting(value)
        if value is None or value is pd.NA:
            return ""
        if not isinstance(value, float):  # np.float64 is one
            return str(value)
        if np.isnan(value):
            return ""
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        digits = (0 if self.percent else 2) if self.digits is None else self.digits
        return f"{round(100 * value if self.percent else value, digits) + 0:.{digits}f}"  # + 0 turns -0.00 into 0.00


def names(columns: Iterable[Column]) -> list[str]:
    """The names of columns and of their parts, in order."""
    return [name for column in columns for name in column.names]


class Read(NamedTuple):
    """A column as people read it: its heading, its cells, the values that they are made from, and its name."""

    heading: str
    cells: pd.Series
    values: pd.Series
    name: str


def render(rows: pd.DataFrame, columns: Sequence[Column], kind: str) -> str:
    """A table as text; csv keeps every column and full precision, the others fold intervals into cells.

    >>> rows = pd.DataFrame({"mine.epochs": [5], "settled": [0.5]})
    >>> print(render(rows, [Column("settled", percent=True)], "markdown"), end="")
    | mine.epochs   | settled %   |
    |:--------------|:------------|
    | 5             | 50          |

    Args:
        columns: those that the table declares; all others are settings.

    Raises:
        InputError: on an unknown format.
    """
    if kind == "csv":
        return rows.to_csv(index=False)
    folded = fold(rows, columns)
    if kind == "markdown":
        return folded.to_markdown(index=False, disable_numparse=True) + "\n"
    if kind == "latex":
        escaped = folded.rename(columns=_latex).map(_latex)
        return escaped.style.hide(axis="index").to_latex(hrules=True)
    raise InputError(f"format is {kind!r}; it must be one of {', '.join(FORMATS)}.")


def fold(rows: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """For reading: `value [low, high]` in one cell, shares in per cent, missing numbers empty.

    An interval from another number of seeds than the row's `seeds` says its own, `value [low, high] n=3`, and a number
    from fewer pairs than the row's those, `value 3 of 4 pairs`.

    >>> rows = pd.DataFrame({"settled": [0.5], "settled_low": [0.25], "settled_high": [0.75]})
    >>> fold(rows, [Column("settled", percent=True, parts=INTERVAL)]).iloc[0, 0]
    '50 [25, 75]'
    """
    return pd.DataFrame({heading: cells for heading, cells, *_ in read(rows, columns)})


def read(rows: pd.DataFrame, columns: Sequence[Column]) -> Iterator[Read]:
    """The columns of a table as people read them."""
    declared = {column.name: column for column in columns}
    parts = {name for column in columns for name in column.names[1:]}
    for name in (name for name in map(str, rows) if name not in parts):
        column = declared.get(name, Column(name, setting=True))
        if column.hidden:
            continue
        yield Read(column.title(), _cells(rows, column), rows[name], name)
        if "least" in column.parts:
            ends = (_texts(rows, column, end) for end in ("_least", "_most"))
            spans = [one if one == other else f"{one} to {other}" for one, other in zip(*ends, strict=True)]
            texts = pd.Series(spans, index=rows.index, dtype=object)
            yield Read(f"{column.title()} of pairs", texts, texts, f"{name}_least")


def condensed(columns: Sequence[Read]) -> tuple[list[Read], list[str]]:
    """The columns in which rows differ, and in words what the others hold; empty ones alone of a single row.

    >>> rows = pd.DataFrame({"fits": [96, 96], "stuck": [0.1, 0.2], "paper": ["", ""]})
    >>> kept, same = condensed(list(read(rows, [Column("fits"), Column("stuck", percent=True), Column("paper")])))
    >>> [one.heading for one in kept], same
    (['stuck %'], ['fits 96', 'no paper'])
    """
    kept, same = [], []
    for column in columns:
        first, *_ = texts = column.cells.unique()
        if len(texts) > 1 or (first and len(column.cells) == 1):
            kept.append(column)
        else:
            same.append(f"{column.heading} {first}" if first else f"no {column.heading}")
    return kept, same


def _texts(rows: pd.DataFrame, column: Column, part: str = "") -> pd.Series:
    return rows[f"{column.name}{part}"].map(column.cell).astype(object)


def _cells(rows: pd.DataFrame, column: Column) -> pd.Series:
    """A column's numbers, with their interval, and n and pairs where these are not the row's."""
    cells = _texts(rows, column)
    if "low" in column.parts:
        low, high = _texts(rows, column, "_low"), _texts(rows, column, "_high")
        cells += np.where(low == "", "", " [" + low + ", " + high + "]")
    if "seeds" in column.parts:
        own = rows[f"{column.name}_seeds"]
        differ = own != rows["seeds"] if "seeds" in rows else own.notna()
        cells += [f" n={n:.0f}" if text and other else "" for text, n, other in zip(cells, own, differ, strict=True)]
    if "pairs" in column.parts:
        counts = zip(cells, rows[f"{column.name}_pairs"], rows["pairs"], strict=True)
        cells += [f" {n} of {all_} pairs" if text and n < all_ else "" for text, n, all_ in counts]
    return cells


def _latex(text: str) -> str:
    for plain, escaped in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("#", r"\#")):
        text = text.replace(plain, escaped)
    return text
