"""Rendering tables for people: markdown, CSV, LaTeX."""

import numpy as np
import pandas as pd

from trainables.config import InputError

FORMATS = ("markdown", "csv", "latex")

_HEADINGS = {
    "exploded_epoch": "at epoch",
    "spread_seeds": "sd seeds",
    "spread_replicates": "sd replicates",
    "paper_row": "paper's row",
    "paper": "paper says",
}


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
        if name.endswith(("_low", "_high")):
            continue
        percent = name in ("exploded", "collapsed", "unsettled", "settled")
        cells = rows[name].map(lambda value, percent=percent: _cell(value, percent))
        if f"{name}_low" in rows:
            bounds = zip(rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
            spans = [
                "" if pd.isna(low) else f" [{_cell(low, percent)}, {_cell(high, percent)}]" for low, high in bounds
            ]
            cells = cells + pd.Series(spans, index=cells.index, dtype=object)
        heading = _HEADINGS.get(name, name.split(".")[-1])
        folded[f"{heading} %" if percent else heading] = cells
    return pd.DataFrame(folded)


def _cell(value: object, percent: bool) -> str:
    if isinstance(value, float):  # np.float64 is one
        if np.isnan(value):
            return ""
        if percent:
            return f"{100 * value:.0f}"
        # Settings such as 3e-05 keep their digits, results are shown to the hundredth of a nat.
        return f"{value:.2f}" if abs(value) >= 0.005 or value == 0 else f"{value:.2g}"
    return str(value)


def _latex(text: str) -> str:
    for plain, escaped in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("#", r"\#")):
        text = text.replace(plain, escaped)
    return text
