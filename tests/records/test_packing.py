import contextlib
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from study import sweep
from tests import made_results
from trainables import records
from trainables.records import files as storage
from trainables.records import in_use, layout, packing, reading, schemas
from trainables.settings import InputError, key


def everything(results: str) -> dict:
    found = {}
    for name in schemas.SCHEMAS:
        rows, problems = records.read(results, name)
        assert problems == []
        order = [(field.name, "ascending") for field in rows.schema if not pa.types.is_list(field.type)]
        found[name] = repr(rows.sort_by(order).to_pylist())  # NaN is not equal to itself, but reads alike
    return found


def assert_same(results: str, before: dict) -> None:
    after = everything(results)
    for name in before:
        assert after[name] == before[name], name


def counts(results: str) -> dict[str, int]:
    return {name: records.read(results, name).rows.num_rows for name in schemas.SCHEMAS}


def number_of_files(tmp_path) -> int:
    return len([path for path in tmp_path.rglob("*.parquet")])


def test_packing_changes_no_row_and_leaves_few_files(tmp_path):
    results = str(tmp_path)
    made_results.study(results)
    before = everything(results)
    assert number_of_files(tmp_path) == 4 * 12
    done = {one.table: one for one in packing.pack(results)}
    assert (done["trials"].files_before, done["trials"].files_after) == (12, 1)
    assert number_of_files(tmp_path) == 4
    assert_same(results, before)
    packing.pack(results)
    assert number_of_files(tmp_path) == 4
    assert_same(results, before)


def test_what_is_done_is_known_of_a_packed_folder(tmp_path):
    results = str(tmp_path)
    configs = [made_results.write(results, {"seed": seed}) for seed in (0, 1)]
    failed = made_results.write(results, {"seed": 2}, state="failed")
    packing.pack(results)
    ended = sweep.outcome([*configs, failed], results)
    assert ended.completed == [key(config) for config in configs] and ended.failed == [key(failed)]
    assert [records.trial_state(results, key(config)) for config in configs] == ["completed"] * 2
    assert records.trial_state(results, key(failed)) == "failed" and records.trial_state(results, "other") is None


def test_a_trial_run_again_after_packing_takes_the_place_of_its_old_rows(tmp_path):
    results = str(tmp_path)
    made_results.write(results, {"seed": 0}, level=2.0)
    made_results.write(results, {"seed": 1}, level=2.0)
    packing.pack(results)
    again = made_results.write(results, {"seed": 0}, level=1.0)

    def highest() -> dict:
        rows = records.read(results, "estimates").rows.to_pandas()
        assert len(rows) == 2 * 6 * 8 * 2
        return rows.groupby("key")["estimate"].max().round(1).to_dict()

    assert highest()[key(again)] == 1.0
    packing.pack(results)
    assert number_of_files(tmp_path) == 4 and highest()[key(again)] == 1.0
    made_results.write(results, {"seed": 0}, state="failed")
    assert records.trial_state(results, key(again)) == "failed"
    packing.pack(results)
    assert records.trial_states(results)[0][key(again)] == "failed"


@pytest.mark.parametrize("step", range(8))
def test_an_interruption_between_any_two_steps_loses_and_doubles_nothing(tmp_path, monkeypatch, step):
    """Fails before the step-th deletion, which comes after the merged file was written."""
    results = str(tmp_path)
    for seed in (0, 1):
        made_results.write(results, {"seed": seed})
    packing.pack(results)
    made_results.write(results, {"seed": 2})
    made_results.write(results, {"seed": 1}, level=1.5)
    before, real, calls = everything(results), storage.delete, iter(range(100))

    def cut_off(*place):
        if next(calls) == step:
            raise KeyboardInterrupt
        real(*place)

    monkeypatch.setattr(storage, "delete", cut_off)
    with pytest.raises(KeyboardInterrupt):
        packing.pack(results)
    assert_same(results, before)
    packing.pack(results)
    assert_same(results, before)
    assert number_of_files(tmp_path) == 4


def test_two_merged_files_of_the_same_trials_count_once(tmp_path):
    """As two packings at once leave them, or one that was killed before it deleted the older file."""
    results = str(tmp_path)
    made_results.write(results, {"seed": 0})
    packing.pack(results)
    (old,) = (tmp_path / "merged" / "lenet").iterdir()
    kept = old.read_bytes()
    made_results.write(results, {"seed": 1})
    packing.pack(results)
    before = everything(results)
    old.write_bytes(kept)
    assert len(list((tmp_path / "merged" / "lenet").iterdir())) == 2
    assert_same(results, before)


def test_a_part_written_while_it_is_merged_stays(tmp_path, monkeypatch):
    results = str(tmp_path)
    config = made_results.write(results, {"seed": 0}, level=2.0)
    real = packing._write

    def write_meanwhile(*arguments):
        keys = real(*arguments)
        made_results.write(results, {"seed": 0}, level=1.0)
        return keys

    monkeypatch.setattr(packing, "_write", write_meanwhile)
    packing.pack(results)
    monkeypatch.undo()
    rows = records.read(results, "estimates").rows.to_pandas()
    assert len(rows) == 6 * 8 * 2 and rows["estimate"].max() < 1.1
    assert records.trial_states(results)[0] == {key(config): "completed"}


def test_a_copy_that_is_gone_before_it_was_read_back_deletes_nothing(tmp_path, monkeypatch):
    results = str(tmp_path)
    for seed in (0, 1):
        made_results.write(results, {"seed": seed}, runs=1)
    before, real = everything(results), storage.write_bytes

    def gone_at_once(store, path, content):
        real(store, path, content)
        if f"/{layout.MERGED}/" in path:
            os.unlink(path)

    monkeypatch.setattr(storage, "write_bytes", gone_at_once)
    with pytest.raises(FileNotFoundError):
        packing.pack(results)
    monkeypatch.undo()
    assert number_of_files(tmp_path) == 2 * 4
    assert_same(results, before)
    packing.pack(results)
    assert number_of_files(tmp_path) == 4
    assert_same(results, before)


def test_failed_unfinished_damaged_and_old_parts_stay(tmp_path):
    results = str(tmp_path)
    config = made_results.write(results, {"seed": 0})
    made_results.write(results, {"seed": 1}, state="failed")
    unfinished = made_results.write(results, {"seed": 2})
    (tmp_path / "trials" / f"{key(unfinished)}.parquet").unlink()
    damaged = made_results.write(results, {"seed": 3})
    path = tmp_path / "lenet" / f"{key(damaged)}.parquet"
    path.write_bytes(path.read_bytes()[:100])
    packing.pack(results)
    left = {name: len(list((tmp_path / layout.folder(name)).iterdir())) for name in schemas.SCHEMAS}
    assert left == {"trials": 1, "network": 2, "estimates": 1, "curves": 1}
    assert set(records.read(results, "estimates", ["key"]).rows["key"].to_pylist()) == {key(config), key(damaged)}
    assert (tmp_path / "estimates" / f"{key(unfinished)}.parquet").exists()


def test_killed_at_any_moment(tmp_path):
    """A process that writes trials again and packs, over and over, killed at moments of its own."""
    results = str(tmp_path)
    for seed in range(4):
        made_results.write(results, {"seed": seed})
    before = counts(results)
    program = (
        "import sys\n"
        "from tests import made_results\n"
        "from trainables.records import packing\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    packing.pack(sys.argv[1])\n"
        "    [made_results.write(sys.argv[1], {'seed': seed}) for seed in range(3)]\n"
    )
    for delay in (0.02, 0.05, 0.09, 0.15, 0.21):
        worker = subprocess.Popen([sys.executable, "-c", program, results], stdout=subprocess.PIPE)
        assert worker.stdout.readline() == b"ready\n"
        ends = time.monotonic() + delay
        while time.monotonic() < ends:  # a reader beside it sees every row once, or is told to read again
            with contextlib.suppress(InputError):
                assert counts(results) == before
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        assert counts(results) == before
    packing.pack(results)
    assert counts(results) == before


def test_an_object_store_that_drops_empty_folders_is_read(tmp_path):
    results = tmp_path.as_uri()
    made_results.write(results, {"seed": 0})
    packing.pack(results)
    for name in schemas.SCHEMAS:
        (tmp_path / layout.folder(name)).rmdir()
    assert len(records.trial_states(results)[0]) == 1
    assert records.read(results, "curves").rows.num_rows == 6 * 8 * 2 * 20


def test_whole_trials_in_pieces(tmp_path, monkeypatch):
    results = str(tmp_path)
    for seed in range(5):
        made_results.write(results, {"seed": seed})
    before = everything(results)
    monkeypatch.setattr(reading, "_THREADS", 2)

    def check() -> None:
        scanned = list(records.scan(results, "curves", ["key", "bound"], 700, records.trials(results)))
        pieces = [piece for piece, problems in scanned if len(piece) and not problems]
        keys = [set(piece["key"].to_pylist()) for piece in pieces]
        assert len(pieces) == 3 and sum(map(len, keys)) == len(set().union(*keys)) == 5
        assert sum(piece.num_rows for piece in pieces) == 5 * 6 * 8 * 2 * 20

    check()
    for module in (reading, packing):
        monkeypatch.setattr(module, "ROWS", 3000)
    monkeypatch.setattr(reading.pieces, "__defaults__", (3000,))
    done = {one.table: one.files_after for one in packing.pack(results)}
    assert done == {"trials": 1, "network": 1, "estimates": 1, "curves": 3}
    check()
    merged = sorted(tmp_path.rglob("merged/*/*"))
    packing.pack(results)
    assert sorted(tmp_path.rglob("merged/*/*")) == merged, "what is packed is not packed again"
    assert_same(results, before)


def test_a_damaged_merged_file_is_named(tmp_path):
    results = str(tmp_path)
    made_results.write(results, {"seed": 0})
    packing.pack(results)
    (path,) = (tmp_path / layout.MERGED / "estimates").iterdir()
    path.write_bytes(path.read_bytes()[:200])
    rows, problems = records.read(results, "estimates")
    assert len(rows) == 0 and f"a damaged file, {path}" in problems[0]
    assert problems[1].startswith("1 of 1 completed trial has no rows in the table estimates")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no trials"):
        packing.pack(str(tmp_path))


def test_packing_refuses_while_a_sweep_writes_and_a_sweep_while_packing_does(tmp_path):
    results = str(tmp_path)
    made_results.write(results, {"seed": 0})
    with in_use.sweeping(results, "sweep"), in_use.sweeping(results, "another"):
        with pytest.raises(InputError, match="a sweep writes to results"):
            packing.pack(results)
        assert number_of_files(tmp_path) == 4
    for name in ("sweep", "another"):
        storage.delete_snapshot(results, layout.PROBES, name)
    with in_use.packing(results):
        packing.pack(results)
        with pytest.raises(InputError, match="is being packed"), in_use.sweeping(results, "sweep"):
            pytest.fail("a sweep has begun")
    assert number_of_files(tmp_path) == 4
    with in_use.sweeping(results, "sweep"):
        pass


def test_the_file_of_a_killed_sweep_counts_for_two_minutes(tmp_path, monkeypatch):
    results = str(tmp_path)
    made_results.write(results, {"seed": 0})
    storage.write_snapshot(results, layout.PROBES, "sweep", b"")
    file = tmp_path / layout.PROBES / "sweep.pt"
    for seconds, refused in ((110, True), (130, False)):
        time_then = time.time() - seconds
        os.utime(file, (time_then, time_then))
        with pytest.raises(InputError, match="two minutes") if refused else contextlib.nullcontext():
            packing.pack(results)
    monkeypatch.setattr(in_use, "_BEAT", 0.01)
    with in_use.sweeping(results, "sweep"):
        os.utime(file, (0, 0))
        while not file.exists() or file.stat().st_mtime == 0:
            time.sleep(0.01)
        with pytest.raises(InputError, match="a sweep writes"):
            packing.pack(results)
