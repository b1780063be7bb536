"""Tables of a study that is built as the paper's."""

import pandas as pd
import pytest

from analysis import Results, figures, rendering, tables
from study import studies
from tests import made_results
from tests.lenet5 import PAIRS
from trainables.settings import flatten

NAMES = tuple(tables.TABLES)

OF_THE_PAPER = ("agreement", "paper", "points")
"""Tables that have no rows where no configuration is one of the paper's (tests/analysis/test_paper.py)."""


@pytest.fixture(scope="module")
def paper_study(tmp_path_factory) -> str:
    """Made rows of the study `paper`, one seed: two LeNet-5s, and pairs of X, of Y or of both."""
    folder = str(tmp_path_factory.mktemp("paper"))
    for config in studies.PAPER.configurations:
        made_results.write(folder, flatten(config))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_table_is_made_of_the_paper_study(paper_study, name):
    rows, _ = tables.build(name, paper_study)
    printed = rendering.render(rows, tables.TABLES[name].columns, "markdown")
    assert len(rows) and "nan" not in printed and "<NA>" not in printed
    assert "branch_units" not in printed and "conv_channels" not in printed  # one value each where they are used


def test_unset_samples_are_all(tmp_path):
    for samples, pairs in ((None, PAIRS[4:]), (6000, PAIRS)):
        made_results.write(str(tmp_path), {"mine.samples": samples, "mine.pairs": pairs})
    rows, _ = tables.build("convergence", str(tmp_path), where=["mine.samples=all"])
    assert set(rows["run"]) and set(rows["variable"]) == {"Y"}
    results = Results(str(tmp_path))
    every = results.judged["pair"].notna()
    shares, _ = figures.explosion_grid(results, every, "mine.transfer_mode", "mine.samples")
    assert sorted(shares.columns) == ["6000", "all"] and list(shares.index) == ["reinit"]


def test_pairs_stand_in_tables_by_variable_and_are_chosen_so(paper_study):
    rows, _ = tables.build("stability", paper_study)
    assert set(rendering.fold(rows, tables.TABLES["stability"].columns)["pairs"]) == {"all", "X", "Y"}
    chosen, _ = tables.build("stability", paper_study, where=["pairs=Y"])
    assert set(chosen["variable"]) == {"Y"}
    same, _ = tables.build("stability", paper_study, where=["pairs=Y;sm1 Y;relu3 Y;maxpool2 Y;maxpool1"])
    pd.testing.assert_frame_equal(chosen, same)


def test_a_setting_that_changes_no_number_splits_no_row(tmp_path):
    folder = str(tmp_path)
    for seed in (0, 1):
        made_results.write(folder, {"seed": seed, "network.optimizer": "adam", "network.momentum": 0.9 - 0.4 * seed})
    for name in ("accuracy", "stability"):
        assert tables.build(name, folder)[0]["seeds"].eq(2).all()


def test_agreement_counts_configurations_by_the_papers_row(tmp_path):
    """Two settings of one row, of which one explodes as the paper says; a row without settings is left out."""
    folder = str(tmp_path)
    for marginals, exploded in (("permutation", 0.0), ("derangement", 1.0)):
        for seed in (0, 1):
            changes = {"mine.marginals": marginals, "seed": seed, "schedule.first_probe": 20}
            made_results.write(folder, changes, exploded=exploded)
    rows = tables.build("agreement", folder)[0].set_index(["variable", "paper_row"])
    assert rows.index.tolist() == [("X", "Architecture 1"), ("Y", "Architecture 1")]
    row = rows.loc["X", "Architecture 1"]
    assert (row["configurations"], row["agree"], row["exploding"]) == (2, 0.5, 0.5)
    assert row[["converged", "underestimated", "no_word"]].sum() == 0.5
