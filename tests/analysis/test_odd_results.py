"""Tables, curves and the page of results in which nothing is finite, or hardly anything is there."""

import html
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analysis import Results, figures, pair_curves, rendering, report, sparklines, tables
from analysis.tables import TABLES
from tests import made_results
from trainables.records import layout
from trainables.settings import InputError, key
from trainables.verdict import VerdictRule


def change(folder: Path, name: str, column: str, made: Callable) -> None:
    """Write a column of a table again, made from what it holds."""
    for path in (folder / layout.folder(name)).iterdir():
        rows = pq.read_table(path)
        place, field = rows.column_names.index(column), rows.schema.field(column)
        values = np.broadcast_to(made(rows[column].to_numpy()), len(rows))
        pq.write_table(
            rows.set_column(place, field, pa.array(values, from_pandas=field.nullable).cast(field.type)), path
        )


def short(folder: Path, epochs: int) -> None:
    """Cut fits to their first epochs, with what the rule reads of so few."""
    for path in (folder / "curves").iterdir():
        pq.write_table(pq.read_table(path).filter(pc.field("mine_epoch") <= epochs), path)
    for column in ("late_slope", "late_slope_error"):
        change(folder, "estimates", column, lambda values: np.nan)
    if epochs < 2:
        for column in ("estimate", "highest_running_mean", "lowest_running_mean"):
            change(folder, "estimates", column, lambda values: np.nan)


def exploded(folder: Path, bound: Callable) -> None:
    """Three seeds of which every fit exploded, with these bounds."""
    for seed in range(3):
        made_results.write(str(folder), {"seed": seed}, exploded=1.0)
    change(folder, "curves", "bound", bound)


def nothing_finite(folder: Path) -> None:
    exploded(folder, lambda bound: np.nan)


def infinite_and_huge(folder: Path) -> None:
    exploded(folder, lambda bound: np.resize([np.inf, -np.inf, 3e38, -3e38, np.nan], len(bound)))
    change(folder, "estimates", "estimate", lambda values: 1e300)


def first_epoch_alone_finite(folder: Path) -> None:
    exploded(folder, lambda bound: np.where(np.arange(len(bound)) % 20 == 0, 0.5, np.nan))


def one_epoch(folder: Path) -> None:
    made_results.write(str(folder), {"mine.epochs": 1, "mine.replicates": 1}, runs=1)
    short(folder, 1)


def three_epochs(folder: Path) -> None:
    made_results.write(str(folder), {"mine.epochs": 3})
    short(folder, 3)


def infinite_optima(folder: Path) -> None:
    for seed in range(2):
        made_results.write(str(folder), {"seed": seed, "mine.marginals": "derangement"})
    change(folder, "estimates", "optimum", lambda values: np.where(np.arange(len(values)) % 16 < 6, np.inf, values))


def one_pair(folder: Path) -> None:
    made_results.write(str(folder), {"mine.pairs": ("X;sm1",)})


def no_information(folder: Path) -> None:
    made_results.write(str(folder), {}, truth=0.0, level=0.0)
    for column in ("ceiling", "truth", "optimum"):
        change(folder, "estimates", column, lambda values: 0.0)


def failed_without_a_word(folder: Path) -> None:
    made_results.write(str(folder), {}, state="failed")
    change(folder, "trials", "error", lambda values: " \n")


SOON = (nothing_finite, infinite_and_huge, first_epoch_alone_finite, one_epoch, infinite_optima)
LATER = (three_epochs, one_pair, no_information, failed_without_a_word)
FOLDERS = (*SOON, *(pytest.param(make, marks=pytest.mark.slow) for make in LATER))


@pytest.fixture(params=FOLDERS)
def folder(request, tmp_path) -> str:
    request.param(tmp_path)
    return str(tmp_path)


@pytest.mark.filterwarnings("error", "ignore:invalid value encountered in divide:RuntimeWarning")
def test_every_table_and_figure_is_made(folder):
    for name in TABLES:
        rows, _ = tables.build(name, folder, VerdictRule().scaled(2))
        for kind in rendering.FORMATS:
            assert kind == "csv" or "nan" not in rendering.render(rows, TABLES[name].columns, kind).replace(
                "finetune", ""
            )
    results = Results(folder)
    for drawing in figures.draw(results):
        drawing.figure.draw_without_rendering()
    assert all("nan" not in path for block in sparklines.draw(results) for spark in block.sparks
               for _, path in spark.paths)  # fmt: skip
    if len(results.judged):
        pair_curves.draw(results, "X;sm1").draw_without_rendering()
    else:
        with pytest.raises(InputError, match="hold no completed (fit|trial)"):
            pair_curves.draw(results, "X;sm1")


def test_the_page_of_explosions_has_what_can_be_drawn_and_says_what_could_not(tmp_path):
    nothing_finite(tmp_path / "r")
    page = report.write(str(tmp_path / "r"), str(tmp_path / "out"))
    text = html.unescape(page.read_text())
    assert "Of all fits 100 % exploded" in text and text.count('<img src="data:image/svg+xml') >= 4
    assert "No figure of estimates against truths: no fit settled." in text
    assert "No figure of information planes" not in text


def test_the_page_of_failures_says_that_nothing_is_drawn_and_that_no_reason_is_recorded(tmp_path):
    failed_without_a_word(tmp_path / "r")
    made_results.write(str(tmp_path / "r"), {"seed": 1}, state="failed")
    change(tmp_path / "r", "trials", "error", lambda values: np.where(values == " \n", values, "why " + "x" * 500_000))
    text = html.unescape(report.write(str(tmp_path / "r"), str(tmp_path / "out")).read_text())
    assert text.count("No figure of ") == len(figures.missing([])) and "no reason is recorded" in text
    (summary,) = (part.split("</summary>")[0] for part in text.split("<summary>")[1:])
    assert summary.startswith("why xxx") and summary.endswith("…") and len(summary) < 400


def test_the_page_says_that_rows_of_completed_trials_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "draw", lambda results: ())  # they take the time
    for seed in (0, 1):
        config = made_results.write(str(tmp_path / "r"), {"seed": seed})
    for name in ("estimates", "network"):
        (tmp_path / "r" / layout.folder(name) / f"{key(config)}.parquet").unlink()
    text = report.write(str(tmp_path / "r"), str(tmp_path / "out")).read_text()
    for name in ("estimates", "network"):
        assert f"1 of 2 completed trials have no rows in the table {name}" in text
