"""Rendering tables for people: markdown, CSV, LaTeX."""

import math

import numpy as np
import pandas as pd

from trainables.config import InputError
from trainables.verdict import BIASES

FORMATS = ("markdown", "csv", "latex")

_HEADINGS = {
    "exploded_epoch": "at epoch",
    "at_zero": "at 0",
    "per_truth": "est./truth",
    "per_target": "est./target",
    "bias_truth": "bias to truth",
    "bias_target": "bias to target",
    "disorder_truth": "disorder (truth)",
    "word": "we say",
    "paper_row": "paper's row",
    "paper": "paper says",
}

_PERCENT = ("exploded", "collapsed", "unsettled", "settled", "at_zero", "disorder", "disorder_truth")

_ONLY_IN_CSV = (
    "estimate_seeds",
    "spread_seeds",
    "spread_replicates",
    *(f"{bias}_{kind}" for kind in ("truth", "target") for bias in BIASES),
)
"""Columns left out where a table is read by people: it would not fit a page."""


def render(rows: pd.DataFrame, kind: str) -> str:
    """A table as text; csv keeps every column and full precision, the others fold intervals into cells.

    Raises:
        InputError: on an unknown format.
    """
    if kind == "csv":
        return rows.to_csv(index=False)
    folded = fold(rows)
    if kind == "markdown":
        return folded.to_markdown(index=False, disable_numparse=True) + "\n"
    if kind == "latex":
        escaped = folded.rename(columns=_latex).map(_latex)
        return escaped.style.hide(axis="index").to_latex(hrules=True)
    raise InputError(f"format is {kind!r}; it must be one of {', '.join(FORMATS)}.")


def fold(rows: pd.DataFrame) -> pd.DataFrame:
    """For reading: `value [low, high]` in one cell, shares in per cent, missing numbers empty."""
    folded = {}
    for name in rows.columns:
        if name.endswith(("_low", "_high")) or name in _ONLY_IN_CSV:
            continue
        percent = name in _PERCENT
        if "." in name:  # a setting: as it was given
            folded[name.split(".")[-1]] = rows[name].map(
                lambda value: f"{value:g}" if isinstance(value, float) else str(value)
            )
            continue
        cells = rows[name].map(lambda value, percent=percent: _cell(value, percent))
        if name == "exploded_epoch":
            cells = rows[name].map(lambda value: "" if pd.isna(value) else f"{value:.0f}")
        if f"{name}_low" in rows:
            bounds = zip(rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
            spans = [
                "" if pd.isna(low) else f" [{_cell(low, percent)}, {_cell(high, percent)}]" for low, high in bounds
            ]
            cells = cells + pd.Series(spans, index=cells.index, dtype=object)
        heading = _HEADINGS.get(name, name)
        folded[f"{heading} %" if percent else heading] = cells
    return pd.DataFrame(folded)


def _cell(value: object, percent: bool) -> str:
    if isinstance(value, float):  # np.float64 is one
        if np.isnan(value):
            return ""
        if math.isinf(value):
            return "inf"
        if percent:
            return f"{100 * value:.0f}"
        return f"{round(value, 2) + 0:.2f}"  # + 0 turns -0.00 into 0.00
    return str(value)


def _latex(text: str) -> str:
    for plain, escaped in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("#", r"\#")):
        text = text.replace(plain, escaped)
    return text
