"""The paper's Table 2 beside ours, and in which share of the settings that were run each of its rows comes out."""

import pandas as pd

from analysis import configurations, paper, stability
from analysis.rendering import Column
from analysis.results import Results
from analysis.words import WORDS

_NONE_HERE = "No configuration here is one of the paper's."

COLUMNS = (
    Column("variable"), Column("paper_row", "paper's row"), Column("paper", "paper says"), Column("configurations"),
    Column("seeds"),
    *(Column(name, percent=True) for name in ("agree", "exploding", "converged", "underestimated", "no_word")),
)  # fmt: skip


def rows(results: Results) -> pd.DataFrame:
    """One row per row of the paper's Table 2 that has configurations here.

    `configurations`, the least number of their `seeds`, and the shares that `agree`, and that we call `exploding`,
    `converged`, `underestimated` or by no word.
    """
    found, of_study = [], results.once(stability.rows)
    for variable, _, _, name, word in paper.STABILITY:
        chosen = of_study[(of_study["variable"] == variable) & (of_study["paper_row"] == name)]
        if chosen.empty:
            continue
        shares = chosen["word"].value_counts(normalize=True)
        named = [shares.get(each, 0.0) for each in (*WORDS, "")]
        agree = (chosen["agrees"] == "yes").mean()
        found.append((variable, name, word, len(chosen), chosen["seeds"].min(), agree, *named))
    return pd.DataFrame(found, columns=[column.name for column in COLUMNS])


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = ["Shares of the configurations that were run; a configuration's word is that of most of its seeds."]
    if rows.empty:
        lines.append(_NONE_HERE)
    elif (rows["seeds"] == 1).any():
        lines.append("Where seeds is 1, one seed alone decides the word of some configurations.")
    return lines


_BEFORE = (Column("variable"), Column("paper_row", "paper's row"), Column("samples"), Column("seeds"), Column("front"))

_AFTER = (
    "paper", "word", "agrees", "counted", "exploded", "collapsed", "stuck", "unsettled", "settled", "pairs", "estimate",
    "truth", "optimum",
)  # fmt: skip

BESIDE_COLUMNS = (*_BEFORE, *({column.name: column for column in stability.COLUMNS}[name] for name in _AFTER))
"""What names a row, the words, and the columns of the stability table that the words rest on."""


def beside_settings(results: Results) -> list[str]:
    """The settings that tell rows apart. A row is of one variable, whatever pairs of the other its trials estimated."""
    shown = configurations.shown_columns(results.once(_of_paper).trials)
    made = results.once(beside_rows)
    return [
        path
        for path in shown
        if path not in ("mine.front", "mine.samples", "mine.pairs")
        and (path in configurations.ALWAYS_SHOWN or made[path].astype(str).nunique() > 1)
    ]


def beside_rows(results: Results) -> pd.DataFrame:
    """The rows of the paper's Table 2 in its order, with our word beside the paper's.

    One row per configuration that is one of the paper's, its authors' own construction (`counted`) first; `front`: none
    with architecture 1.
    """
    theirs = results.once(_of_paper)
    if theirs.judged.empty:
        return theirs.trials.iloc[:0]
    made = stability.rows(theirs)
    made = made[made["paper_row"] != ""]
    available = made["data.name"].map(configurations.TRAINING_SAMPLES)
    made = made.assign(
        samples=made["mine.samples"].fillna(available).astype(int),
        front=made["mine.front"].where(made["mine.architecture"] != 1, "none"),
    )
    order = [(variable, name) for variable, _, _, name, _ in paper.STABILITY]
    place = [order.index(row) for row in made[["variable", "paper_row"]].itertuples(index=False, name=None)]
    return made.assign(place=place, later=made["counted"] != "yes").sort_values(["place", "later"], kind="stable")


def _of_paper(results: Results) -> Results:
    """The results of the trials that are of one of the paper's configurations."""
    trials = results.trials
    found = [paper.stability_rows(trials.assign(variable=variable))["paper_row"] != "" for variable in "XY"]
    return results.of(trials[found[0] | found[1]])


def beside_notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of Table 2 beside ours."""
    lines = [
        "counted: the authors' own construction; beside it other ways to build a row as the paper describes it. Shares "
        "are of fits, intervals 95 % over seeds (by Wilson where all seeds show 0 or 100 %), values in nats. "
        "estimate, truth and optimum: means over pairs; truth and optimum of all fits, the estimate of the pairs and "
        "runs in which fits settled, so conditional on not exploding (n of m pairs: in the others none did).",
    ]
    if rows.empty:
        return [*lines, _NONE_HERE]
    counted = rows[rows["counted"] == "yes"]
    agree = (counted["agrees"] == "yes").sum()
    lines.append(f"{agree} of {len(counted)} counted rows agree; the paper has {len(paper.STABILITY)} rows.")
    return [*lines, stability.REDRAWN] if (rows["front"] == "redrawn").any() else lines
