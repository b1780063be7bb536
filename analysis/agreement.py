"""The paper's Table 2 beside ours, and in which share of the settings that were run each of its rows comes out."""

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


def side_by_side(stability: pd.DataFrame) -> pd.DataFrame:
    """The rows of the paper's Table 2 in its order, with our word beside the paper's.

    >>> from analysis import tables
    >>> rows, _ = tables.build("stability", "docs/example/results")
    >>> side_by_side(rows)[["variable", "paper_row", "mine.hidden_units"]].head(3).values.tolist()
    [['X', 'Architecture 1', 10], ['X', 'Architecture 1(2)', 10], ['X', 'Architecture 1(3)', 20]]

    Args:
        stability: as `analysis.stability.table` returns it, by variable.

    Returns:
        The settings, and the columns of `stability` that the words rest on; a row for every configuration that is
        one of the paper's.
    """
    place = {(variable, name): number for number, (variable, _, _, name, _) in enumerate(paper.STABILITY)}
    number = pd.Series(zip(stability["variable"], stability["paper_row"], strict=True)).map(place)
    chosen = stability.assign(place=number.to_numpy()).dropna(subset="place")
    settings = [name for name in stability.columns.astype(str) if "." in name]
    return chosen.sort_values("place", kind="stable")[
        ["variable", "paper_row", *settings, "seeds", "paper", "word", "agrees", *_EVIDENCE]
    ].reset_index(drop=True)


def side_by_side_notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of Table 2 beside ours."""
    lines = [
        "Shares are of fits, intervals 95 % over seeds (by Wilson where all seeds show 0 or 100 %), values in nats. "
        "estimate, truth and optimum: means over pairs; truth and optimum of all fits, the estimate of the pairs and "
        "runs in which fits settled, so conditional on not exploding (n of m pairs: in the others none did).",
    ]
    if rows.empty:
        lines.append("No configuration here is one of the paper's.")
    elif trials["mine.samples"].notna().any():
        lines.append(f"A reduced scale: {trials['mine.samples'].min()} samples at the least; the paper's is not known.")
    if (rows["seeds"] == 1).any():
        lines.append("Rows with one seed have no interval: the seed is the unit of statistics.")
    return lines + failures(trials)


_EVIDENCE = [
    "exploded", "exploded_low", "exploded_high", "collapsed", "stuck", "unsettled", "settled",
    "settled_low", "settled_high", "pairs",
    "estimate", "estimate_low", "estimate_high", "estimate_seeds", "estimate_pairs", "truth", "optimum",
]  # fmt: skip

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
