import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from trainables import records
from trainables.records import files, schemas
from trainables.settings import InputError, TrialConfig, key


def network_rows(trial: str, epochs=21) -> pa.Table:
    columns = {"key": [trial] * epochs, "epoch": range(epochs), "train_loss": [0.5] * epochs}
    return schemas.table("network", {**columns, "test_accuracy": [0.9] * epochs})


def trial_rows(state="completed") -> pa.Table:
    provenance = dict.fromkeys(
        ("seconds_data", "seconds_network", "seconds_truth", "seconds_probe", "seconds_mine"), 0.0
    )
    provenance |= {"state": state, "error": None, "started_at": schemas.now(), "git_commit": None, "versions": "{}"}
    provenance |= {"device": "cpu", "threads": 1, "peak_memory_bytes": 1, "peak_device_bytes": None}
    return schemas.trial_row(TrialConfig(), provenance)


@pytest.mark.parametrize("name", schemas.SCHEMAS)
def test_every_column_is_described(name):
    for field in schemas.SCHEMAS[name]:
        assert field.metadata[b"description"]


def test_a_misspelt_column_is_refused():
    columns = {"key": ["a"], "epoch": [0], "train_loss": [0.1]}
    with pytest.raises(ValueError, match="test_accuracy, test_acuracy"):
        schemas.table("network", {**columns, "test_acuracy": [0.9]})


def test_a_missing_value_is_null_where_it_may_be_and_refused_where_not():
    with pytest.raises(ValueError, match="train_loss has missing values"):
        schemas.table("network", {"key": ["a"], "epoch": [0], "train_loss": [None], "test_accuracy": [0.9]})
    column = schemas._array(np.array([1.0, np.nan]), schemas.SCHEMAS["estimates"].field("estimate"))
    assert column.to_pylist() == [1.0, None]
    assert schemas._array([1.0, np.nan, None], schemas.SCHEMAS["estimates"].field("estimate")).null_count == 2
    column = schemas._array(np.array([1.0, np.nan, np.inf]), schemas.SCHEMAS["curves"].field("bound"))
    assert column.null_count == 0


@pytest.mark.parametrize("as_uri", [False, True])
def test_written_rows_are_read_back(tmp_path, as_uri):
    results = tmp_path.as_uri() if as_uri else str(tmp_path)
    trial = key(TrialConfig())
    records.write_trial(results, {"trials": trial_rows(), "network": network_rows(trial)})
    assert records.read(results, "network").rows.to_pylist() == network_rows(trial).to_pylist()
    rows, problems = records.read(results, "trials", ["key", "mine.pairs"])
    assert rows["mine.pairs"][0].as_py() == list(TrialConfig().pairs) and problems == []
    assert records.trial_states(results) == ({trial: "completed"}, [])
    assert records.trial_state(results, trial) == "completed"
    assert records.trial_state(results, "other") is None
    rows, (problem,) = records.read(results, "curves")
    assert len(rows) == 0 and problem.startswith("1 of 1 completed trial has no rows in the table curves")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [f"{trial}.parquet"] * 2


def test_a_repeated_trial_overwrites_itself(tmp_path):
    for state in ("failed", "completed"):
        parts = {"trials": trial_rows(state), "network": network_rows(key(TrialConfig()))}
        records.write_trial(str(tmp_path), parts)
    assert records.trial_states(str(tmp_path))[0] == {key(TrialConfig()): "completed"}
    assert records.read(str(tmp_path), "network").rows.num_rows == 21


def test_any_pyarrow_file_system_serves(monkeypatch):
    """An object store has no rename: the final name is written in one put."""
    store = pa.fs._MockFileSystem()
    store.create_dir("bucket/trials")  # object stores need no folders, the mock does
    monkeypatch.setattr(files, "_OBJECT_STORES", ("mock",))
    files.write_bytes(store, "bucket/trials/a.parquet", b"content")
    names = [info.path for info in store.get_file_info(pa.fs.FileSelector("bucket", recursive=True))]
    assert names == ["bucket/trials", "bucket/trials/a.parquet"]


def test_an_interrupted_write_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        files.write_bytes(pa.fs.LocalFileSystem(), str(tmp_path / "a.parquet"), object())
    assert list(tmp_path.iterdir()) == []


def test_a_writer_killed_at_any_moment_leaves_whole_files(tmp_path):
    program = (
        "import sys, numpy as np\n"
        "from trainables import records\n"
        "from trainables.records import files, schemas\n"
        "n = 200_000\n"
        "columns = {'key': ['a'] * n, 'epoch': np.arange(n), 'train_loss': np.random.rand(n)}\n"
        "rows = schemas.table('network', {**columns, 'test_accuracy': np.random.rand(n)})\n"
        "content = records.to_parquet(rows)\n"
        "store, root = files.filesystem(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    files.write_bytes(store, root + '/lenet/a.parquet', content)\n"
    )
    for delay in (0.01, 0.02, 0.03, 0.05, 0.08):
        writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(delay)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        files = [path for path in (tmp_path / "lenet").iterdir() if not path.name.startswith(".")]
        assert all(pq.read_table(path).num_rows == 200_000 for path in files)


def test_folders_without_results_and_other_versions_are_named(tmp_path):
    with pytest.raises(InputError, match="holds no trials"):
        records.read(str(tmp_path), "trials")
    with pytest.raises(InputError, match="holds no trials"):
        records.read(str(tmp_path / "nowhere"), "trials")
    with pytest.raises(InputError, match="cannot be opened"):
        records.read("gopher://host/path", "trials")
    path = tmp_path / "trials" / f"{key(TrialConfig())}.parquet"
    path.parent.mkdir()
    pq.write_table(trial_rows().replace_schema_metadata({"schema_version": "0"}), path)
    assert "schema version 0; this program reads version 1" in records.read(str(tmp_path), "trials").problems[0]
    path.write_bytes(path.read_bytes()[:500])
    assert "damaged file" in records.read(str(tmp_path), "trials").problems[0]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"results '.*file/below' cannot be written"):
        files.check_writable(str(tmp_path / "file" / "below"))
    files.check_writable(str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()  # asking leaves nothing behind


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("trials/{}.parquet", "; delete it and run its sweep or trial again"),
        ("lenet/{}.parquet", "; delete it and trials/{}.parquet and run"),
        ("merged/lenet/x.parquet", "; put it back from a copy, or delete the folder merged and run"),
    ],
)
def test_a_damaged_file_names_all_that_must_go_for_its_trials_to_run_again(tmp_path, path, words):
    trial, results = key(TrialConfig()), str(tmp_path)
    records.write_trial(results, {"trials": trial_rows(), "network": network_rows(trial)})
    damaged = tmp_path / path.format(trial)
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(b"PAR1")
    problems = records.read(results, "trials" if path.startswith("trials") else "network").problems
    assert words.format(trial) in problems[0]
