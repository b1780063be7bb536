"""Merged files: what counts of them, and what is wrong with them."""

import json
import shutil

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import load
from tests import made_results
from tests.records.folders import TABLES, assert_alike, change, part, put, seen
from trainables.records import layout, packing, writing
from trainables.settings import InputError, key


def test_every_sound_row_of_a_merged_file_counts_and_the_others_are_named(tmp_path, configs):
    before = seen(tmp_path)["estimates"]
    packing.pack(str(tmp_path))
    (path,) = (tmp_path / layout.MERGED / "estimates").iterdir()
    first = key(configs[0])
    change(
        path,
        lambda rows: rows.filter(pa.array([k != first or i % 2 == 1 for i, k in enumerate(rows["key"].to_pylist())])),
    )
    after = seen(tmp_path)["estimates"]
    pd.testing.assert_frame_equal(after, before[before["key"] != first].reset_index(drop=True))
    (sentence,) = load(str(tmp_path)).problems
    assert f"{path}, in which trial {first} has 4 rows where its configuration asks for 8" in sentence
    change(path, lambda rows: put(rows, "key", ["0ther", *rows["key"].to_pylist()[1:]]))  # of no key that it lists
    assert "0ther" not in set(seen(tmp_path)["estimates"]["key"])
    made_results.write(str(tmp_path), {"seed": 8}, runs=2)
    packing.pack(str(tmp_path))
    assert path.exists(), "rows that no copy has are not deleted"


def test_a_merged_file_of_trials_that_lists_others_than_it_has_is_named(tmp_path, configs):
    packing.pack(str(tmp_path))
    (path,) = (tmp_path / layout.MERGED / "trials").iterdir()
    rows = pq.read_table(path)
    keys = json.dumps([key(config) for config in configs[:2]])
    pq.write_table(rows.replace_schema_metadata({**rows.schema.metadata, b"keys": keys.encode()}), path)
    study = load(str(tmp_path))
    assert len(study.trials) == 2 and f"{path}, which holds other trials than it lists" in study.problems[0]
    packing.pack(str(tmp_path))
    assert path.exists()


def test_a_part_among_the_merged_files_is_named(tmp_path, configs):
    before = seen(tmp_path)
    packing.pack(str(tmp_path))
    again = made_results.write(str(tmp_path), {"seed": 9}, runs=1)
    for table in TABLES:
        shutil.move(part(tmp_path, table, again), tmp_path / layout.MERGED / layout.folder(table) / "z.parquet")
    study = load(str(tmp_path))
    assert ["z.parquet, which does not list its trials" in one for one in study.problems] == [True] * 3
    assert_alike(seen(tmp_path), before)
    packing.pack(str(tmp_path))
    assert_alike(seen(tmp_path), before)
    assert (tmp_path / layout.MERGED / "curves" / "z.parquet").exists()


def test_a_copy_of_a_merged_file_counts_nothing_twice(tmp_path, configs):
    before = seen(tmp_path)
    packing.pack(str(tmp_path))
    for table in TABLES:
        (path,) = (tmp_path / layout.MERGED / layout.folder(table)).iterdir()
        shutil.copy(path, path.with_name(f"{path.stem} (1).parquet"))
    assert_alike(seen(tmp_path), before)
    packing.pack(str(tmp_path))
    assert_alike(seen(tmp_path), before)


def test_a_merged_file_is_deleted_only_when_its_copy_was_read_back(tmp_path, configs, monkeypatch):
    before = seen(tmp_path)
    real = writing.to_parquet
    monkeypatch.setattr(writing, "to_parquet", lambda rows: real(rows[:-1]))
    with pytest.raises(InputError, match="read back otherwise than it was written; nothing was deleted"):
        packing.pack(str(tmp_path))
    monkeypatch.undo()
    assert_alike(seen(tmp_path), before)
    assert not list((tmp_path / layout.MERGED).rglob("*.parquet"))
