"""The agreement table: in which share of the settings that were run each row of the paper's Table 2 comes out."""

import pandas as pd

from analysis import paper
from analysis.stability import failures
from trainables.verdict import WORDS


def table(stability: pd.DataFrame) -> pd.DataFrame:
    """One row per row of the paper's Table 2 that has configurations here.

    >>> from analysis import tables
    >>> rows, _ = tables.build("stability", "docs/example/results")
    >>> table(rows)[["variable", "paper_row", "configurations"]].head(2).values.tolist()
    [['X', 'Architecture 1', 1], ['X', 'Architecture 1(2)', 1]]

    Args:
        stability: as `analysis.stability.table` returns it, by variable.

    Returns:
        `variable`, `paper_row`, `paper`, `configurations`, the least number of their `seeds`, and the shares that
        `agree`, and that we call `exploding`, `converged`, `underestimated` or by no word (`no_word`).
    """
    rows = []
    for variable, _, _, name, word in paper.STABILITY:
        chosen = stability[(stability["variable"] == variable) & (stability["paper_row"] == name)]
        if chosen.empty:
            continue
        shares = chosen["word"].value_counts(normalize=True)
        named = [shares.get(each, 0.0) for each in (*WORDS, "")]
        agree = (chosen["agrees"] == "yes").mean()
        rows.append((variable, name, word, len(chosen), chosen["seeds"].min(), agree, *named))
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "variable", "paper_row", "paper", "configurations", "seeds", "agree",
    "exploding", "converged", "underestimated", "no_word",
]  # fmt: skip


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = ["Shares of the configurations that were run; a configuration's word is that of most of its seeds."]
    if rows.empty:
        lines.append("No configuration here is one of the paper's.")
    elif (rows["seeds"] == 1).any():
        lines.append("Where seeds is 1, one seed alone decides the word of some configurations.")
    return lines + failures(trials)
