"""Studies in which something is missing: words, the rest of the table, and no 0 for what is not there."""

import pyarrow.parquet as pq
import pytest

from analysis import Results, load, rendering, report, tables
from tests import made_results
from trainables import records
from trainables.records import packing
from trainables.settings import ADDED, key

NAMES = tuple(tables.TABLES)

OF_THE_PAPER = ("agreement", "paper", "points")
"""Tables that have no rows where no configuration is one of the paper's (tests/analysis/test_paper.py)."""


def test_one_seed_is_said_in_the_tables(tmp_path):
    made_results.study(str(tmp_path), seeds=(5,))
    for name in NAMES:
        rows, notes = tables.build(name, str(tmp_path))
        lows = [column for column in rows if column.endswith("_low")]
        assert rows[lows].isna().all(axis=None)
        assert rows.empty == (name in OF_THE_PAPER)
        assert rows.empty or any("one" in note.lower() and "seed" in note for note in notes), name


def test_only_exploded_fits_have_no_estimate_rather_than_0(tmp_path):
    for seed in (0, 1):
        made_results.write(str(tmp_path), {"seed": seed}, exploded=1.0)
    rows, notes = tables.build("stability", str(tmp_path))
    assert rows["exploded"].tolist() == [1, 1] and rows["settled"].tolist() == [0, 0]
    nothing = ["estimate", "estimate_low", "per_truth", "spread_seeds", "within_truth", "disorder"]
    assert rows[nothing].isna().all(axis=None) and (rows["estimate_seeds"] == 0).all()
    assert rows["truth"].notna().all() and any("without a settled fit" in note for note in notes)
    for name in NAMES:
        folded = rendering.fold(tables.build(name, str(tmp_path))[0], tables.TABLES[name].columns)
        for column in ("estimate", "reinit", "violated %", "est./truth"):
            if column in folded:
                assert (folded[column] == "").all(), name


def test_a_study_whose_truth_is_the_ceiling_says_so(tmp_path):
    made_results.write(str(tmp_path), {}, truth=2.3, error=0.0)
    rows, notes = tables.build("stability", str(tmp_path))
    assert rows["truth_at_ceiling"].tolist() == [1, 1]
    assert "100" in rendering.fold(rows, tables.TABLES["stability"].columns)["truth at ceiling %"].tolist()
    assert any("no truth but the ceiling" in note for note in notes)
    assert tables.build("consistency", str(tmp_path))[0]["tau_truth"].isna().all()


def test_a_failed_sweep_is_said(tmp_path):
    for seed in (0, 1):
        made_results.write(str(tmp_path), {"seed": seed}, state="failed")
    for name in NAMES:
        rows, notes = tables.build(name, str(tmp_path))
        assert rows.empty and any("All 2 trials failed" in note for note in notes), name
        assert isinstance(rendering.render(rows, tables.TABLES[name].columns, "markdown"), str)


def test_damaged_and_older_files_are_named_and_the_rest_is_tabulated(tmp_path):
    folder = str(tmp_path)
    configs = [made_results.write(folder, {"seed": seed}) for seed in (0, 1, 2)]
    half = tmp_path / "estimates" / f"{key(configs[0])}.parquet"
    half.write_bytes(half.read_bytes()[:300])
    old = tmp_path / "trials" / f"{key(configs[1])}.parquet"
    pq.write_table(pq.read_table(old).replace_schema_metadata({"schema_version": "0"}), old)
    rows, notes = tables.build("stability", folder)
    assert rows["seeds"].tolist() == [1, 1]
    assert sum("damaged file" in note for note in notes) == 1 and sum("schema version 0" in note for note in notes) == 1


def test_a_trial_that_stands_under_two_keys_is_said(tmp_path):
    made_results.write(str(tmp_path), {"seed": 0})
    assert not [note for note in tables.build("stability", str(tmp_path))[1] if "of another trial" in note]
    old = "0" * 16
    for path in list(tmp_path.rglob("*.parquet")):
        rows = pq.read_table(path)
        pq.write_table(
            rows.set_column(0, rows.schema.field("key"), [[old] * len(rows)]), path.with_name(f"{old}.parquet")
        )
    rows, notes = tables.build("stability", str(tmp_path))
    assert sum(note.startswith("1 trial has the configuration and the seed") for note in notes) == 1
    page = report.write(str(tmp_path), str(tmp_path / "report")).read_text()
    assert "1 trial has the configuration and the seed" in page


def harm(path) -> None:
    """Damage a file's pages and leave its footer."""
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["estimates", "curves"])
def test_a_file_with_damaged_pages_is_named_and_the_rest_is_tabulated(tmp_path, name):
    folder = str(tmp_path)
    configs = [made_results.write(folder, {"seed": seed}) for seed in (0, 1, 2)]
    path = tmp_path / name / f"{key(configs[1])}.parquet"
    harm(path)
    rows, notes = tables.build("convergence", folder)
    assert rows["reinit_seeds"].unique().tolist() == [2]
    (note,) = [note for note in notes if "damaged file" in note]
    assert str(path) in note and note.isprintable()
    problems = [problem for one in packing.pack(folder) for problem in one.problems]
    assert len(problems) == 1 and str(path) in problems[0]
    assert path.exists() and len(load(folder).trials) == 3


@pytest.mark.parametrize("rows", [1, 10**9])
def test_pieces_go_on_after_a_damaged_file(tmp_path, rows):
    configs = [made_results.write(str(tmp_path), {"seed": seed}) for seed in range(4)]
    damaged = sorted(map(key, configs))[1]
    harm(tmp_path / "curves" / f"{damaged}.parquet")
    pieces = list(records.scan(str(tmp_path), "curves", ["key", "bound"], rows, records.trials(str(tmp_path))))
    found = [piece["key"].unique().to_pylist() for piece, _ in pieces]
    assert sorted(sum(found, [])) == sorted({*map(key, configs)} - {damaged})
    assert len([problem for _, problems in pieces for problem in problems]) == 1


def test_a_file_with_other_columns_is_named(tmp_path):
    folder = str(tmp_path)
    configs = [made_results.write(folder, {"seed": seed}) for seed in (0, 1, 2)]
    paths = [tmp_path / "estimates" / f"{key(config)}.parquet" for config in configs]
    pq.write_table(pq.read_table(paths[0]).drop_columns(["truth"]), paths[0])
    texts = pq.read_table(paths[1])
    place = texts.column_names.index("truth")
    pq.write_table(texts.set_column(place, "truth", texts["truth"].cast("string")), paths[1])
    rows, notes = tables.build("stability", folder)
    assert rows["seeds"].tolist() == [1, 1] and sum("another type: truth." in note for note in notes) == 2
    packing.pack(folder)
    assert [path.exists() for path in paths] == [True, True, False]


def test_seeds_with_one_pair_each(tmp_path):
    made_results.write(str(tmp_path), {"seed": 0, "mine.pairs": ("X;sm1",)})
    made_results.write(str(tmp_path), {"seed": 1, "mine.pairs": ("Y;sm1",)})
    assert tables.build("order", str(tmp_path))[0].empty
    assert report.write(str(tmp_path), str(tmp_path / "report")).exists()


def test_settings_are_told_apart_in_the_table_of_differences(tmp_path):
    for rate in (1e-5, 1e-4):
        made_results.write(str(tmp_path), {"mine.learning_rate": rate})
    rows = rendering.fold(tables.build("differences", str(tmp_path))[0], tables.TABLES["differences"].columns)
    assert rows[["from", "to"]].iloc[0].tolist() == ["1e-05", "0.0001"]


def test_rows_from_before_a_field_was_added_have_what_trials_did_then(tmp_path, monkeypatch):
    monkeypatch.setitem(ADDED, "mine.moving_average_rate", 0.01)
    results = str(tmp_path)
    configs = [made_results.write(results, {"seed": seed, "mine.matmul_precision": "highest"}) for seed in (0, 1, 2)]
    part = tmp_path / "trials" / f"{key(configs[0])}.parquet"
    pq.write_table(pq.read_table(part).drop_columns(["mine.matmul_precision", "mine.moving_average_rate"]), part)
    for _ in range(2):
        trials = Results(results).trials
        assert trials["mine.matmul_precision"].tolist() == ["highest"] * 3 and trials["configuration"].nunique() == 1
        assert trials["mine.moving_average_rate"].tolist() == [0.01] * 3
        assert tables.build("stability", results)[0]["seeds"].tolist() == [3, 3]
        read = records.read_trial(results, "trials", configs[0])
        assert read["mine.matmul_precision"].to_pylist() == ["highest"]
        packing.pack(results)
    (merged,) = (tmp_path / "merged" / "trials").iterdir()
    assert pq.read_table(merged)["mine.matmul_precision"].to_pylist() == ["highest"] * 3


@pytest.mark.parametrize(
    "table, column", [("trials", "mine.epochs"), ("trials", "mine.samples"), ("estimates", "first_nonfinite_epoch")]
)
def test_a_field_that_was_there_before_must_have_its_column(tmp_path, table, column):
    """Also one that may be null: without it 'all samples' or 'never exploded' would be read from nothing."""
    config = made_results.write(str(tmp_path), {})
    made_results.write(str(tmp_path), {"seed": 1})
    part = tmp_path / table / f"{key(config)}.parquet"
    pq.write_table(pq.read_table(part).drop_columns([column]), part)
    _, notes = tables.build("stability", str(tmp_path))
    assert any(f"columns that are missing, doubled or of another type: {column}" in note for note in notes)


def test_an_unfinished_trial_has_no_rows(tmp_path):
    folder = str(tmp_path)
    made_results.write(folder, {"seed": 0})
    cut = made_results.write(folder, {"seed": 1})
    (tmp_path / "trials" / f"{key(cut)}.parquet").unlink()
    (tmp_path / "curves" / ".half.tmp").write_bytes(b"PAR1")
    assert tables.build("stability", folder)[0]["seeds"].tolist() == [1, 1]
    assert len(Results(folder).network) == 21
    assert len(Results(folder).estimates) == 6 * 8 * 2


def test_curves_that_are_missing_leave_the_other_tables(tmp_path):
    import shutil

    made_results.write(str(tmp_path), {})
    shutil.rmtree(tmp_path / "curves")
    rows, notes = tables.build("convergence", str(tmp_path))
    assert rows.empty and any("No curve" in note for note in notes)
    assert len(tables.build("stability", str(tmp_path))[0]) == 2
