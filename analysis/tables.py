"""The tables of a study, each a description: to add one, add it here. Command line and report go through them."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis import (
    accuracy,
    agreement,
    bounds,
    consistency,
    convergence,
    differences,
    disorder,
    distance,
    frames,
    judging,
    points,
    selection,
    stability,
)
from trainables.sentences import counted
from trainables.settings import InputError
from trainables.verdict import VerdictRule


class Source:
    """What tables are made from, each part read or worked out once, when it is asked for.

    Attributes:
        study: all that was read of a results folder.
        trials: the trials that the table is of, as `frames.trials`.
        rule: by which fits are judged.
        field: what `differences` compares; None: every field.
    """

    def __init__(
        self,
        study: frames.Results,
        trials: pd.DataFrame | None = None,
        rule: VerdictRule | None = None,
        field: str | None = None,
    ) -> None:
        self.study, self.trials = study, study.trials if trials is None else trials
        self.rule, self.field = rule or VerdictRule(), field

    @functools.cached_property
    def fits(self) -> pd.DataFrame:
        """The fits of these trials, as `judging.fits`."""
        return judging.of(self.trials, judging.fits(self.study))

    @functools.cached_property
    def stability(self) -> pd.DataFrame:
        """The table of stability, on which others build."""
        return stability.table(self.trials, self.fits, self.rule)

    @functools.cached_property
    def converged(self) -> pd.DataFrame:
        """The epochs that settled fits took, as `convergence.fit_epochs`."""
        pieces = self.study.curve_pieces(convergence.CURVE_COLUMNS)
        return convergence.fit_epochs(judging.judge(self.fits, self.rule), pieces, self.rule)

    @property
    def learnt(self) -> pd.DataFrame:
        """The networks' accuracies, as `frames.network`."""
        return self.study.network[self.study.network["key"].isin(self.trials.index)]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: over it on the report's page.
        about: what it has, for the command's help.
        rows: makes it.
        notes: what a reader must know of it, in sentences, from its rows.
        judges: whether it judges fits, so that the rule's thresholds change it.
        reported: whether it stands in the report.
    """

    title: str
    about: str
    rows: Callable[[Source], pd.DataFrame]
    notes: Callable[[Source, pd.DataFrame], list[str]]
    judges: bool = True
    reported: bool = True


TABLES: Mapping[str, Table] = {
    "stability": Table(
        "Stability (the paper's Table 2)",
        "explosion, settling, estimates, the paper's words (its Table 2)",
        lambda source: source.stability,
        lambda source, rows: stability.notes(source.trials, rows),
    ),
    "pairs": Table(
        "Stability by pair",
        "the same with a row per pair",
        lambda source: stability.table(source.trials, source.fits, source.rule, by_pair=True),
        lambda source, rows: stability.notes(source.trials, rows),
    ),
    "paper": Table(
        "The paper's Table 2",
        "its rows in its order, ours beside them",
        lambda source: agreement.side_by_side(source.trials, source.fits, source.rule),
        lambda source, rows: agreement.side_by_side_notes(source.trials, rows),
        reported=False,
    ),
    "points": Table(
        "The points of the authors' figures",
        "the points of the authors' figures, ours beside them",
        lambda source: points.table(source.study, source.trials, source.fits),
        lambda source, rows: points.notes(source.trials, rows),
        judges=False,
        reported=False,
    ),
    "accuracy": Table(
        "Accuracy of the network (the paper's Table 3)",
        "the network's accuracy by epoch (Table 3)",
        lambda source: accuracy.table(source.trials, source.learnt),
        lambda source, rows: accuracy.notes(source.trials, rows),
        judges=False,
    ),
    "convergence": Table(
        "Convergence: reinit and finetune",
        "epochs to the final level, reinit against finetune",
        lambda source: convergence.table(source.trials, source.converged),
        lambda source, rows: convergence.notes(source.trials, rows, source.rule),
    ),
    "consistency": Table(
        "Consistency",
        "spreads and rank agreement",
        lambda source: consistency.table(source.trials, source.fits, source.rule),
        lambda source, rows: consistency.notes(source.trials, rows),
    ),
    "order": Table(
        "Order of the layers (eq. 6 and 7)",
        "layers in the wrong order (eq. 6 and 7)",
        lambda source: disorder.table(source.trials, source.fits, source.rule),
        lambda source, rows: disorder.notes(source.trials, rows, source.rule),
    ),
    "differences": Table(
        "Differences between configurations",
        "two values of one field, with intervals on the difference",
        lambda source: differences.table(source.trials, source.fits, source.rule, source.field),
        lambda source, rows: differences.notes(source.trials, rows),
    ),
    "agreement": Table(
        "Agreement with the paper's Table 2",
        "in which share of the settings each row of the paper's Table 2 comes out",
        lambda source: agreement.table(source.stability),
        lambda source, rows: agreement.notes(source.trials, rows),
        reported=False,
    ),
    "distance": Table(
        "Distance to the truth",
        "configurations by their distance to the truth, the nearest first",
        lambda source: distance.table(source.trials, source.fits, source.rule),
        lambda source, rows: distance.notes(source.trials, rows),
        reported=False,
    ),
    "bounds": Table(
        "Bounds",
        "bounds and marginals by their distance to the truth, with explosion and cost",
        lambda source: bounds.table(source.trials, source.fits, source.rule),
        lambda source, rows: bounds.notes(source.trials, rows),
        reported=False,
    ),
    "thresholds": Table(
        "Under other thresholds",
        "shares and words with the rule's thresholds halved and doubled",
        lambda source: stability.under_thresholds(source.trials, source.fits, source.rule, source.stability),
        lambda source, rows: stability.threshold_notes(source.trials, rows),
    ),
}
"""By name."""


def build(
    which: str,
    results: str,
    rule: VerdictRule | None = None,
    field: str | None = None,
    where: Sequence[str] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """A table from a results folder, and what a reader must know of it, in sentences.

    >>> rows, notes = build("accuracy", "docs/example/results")
    >>> rows["epoch"].tolist()
    [0, 4, 8, 12, 16, 20]

    Args:
        which: one of `TABLES`.
        field: differences: of this field alone.
        where: only trials with these values, each FIELD=VALUE as the tables show it (`noise_std=0.3`).

    Raises:
        InputError: if there is no such table, the folder holds no results, or `where` names no field or leaves no
            trial. Files that cannot be read are left out and named in the notes.
    """
    if which not in TABLES:
        raise InputError(f"which is {which!r}; it must be one of {', '.join(TABLES)}.")
    study, table = frames.Results(results), TABLES[which]
    source = Source(study, selection.having(study.trials, where), rule, field)
    rows = table.rows(source)
    notes = table.notes(source, rows)
    some = [f"Only trials with {' and '.join(where)}: {len(source.trials)} of {len(study.trials)}."] if where else []
    untold = judging.untold(source.fits) if table.judges else []
    return rows, [*study.unfinished, *some, *notes, *untold, *stability.repeated(source.trials), *unread(study.skipped)]


def unread(skipped: list[str]) -> list[str]:
    """Files that could not be read, in sentences.

    >>> unread(["a damaged file, x.parquet."])
    ['Not read: a damaged file, x.parquet.']
    """
    found = sorted(set(skipped))
    more = [f"Not read: {counted(len(found) - 5, 'further file')}."] if len(found) > 5 else []
    return [*(f"Not read: {problem}" for problem in found[:5]), *more]
