"""The tables of a study, each a description: to add one, add it here. Command line and report go through them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis import (
    accuracy,
    agreement,
    bounds,
    configurations,
    consistency,
    convergence,
    differences,
    distance,
    layer_order,
    missing,
    points,
    stability,
)
from analysis.rendering import Column, names
from analysis.results import COMMITTED, Results
from trainables.errors import require_one_of
from trainables.verdict import VerdictRule

ONE_SEED = "Rows with one seed have no interval: the seed is the unit of statistics."


def _shown(results: Results) -> list[str]:
    return configurations.shown_columns(results.trials)


def _no_settings(results: Results) -> list[str]:
    return []


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: over it on the report's page.
        about: what it has, for the command's help.
        columns: what it says of each row, in order; `rows` may make more.
        rows: makes it, where there is a fit (`judges`) or a trial.
        notes: what a reader must know of it, in sentences, from its rows.
        settings: the settings that its rows show, in front of the columns from `after` on.
        judges: whether it judges fits, so that the rule's thresholds change it.
        reported: whether it is in the report.
        of_paper: what of the paper it answers, where the study is the paper's.
    """

    title: str
    about: str
    columns: tuple[Column, ...]
    rows: Callable[..., pd.DataFrame]
    notes: Callable[[Results, pd.DataFrame], list[str]]
    settings: Callable[[Results], list[str]] = _shown
    after: int = 0
    judges: bool = True
    reported: bool = True
    of_paper: str = ""

    def frame(self, results: Results, **options: str) -> pd.DataFrame:
        """Its settings and columns, from 0 numbered.

        Args:
            options: keywords of `rows`.
        """
        first, rest = names(self.columns[: self.after]), names(self.columns[self.after :])
        columns = [*first, *self.settings(results), *rest]
        if self.judges and results.judged.empty:
            return pd.DataFrame(columns=columns)
        made = self.rows(results, **options) if options else results.once(self.rows)
        return made[columns].reset_index(drop=True) if len(made) else pd.DataFrame(columns=columns)

    def said(self, results: Results, rows: pd.DataFrame) -> list[str]:
        """Its notes, and that one seed has no interval."""
        own = [f"{column.name}_seeds" for column in self.columns if "seeds" in column.parts]
        seeds = ["seeds"] if "seeds" in rows else own
        has_interval = any("low" in column.parts for column in self.columns)
        one = has_interval and len(rows) and (rows[seeds].max(axis=1) == 1).any()
        return [*self.notes(results, rows), *([ONE_SEED] if one else [])]


TABLES: Mapping[str, Table] = {
    "stability": Table(
        "Stability", "explosion, settling, estimates, the paper's words (its Table 2)",
        stability.COLUMNS, stability.rows, stability.notes, of_paper="the paper's Table 2",
    ),
    "pairs": Table(
        "Stability by pair", "the same with a row per pair",
        stability.PAIR_COLUMNS, stability.pair_rows, stability.notes,
    ),
    "paper": Table(
        "The paper's Table 2", "its rows in its order, ours beside them",
        agreement.BESIDE_COLUMNS, agreement.beside_rows, agreement.beside_notes,
        settings=agreement.beside_settings, after=5, reported=False,
    ),
    "points": Table(
        "The points of the authors' figures", "the points of the authors' figures, ours beside them",
        points.COLUMNS, points.rows, points.notes, settings=_no_settings, judges=False, reported=False,
    ),
    "accuracy": Table(
        "Accuracy of the network", "the network's accuracy by epoch (Table 3)",
        accuracy.COLUMNS, accuracy.rows, accuracy.notes, settings=accuracy.settings, judges=False,
        of_paper="the paper's Table 3",
    ),
    "convergence": Table(
        "Convergence: reinit and finetune", "epochs to the final level, reinit against finetune",
        convergence.COLUMNS, convergence.rows, convergence.notes, settings=convergence.settings,
    ),
    "consistency": Table(
        "Consistency", "spreads and rank agreement",
        consistency.COLUMNS, consistency.rows, consistency.notes,
    ),
    "order": Table(
        "Order of the layers", "layers in the wrong order",
        layer_order.COLUMNS, layer_order.rows, layer_order.notes, of_paper="eq. 6 and 7",
    ),
    "differences": Table(
        "Differences between configurations", "two values of one field, with intervals on the difference",
        differences.COLUMNS, differences.rows, differences.notes, settings=_no_settings,
    ),
    "bounds": Table(
        "Bounds", "bounds and marginals by their distance to the truth, with explosion and cost",
        bounds.COLUMNS, bounds.rows, bounds.notes, settings=_no_settings, reported=False,
    ),
    "agreement": Table(
        "Agreement with the paper's Table 2",
        "in which share of the settings each row of the paper's Table 2 comes out",
        agreement.COLUMNS, agreement.rows, agreement.notes, settings=_no_settings, reported=False,
    ),
    "distance": Table(
        "Distance to the truth", "configurations by their distance to the truth, the nearest first",
        distance.COLUMNS, distance.rows, distance.notes, reported=False,
    ),
    "thresholds": Table(
        "Under other thresholds", "shares and words with the rule's thresholds halved and doubled",
        stability.THRESHOLD_COLUMNS, stability.threshold_rows, stability.threshold_notes,
    ),
}  # fmt: skip
"""By name, in the order of the report."""


def build(
    which: str, source: str, rule: VerdictRule = COMMITTED, field: str | None = None, where: Sequence[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """A table from a results folder, and what a reader must know of it, in sentences.

    >>> rows, notes = build("accuracy", "docs/example/results")
    >>> rows["epoch"].tolist()
    [0, 4, 8, 12, 16, 20]

    Args:
        which: one of `TABLES`.
        field: differences: of this field alone.
        where: as `Results` takes it.

    Raises:
        InputError: if there is no such table, or as `Results`. Files that cannot be read are left out and named in the
            notes.
    """
    find(which)  # before the folder is read
    return made(Results(source, rule, where), which, field)


def find(which: str) -> Table:
    """The table of this name.

    Raises:
        InputError: if there is none.
    """
    require_one_of("which", which, TABLES)
    return TABLES[which]


def made(results: Results, which: str, field: str | None = None) -> tuple[pd.DataFrame, list[str]]:
    """As `build`, of results that were read."""
    table = find(which)
    rows = table.frame(results, **({} if field is None else {"field": field}))
    notes = missing.unfinished(results)
    if results.where:
        counts = f"{len(results.trials)} of {len(results.all_trials)}"
        notes.append(f"Only trials with {' and '.join(results.where)}: {counts}.")
    return rows, [*notes, *table.said(results, rows), *missing.sentences(results, table.judges)]
