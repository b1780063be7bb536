"""The paper's Table 2 beside ours, and in which share of the settings that were run each of its rows comes out."""

import pandas as pd

from analysis import configurations, judging, paper, stability
from analysis.stability import failures
from analysis.words import WORDS
from trainables.verdict import VerdictRule


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per row of the paper's Table 2 that has configurations here.

    Args:
        rows: as `analysis.stability.table` returns them, by variable.

    Returns:
        `variable`, `paper_row`, `paper`, `configurations`, the least number of their `seeds`, and the shares that
        `agree`, and that we call `exploding`, `converged`, `underestimated` or by no word (`no_word`).
    """
    found = []
    for variable, _, _, name, word in paper.STABILITY:
        chosen = rows[(rows["variable"] == variable) & (rows["paper_row"] == name)]
        if chosen.empty:
            continue
        shares = chosen["word"].value_counts(normalize=True)
        named = [shares.get(each, 0.0) for each in (*WORDS, "")]
        agree = (chosen["agrees"] == "yes").mean()
        found.append((variable, name, word, len(chosen), chosen["seeds"].min(), agree, *named))
    return pd.DataFrame(found, columns=_COLUMNS)


def side_by_side(trials: pd.DataFrame, fits: pd.DataFrame, rule: VerdictRule | None = None) -> pd.DataFrame:
    """The rows of the paper's Table 2 in its order, with our word beside the paper's.

    Args:
        trials: as `frames.trials` returns them.
        fits: as `judging.fits` returns them, of these trials.

    Returns:
        A row for every configuration that is one of the paper's, its authors' own construction (`counted`) first:
        `variable`, `paper_row`, `samples`, `seeds`, `front` (none with architecture 1), the settings that tell rows
        apart, the words, `agrees`, `counted`, and the columns of `stability` that the words rest on.
    """
    known = pd.concat([trials.assign(variable=variable) for variable in "XY"])
    theirs = known.index[paper.stability_rows(known.reset_index(drop=True))["paper_row"].to_numpy() != ""]
    chosen = trials[trials.index.isin(theirs)]
    rows = stability.table(chosen, judging.of(chosen, fits), rule)
    rows = rows[rows["paper_row"] != ""].reset_index(drop=True)
    available = _setting(rows, chosen, "data.name").map(configurations.TRAINING_SAMPLES)
    samples = _setting(rows, chosen, "mine.samples").fillna(available)
    front = _setting(rows, chosen, "mine.front").where(rows["mine.architecture"] != 1, "none")
    rows = rows.assign(samples=samples.astype(int), front=front)
    order = [(variable, name) for variable, _, _, name, _ in paper.STABILITY]
    place = [order.index(row) for row in rows[["variable", "paper_row"]].itertuples(index=False, name=None)]
    rows = rows.assign(place=place, later=rows["counted"] != "yes").sort_values(["place", "later"], kind="stable")
    # A row is of one variable, whatever pairs of the other its trials estimated.
    shown = [
        path
        for path in configurations.shown_columns(chosen)
        if path not in ("mine.front", "mine.samples", "mine.pairs")
    ]
    shown = [path for path in shown if path in configurations.ALWAYS_SHOWN or rows[path].astype(str).nunique() > 1]
    columns = ["variable", "paper_row", "samples", "seeds", "front", *shown, "paper", "word", "agrees", "counted"]
    return rows[[*columns, *_EVIDENCE]].reset_index(drop=True)


def _setting(rows: pd.DataFrame, trials: pd.DataFrame, path: str) -> pd.Series:
    """A setting of each row, also where all trials share it, so that the table has no column of it."""
    return rows[path] if path in rows else pd.Series(trials[path].iloc[:1].tolist() * len(rows), rows.index, object)


def side_by_side_notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of Table 2 beside ours."""
    lines = [
        "counted: the authors' own construction; beside it other ways to build a row as the paper describes it. Shares "
        "are of fits, intervals 95 % over seeds (by Wilson where all seeds show 0 or 100 %), values in nats. "
        "estimate, truth and optimum: means over pairs; truth and optimum of all fits, the estimate of the pairs and "
        "runs in which fits settled, so conditional on not exploding (n of m pairs: in the others none did).",
    ]
    if rows.empty:
        lines.append("No configuration here is one of the paper's.")
    else:
        counted = rows[rows["counted"] == "yes"]
        lines.append(
            f"{(counted['agrees'] == 'yes').sum()} of {len(counted)} counted rows agree; the paper has "
            f"{len(paper.STABILITY)} rows."
        )
    if (rows["front"] == "redrawn").any():
        lines.append(stability.REDRAWN)
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
