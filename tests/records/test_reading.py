"""Files that are not what their names say, doubled, cut or strange: each key counts once, and what is odd is named."""

import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import Results, load, pair_curves, report, tables
from study import cli, status, sweep
from tests.records.folders import TABLES, assert_alike, change, named, part, put, seen
from trainables import records
from trainables.records import layout, packing, schemas
from trainables.settings import InputError, key

STRAYS = ("{} (1).parquet", "{}.sync-conflict-20260101.parquet", "copy of {}.parquet", "x.parquet")


@pytest.mark.parametrize(("table", "name"), list(zip(TABLES, STRAYS, strict=True)))
def test_a_stray_copy_counts_nothing_twice_and_is_named(tmp_path, configs, table, name):
    before = seen(tmp_path)
    original = part(tmp_path, table, configs[0])
    copy = original.with_name(name.format(key(configs[0])))
    shutil.copy(original, copy)
    assert_alike(seen(tmp_path), before)
    assert len(named(tmp_path, copy)) == 1 and "delete it if it is a copy" in named(tmp_path, copy)[0]
    packing.pack(str(tmp_path))
    assert_alike(seen(tmp_path), before)
    assert copy.exists() and not original.exists()


def test_a_stray_copy_is_named_by_every_command(tmp_path, configs, capsys):
    for table in TABLES:
        original = part(tmp_path, table, configs[0])
        shutil.copy(original, original.with_name(f"{key(configs[0])} (1).parquet"))
    folder = str(tmp_path)
    page = report.write(folder, str(tmp_path / "report")).read_text()
    said = {
        "status": status.report(folder),
        "report": page,
        "sweep": "\n".join(sweep.outcome(configs, folder).problems),
        "load": "\n".join(load(folder).problems),
    }
    for arguments in (["table", folder], ["table", folder, "--format", "csv"], ["compact", folder],
                      ["curves", folder, "--pair", "X;sm1", "--out", str(tmp_path / "c.png")]):  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 0
        printed = capsys.readouterr()
        said[" ".join(arguments)] = printed.out + printed.err
    for command, text in said.items():
        assert f"{key(configs[0])} (1).parquet" in text, command
    assert len(sweep.outcome(configs, folder).completed) == 4


@pytest.mark.parametrize("table", TABLES)
def test_a_part_with_rows_of_another_trial_is_named_and_moves_nothing(tmp_path, configs, table):
    before = seen(tmp_path)
    wrong = part(tmp_path, table, configs[0])
    shutil.copy(part(tmp_path, table, configs[2]), wrong)
    after = seen(tmp_path)
    gone = before[table].index == key(configs[0]) if table == "trials" else before[table]["key"] == key(configs[0])
    left = before[table][~gone] if table == "trials" else before[table][~gone].reset_index(drop=True)
    pd.testing.assert_frame_equal(after[table], left, check_categorical=False)
    assert len(named(tmp_path, wrong)) == 1
    packing.pack(str(tmp_path))
    assert wrong.exists() and len(named(tmp_path, wrong)) == 1


@pytest.mark.parametrize("table", TABLES)
def test_exchanged_names_lose_nothing_when_compacted(tmp_path, configs, table):
    before = seen(tmp_path)
    one, other = part(tmp_path, table, configs[0]), part(tmp_path, table, configs[2])

    def exchange() -> None:
        one.rename(tmp_path / "aside")
        other.rename(one)
        (tmp_path / "aside").rename(other)

    exchange()
    assert len(named(tmp_path, one)) == len(named(tmp_path, other)) == 1
    packing.pack(str(tmp_path))
    exchange()
    assert_alike(seen(tmp_path), before)
    packing.pack(str(tmp_path))
    assert_alike(seen(tmp_path), before) and load(str(tmp_path)).problems == []


@pytest.mark.parametrize("table", ["network", "estimates", "curves"])
@pytest.mark.parametrize("cut", [3, -1, 0, "doubled"])
def test_a_part_with_other_rows_than_its_trial_has_is_named(tmp_path, configs, table, cut):
    path = part(tmp_path, table, configs[1])
    change(path, lambda rows: pa.concat_tables([rows, rows]) if cut == "doubled" else rows[:cut])
    keys = records.read(str(tmp_path), table).rows["key"].unique().to_pylist()
    assert sorted(keys) == sorted({*map(key, configs)} - {key(configs[1])})
    (sentence,) = named(tmp_path, path)
    assert f"delete it and trials/{path.name} and run its sweep or trial again" in sentence
    packing.pack(str(tmp_path))
    assert path.exists() and len(named(tmp_path, path)) == 1


STRANGE = {
    "another run": ("estimates", "run", lambda values: [7, *values[1:]]),
    "a negative run": ("curves", "run", lambda values: [-run for run in values]),
    "an unknown pair": ("estimates", "pair", lambda values: ["X;conv1", *values[1:]]),
    "another pair": ("curves", "pair", lambda values: ["X;relu3" if pair == "X;sm1" else pair for pair in values]),
    "a replicate twice": ("estimates", "replicate", lambda values: [0] * len(values)),
    "an epoch twice": ("network", "epoch", lambda values: [0, *values[:-1]]),
    "no MINE epoch": ("curves", "mine_epoch", lambda values: [0, *values[1:]]),
    "no pair": ("estimates", "pair", lambda values: [None, *values[1:]]),
    "no truth": ("estimates", "truth", lambda values: [None, *values[1:]]),
    "another epoch of the network": ("estimates", "network_epoch", lambda values: [99] * len(values)),
    "another number of epochs": ("estimates", "epochs", lambda values: [7] * len(values)),
    "a state that is none": ("trials", "state", lambda values: ["done"]),
    "no seed": ("trials", "seed", lambda values: [None]),
    "architecture 9": ("trials", "mine.architecture", lambda values: [9]),
    "a noise that is no number": ("trials", "mine.noise_std", lambda values: [np.nan]),
    "no pairs": ("trials", "mine.pairs", lambda values: [[]]),
    "a missing pair": ("trials", "mine.pairs", lambda values: [[None]]),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_file_with_values_that_no_trial_has_is_named_and_the_rest_is_read(tmp_path, configs, what):
    table, column, changed = STRANGE[what]
    path = part(tmp_path, table, configs[0])
    change(path, lambda rows: put(rows.cast(nullable(rows.schema)), column, changed(rows[column].to_pylist())))
    study = load(str(tmp_path))
    list(study.curve_pieces(["key"]))
    assert any(str(path) in problem for problem in study.problems)
    left = sorted({*map(key, configs)} - {key(configs[0])})
    assert table == "curves" or sorted(study.read(table)["key"].unique()) == left
    assert table != "trials" or str(path) in status.report(str(tmp_path))
    assert sum(str(path) in problem for one in packing.pack(str(tmp_path)) for problem in one.problems) == 1


def test_every_table_and_the_report_are_made_beside_rows_of_trials_that_cannot_be_used(tmp_path, configs):
    paths = [part(tmp_path, "trials", config) for config in configs[:2]]
    for path, what in zip(paths, ("architecture 9", "a noise that is no number"), strict=True):
        _, column, changed = STRANGE[what]
        change(path, lambda rows, column=column, changed=changed: put(rows, column, changed([])))
    for name in ("stability", "convergence", "accuracy", "distance"):
        rows, notes = tables.build(name, str(tmp_path))
        told = [note for note in notes if note.startswith("Not read: ")]
        assert len(rows) and all(sum(str(path) in note for note in told) == 1 for path in paths), name
    page = report.write(str(tmp_path), str(tmp_path / "report")).read_text()
    assert "mine.noise_std is nan; it must be" in page and "mine.architecture is 9; it must be" in page


def nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])


def test_a_row_of_trials_that_is_there_twice_is_named(tmp_path, configs):
    path = part(tmp_path, "trials", configs[0])
    change(path, lambda rows: pa.concat_tables([rows, put(rows, "seed", [5]).cast(rows.schema)]))
    assert len(load(str(tmp_path)).trials) == 3 and len(named(tmp_path, path)) == 1
    assert len(sweep.outcome(configs, str(tmp_path)).missing) == 1


def test_a_file_in_another_tables_folder_an_empty_one_and_a_folder_with_a_files_name(tmp_path, configs):
    before = seen(tmp_path)
    for table in TABLES:
        for other in set(TABLES) - {table}:
            shutil.copy(part(tmp_path, other, configs[0]), tmp_path / layout.folder(table) / f"{other}.parquet")
        (tmp_path / layout.folder(table) / "empty.parquet").write_bytes(b"")
        (tmp_path / layout.folder(table) / "folder.parquet").mkdir()
        (tmp_path / layout.folder(table) / ".hidden.parquet").write_bytes(b"PAR1")
        (tmp_path / layout.folder(table) / "list.txt").write_text("not ours")
    assert_alike(seen(tmp_path), before)
    assert len(load(str(tmp_path)).problems) == 3 * 5
    packing.pack(str(tmp_path))
    assert_alike(seen(tmp_path), before)


def test_a_sweep_is_refused_where_it_is_not_known_what_is_done(tmp_path, configs):
    packing.pack(str(tmp_path))
    (path,) = (tmp_path / layout.MERGED / "trials").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="a damaged file.*put it back from a copy"):
        sweep.outcome(configs, str(tmp_path))
    assert str(path) in status.report(str(tmp_path))


def test_completed_trials_without_rows_are_told(tmp_path, configs):
    shutil.rmtree(tmp_path / "lenet")
    part(tmp_path, "curves", configs[0]).unlink()
    study = load(str(tmp_path))
    assert study.network.empty and study.problems[0].startswith(
        "4 of 4 completed trials have no rows in the table network"
    )
    assert len(study.curve_rows("X;sm1")["key"].unique()) == 3
    assert study.problems[1].startswith("1 of 4 completed trials have no rows in the table curves")
    assert any("1 of 4" in note for note in tables.build("convergence", str(tmp_path))[1])
    pair_curves.draw(Results(str(tmp_path)), "X;sm1")


def test_rows_of_a_pair_are_held_to_the_pair(tmp_path, configs):
    path = part(tmp_path, "curves", configs[0])
    change(path, lambda rows: rows[:-1])  # of the last pair
    study = load(str(tmp_path))
    assert len(study.curve_rows("Y;sm1")["key"].unique()) == 3 and str(path) in study.problems[0]
    assert len(study.curve_rows("X;relu3")) == 0


def test_columns_that_this_program_does_not_know_are_not_lost(tmp_path, configs):
    """As a later version may write them: read without them, and not merged."""
    before = seen(tmp_path)
    path = part(tmp_path, "estimates", configs[0])
    change(path, lambda rows: rows.append_column("later", rows["truth"]))
    assert_alike(seen(tmp_path), before)
    (problem,) = [problem for one in packing.pack(str(tmp_path)) for problem in one.problems]
    assert f"{path} with columns that this program does not know: later" in problem
    assert "later" in pq.read_schema(path).names
    assert_alike(seen(tmp_path), before)


def test_a_bit_that_flips_on_the_disk_is_found(tmp_path, configs):
    path = part(tmp_path, "curves", configs[0])
    column = pq.read_metadata(path).row_group(0).column(pq.read_schema(path).names.index("bound"))
    content = bytearray(path.read_bytes())
    content[(column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    study = load(str(tmp_path))
    list(study.curve_pieces(schemas.SCHEMAS["curves"].names))
    assert len(study.problems) == 1 and "a damaged file" in study.problems[0] and str(path) in study.problems[0]


@pytest.mark.parametrize("table", TABLES)
def test_what_is_named_as_a_file_and_is_none_is_named(tmp_path, configs, table):
    before = seen(tmp_path)
    (tmp_path / layout.folder(table) / "gone.parquet").symlink_to("nowhere")
    (tmp_path / layout.folder(table) / "itself.parquet").symlink_to("itself.parquet")
    os.mkfifo(tmp_path / layout.folder(table) / "pipe.parquet")
    shutil.copy(
        part(tmp_path, table, configs[0]), os.path.join(os.fsencode(tmp_path / layout.folder(table)), b"\xff.parquet")
    )
    assert_alike(seen(tmp_path), before)
    for name in ("gone", "itself", "pipe"):
        assert len(named(tmp_path, tmp_path / layout.folder(table) / f"{name}.parquet")) == 1, name
    told = "".join(problem for one in packing.pack(str(tmp_path)) for problem in one.problems)
    assert all(
        f"/{layout.folder(table)}/{name}.parquet, which is a link" in told for name in ("gone", "itself", "pipe")
    )
    assert_alike(seen(tmp_path), before)


def test_a_name_of_two_lines_is_named_in_one(tmp_path, configs):
    shutil.copy(part(tmp_path, "estimates", configs[0]), tmp_path / "estimates" / "a\nb\x1b.parquet")
    (problem,) = load(str(tmp_path)).problems
    assert "estimates/a b .parquet" in problem and problem.isprintable()


@pytest.mark.parametrize("name", ["estimate", "target", "optimum"])
def test_a_column_that_is_there_twice_is_named(tmp_path, configs, name):
    path = part(tmp_path, "estimates", configs[0])
    change(path, lambda rows: rows.append_column(pa.field(name, pa.float64()), pa.array([9.0] * len(rows))))
    study = load(str(tmp_path))
    twice = "optimum" if name == "target" else name
    assert len(study.problems) == 1 and f"{path} with columns that are missing, doubled" in study.problems[0]
    assert twice in study.problems[0] and key(configs[0]) not in set(study.estimates["key"])


def test_a_folder_whose_files_are_gone_holds_no_trials(tmp_path, configs):
    for path in (tmp_path / "trials").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="holds no trials"):
        tables.build("stability", str(tmp_path))


def test_tables_are_the_same_bit_by_bit():
    one = pa.table({"a": [1.0, float("nan"), None], "b": ["x", "y", None]})
    assert packing.same(one, pa.table({"a": [1.0, float("nan"), None], "b": ["x", "y", None]}))
    for other in (one[:2], one.select(["b", "a"]), put(one, "a", [1.0, None, None]), put(one, "b", ["x", "z", None])):
        assert not packing.same(one, other)
