"""Tables as text for people: markdown, CSV, LaTeX; numbers rounded, intervals folded into cells."""

import math

import numpy as np
import pandas as pd

from analysis.configurations import setting
from trainables.settings import InputError, short_name
from trainables.verdict import BIASES

FORMATS = ("markdown", "csv", "latex")

_HEADINGS = {
    "exploded_epoch": "at epoch",
    "truth_at_ceiling": "truth at ceiling",
    "per_truth": "est./truth",
    "per_optimum": "est./optimum",
    "bias_truth": "bias to truth",
    "bias_optimum": "bias to optimum",
    "disorder_truth": "disorder (truth)",
    "word": "we say",
    "paper_row": "paper's row",
    "paper": "paper says",
    "paper_accuracy": "paper",
    "deviation": "less the paper's",
    "reinit_settled": "reinit settled",
    "finetune_settled": "finetune settled",
    "spread_seeds": "spread of seeds",
    "spread_replicates": "of replicates",
    "relative_spread_seeds": "spread of seeds /est.",
    "relative_spread_replicates": "of replicates /est.",
    "agreement_seeds": "W of seeds",
    "agreement_replicates": "W of replicates",
    "tau_truth": "tau to truth",
    "violated_truth": "in the truths",
}

PERCENT = (
    "exploded", "collapsed", "stuck", "unsettled", "settled", "truth_at_ceiling", "disorder", "disorder_truth",
    "tied", "reinit_settled", "finetune_settled", "violated", "violated_truth", "wrongly", "accuracy", "spread",
    "least", "most", "paper_accuracy", "deviation", "relative_spread_seeds", "relative_spread_replicates",
    "exploded_halved", "exploded_committed", "exploded_doubled",
    "settled_halved", "settled_committed", "settled_doubled",
    "agree", "exploding", "converged", "underestimated", "no_word", "distance", "unstable", "retained",
    "relative_distance",
)  # fmt: skip

_ONE_DIGIT = ("accuracy", "deviation", "spread", "least", "most", "reinit", "finetune", "difference")

_ONLY_IN_CSV = {"pairs", *(f"{bias}_{kind}" for kind in ("truth", "optimum") for bias in BIASES)}
"""Columns left out where a table is read by people: it would not fit a page."""

_STABILITY_ONLY_IN_CSV = {"spread_seeds", "spread_replicates"}
"""They have a table of their own, the consistency table."""


def render(rows: pd.DataFrame, kind: str) -> str:
    """A table as text; csv keeps every column and full precision, the others fold intervals into cells.

    >>> print(render(pd.DataFrame({"mine.epochs": [5], "settled": [0.5]}), "markdown"), end="")
    | mine.epochs   | settled %   |
    |:--------------|:------------|
    | 5             | 50          |

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
    """For reading: `value [low, high]` in one cell, shares in per cent, missing numbers empty.

    An interval from another number of seeds than the row's `seeds` says its own, `value [low, high] n=3`, and a number
    from fewer pairs than the row's those, `value 3 of 4 pairs`.

    >>> fold(pd.DataFrame({"settled": [0.5], "settled_low": [0.25], "settled_high": [0.75]})).iloc[0, 0]
    '50 [25, 75]'
    """
    hidden = _ONLY_IN_CSV | (_STABILITY_ONLY_IN_CSV if "exploded" in rows else set())
    folded = {}
    for name in map(str, rows.columns):
        base, _, end = name.rpartition("_")
        if (end in _PARTS and base in rows) or name in hidden:
            continue
        if "." in name or name in ("from", "to"):  # a setting: as it was given
            folded[heading(name)] = rows[name].map(setting)
            continue
        folded[heading(name)] = _cells(rows, name)
        if f"{name}_least" in rows:
            ends = (_numbers(rows, f"{name}_{end}", name) for end in ("least", "most"))
            spans = [one if one == other else f"{one} to {other}" for one, other in zip(*ends, strict=True)]
            folded[f"{heading(name)} of pairs"] = pd.Series(spans, index=rows.index, dtype=object)
    return pd.DataFrame(folded)


_PARTS = ("low", "high", "seeds", "pairs", "least", "most")
"""Endings of the columns that are folded into the cells of the column that they belong to."""


def _cells(rows: pd.DataFrame, name: str) -> pd.Series:
    """A column's numbers, with their interval, and n and pairs where these are not the row's."""
    cells = _numbers(rows, name)
    if f"{name}_low" in rows:
        low, high = _numbers(rows, f"{name}_low", name), _numbers(rows, f"{name}_high", name)
        cells += np.where(low == "", "", " [" + low + ", " + high + "]")
    if f"{name}_seeds" in rows:
        seeds = rows[f"{name}_seeds"]
        usual = rows["seeds"] if "seeds" in rows else None
        cells += [f" n={n:.0f}" if text and (usual is None or n != usual.iloc[place]) else ""
                  for place, (text, n) in enumerate(zip(cells, seeds, strict=True))]  # fmt: skip
    if f"{name}_pairs" in rows:
        counts = zip(cells, rows[f"{name}_pairs"], rows["pairs"], strict=True)
        cells += [f" {n} of {all_} pairs" if text and n < all_ else "" for text, n, all_ in counts]
    return cells


def _numbers(rows: pd.DataFrame, name: str, like: str | None = None) -> pd.Series:
    """A column's cells, rounded as those of the column `like`."""
    like = like or name
    percent = like in PERCENT
    digits = 1 if like in _ONE_DIGIT else 0 if percent or like == "exploded_epoch" else 2
    return rows[name].map(lambda value: cell(value, percent, digits)).astype(object)


def heading(name: str) -> str:
    """What stands over a column where people read it.

    >>> heading("exploded"), heading("mine.noise_std"), heading("mine.epochs")
    ('exploded %', 'noise_std', 'mine.epochs')
    """
    if "." in name:
        return short_name(name)
    text = _HEADINGS.get(name, name.replace("_", " "))
    return f"{text} %" if name in PERCENT else text


def cell(value: object, percent: bool = False, digits: int = 2) -> str:
    """A value for reading: rounded, in per cent where it is a share; empty if it is missing.

    >>> cell(0.256, percent=True, digits=0), cell(float("nan")), cell(-0.001), cell(3)
    ('26', '', '0.00', '3')
    """
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, float):  # np.float64 is one
        if np.isnan(value):
            return ""
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return f"{round(100 * value if percent else value, digits) + 0:.{digits}f}"  # + 0 turns -0.00 into 0.00
    return str(value)


def _latex(text: str) -> str:
    for plain, escaped in (("\\", r"\textbackslash{}"), ("_", r"\_"), ("%", r"\%"), ("&", r"\&"), ("#", r"\#")):
        text = text.replace(plain, escaped)
    return text
