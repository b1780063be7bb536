"""Results of version 1, which knew LeNet-5 alone, are read for ever: `tests/fixtures/version_1` is never made again.

Two trials on MNIST as that version wrote them, with `lenet.*` in place of `network.*` and `target` for the optimum, and
without the fields and columns that came later; and the plan of their sweep.
"""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import Results, tables
from tests import made_results
from trainables import records
from trainables.records import layout, packing, plans, schemas
from trainables.settings import ADDED, key

FIXTURE = Path(__file__).parents[1] / "fixtures" / "version_1"
KEYS = {"5b25a5f6e5a7cb75", "a7b5036cf3244e43"}


def test_keys_are_those_that_version_1_gave():
    read = records.trials(str(FIXTURE))
    assert read.completed.keys() == KEYS and read.problems == []
    assert {key(config) for config in read.configurations.values()} == KEYS
    (plan,) = plans.read(str(FIXTURE))
    assert {key(config) for config in plan.trials} == KEYS
    assert '"lenet.epochs"' in next((FIXTURE / "plans").iterdir()).read_text()


NAMES = {"target": "optimum", "lenet_epoch": "network_epoch", "seconds_lenet": "seconds_network"}
GONE = {"previous_window_mean"}
"""Columns that nothing reads any more."""


def in_order(rows: pa.Table) -> pa.Table:
    grid = ("key", "run", "pair", "replicate", "mine_epoch", "epoch")
    return rows.sort_by([(name, "ascending") for name in grid if name in rows.column_names])


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("table", schemas.SCHEMAS)
def test_every_value_is_read_under_its_present_name(tmp_path, table, compacted):
    folder = FIXTURE
    if compacted:
        folder = Path(shutil.copytree(FIXTURE, tmp_path / "copy"))
        packing.pack(str(folder))
        assert not list((folder / "trials").iterdir())
    found, problems = records.read(str(folder), table)
    raw = pq.read_table(FIXTURE / layout.folder(table))
    raw = raw.rename_columns([NAMES.get(name, name.replace("lenet.", "network.")) for name in raw.column_names])
    found, raw, read = in_order(found), in_order(raw), set(raw.column_names) - GONE
    assert problems == [] and read <= set(found.column_names)
    assert all(found[name].to_pylist() == raw[name].to_pylist() for name in read)
    later = set(found.column_names) - read
    assert later <= ADDED.keys() | schemas.LATER
    before = {name: list(value) if isinstance(value := ADDED.get(name), tuple) else value for name in later}
    assert all(one == before[name] for name in later for one in found[name].to_pylist())


def test_new_rows_stand_beside_old_ones(tmp_path):
    folder = shutil.copytree(FIXTURE, tmp_path / "copy")
    made_results.write(str(folder), {"mine.epochs": 40})
    study = Results(str(folder))
    assert len(study.trials) == 3 and set(study.trials["network.name"]) == {"lenet5"}
    assert tables.build("stability", str(folder))[0]["seeds"].sum() == 3 * 2
    assert study.problems == []


def test_a_sweep_of_version_1_finds_its_trials_done():
    (plan,) = plans.read(str(FIXTURE))
    assert {key(config) for config in plan.trials} == records.trial_states(str(FIXTURE))[0].keys()
