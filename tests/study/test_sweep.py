"""Sweeps through a real local Ray."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from study import space, sweep
from study.resources import Resources
from study.space import Study
from trainables import records
from trainables.records import layout
from trainables.settings import InputError, key, replace
from trainables.trial import recorded, schedule

ROOT = Path(__file__).parents[2]
TINY = [
    "--network.epochs", "1", "--mine.samples", "200", "--mine.epochs", "3", "--seeds", "0",
    "--mine.marginals", "permutation", "--mine.noise-std", "0", "0.5", "1", "2",
]  # fmt: skip


@pytest.fixture
def tiny_study(tiny) -> Study:
    quick = replace(tiny, {"network.epochs": 1, "mine.samples": 100, "mine.epochs": 2, "mine.replicates": 1})
    axes = {"mine.hidden_units": (3, 5), "mine.noise_std": (0.0, 0.3)}
    return Study("tiny", "For tests.", space.grid(quick, axes), seeds=(0,))


def test_a_sweep_gives_the_rows_of_single_trials_and_does_only_what_is_missing(tiny_study, tmp_path, capsys):
    planned = space.trials(tiny_study, {})
    first = sweep.launch("tiny", planned[:2], str(tmp_path), Resources())
    assert (first.exit_code, len(first.completed)) == (0, 2)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").iterdir()}
    ended = sweep.launch("tiny", planned, str(tmp_path), Resources(max_concurrent=1))
    assert (ended.exit_code, len(ended.completed)) == (0, 4)
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())
    out = capsys.readouterr().out
    assert "network 1 of 1 ready" in out and "2/2 done" in out and "4/4 done" in out and "estimate/truth" in out
    assert "| seed 0, noise_std 0.3, hidden_units 5" in out
    for config in planned:
        *_, last = schedule.run(config, torch.device("cpu"))
        for name, alone in recorded.parts(last, torch.device("cpu")).items():
            if name != "trials":
                assert pq.read_table(tmp_path / layout.folder(name) / f"{key(config)}.parquet").equals(alone), name


@pytest.mark.cluster
def test_one_lenet_and_one_truth_serve_all_configurations(tiny_study, tmp_path):
    sweep.launch("tiny", space.trials(tiny_study, {}), str(tmp_path), Resources())
    assert len(list((tmp_path / "lenet_runs").iterdir())) == 1
    assert len(list((tmp_path / "truths").iterdir())) == 4 * 2  # layers x noise stds
    shared = [*(tmp_path / "lenet_runs").iterdir(), *(tmp_path / "truths").iterdir()]
    written = max(path.stat().st_mtime for path in shared)  # a trial that made its own would write them again
    started = records.read(str(tmp_path), "trials").rows["started_at"].to_pylist()
    assert all(start.timestamp() > written for start in started)


def test_a_trial_that_raises_is_a_row_and_the_sweep_goes_on(tiny_study, tmp_path):
    """A data set that vanishes after the check: every trial on it raises, on its worker."""
    planned = space.trials(tiny_study, {})
    lost = replace(planned[0], {"data.name": "mnist", "data.root": "/dev/null/nothing", "mine.samples": 100})
    ended = sweep.launch("tiny", [lost, planned[1]], str(tmp_path), Resources())
    assert ended.exit_code == 1
    assert (ended.failed, ended.completed) == ([key(lost)], [key(planned[1])])
    rows = {row["key"]: row for row in records.read(str(tmp_path), "trials").rows.to_pylist()}
    assert "InputError" in rows[key(lost)]["error"]


def test_resources_that_are_not_there_are_refused(tiny_study, tmp_path):
    with pytest.raises(InputError, match="gpus_per_trial is 1.0; it must be at most 0"):
        sweep.launch("tiny", space.trials(tiny_study, {}), str(tmp_path), Resources(gpus_per_trial=1.0))


def test_exit_codes():
    assert sweep.Outcome(["a"], [], []).exit_code == 0
    assert sweep.Outcome(["a"], ["b"], []).exit_code == 1
    assert sweep.Outcome(["a"], [], ["c"]).exit_code == 1
    assert sweep.Outcome(["a"], [], ["c"], interrupted=True).exit_code == 130


def start_sweep(results: Path, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "study.cli", "sweep", "demo", *TINY, "--results", str(results)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_sweep_that_is_stopped_goes_on_with_what_is_missing(tmp_path, how):
    stopped = start_sweep(tmp_path)
    for line in stopped.stdout:
        if "1/4 done" in line:
            stopped.send_signal(how)
            break
    rest, _ = stopped.communicate(timeout=120)
    assert "Traceback" not in rest
    if how == signal.SIGINT:
        assert stopped.returncode == 130, rest
    again = start_sweep(tmp_path)
    output, _ = again.communicate(timeout=240)
    assert again.returncode == 0, output
    assert "4 of 4 trials completed, 0 failed, 0 missing" in output
    assert records.read(str(tmp_path), "estimates").rows.num_rows == 4 * 8 * 2


@pytest.mark.slow
def test_workers_that_die_at_once_leave_failed_rows(tmp_path):
    """As where a worker runs out of memory before its first report."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "class Die:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'trainables.trial.ray_trainable' and os.environ.get('RAY_JOB_ID'): os._exit(1)\n"
        "sys.meta_path.insert(0, Die())\n"
    )
    ended = start_sweep(tmp_path / "r", PYTHONPATH=f"{tmp_path}:{ROOT}")
    output, _ = ended.communicate(timeout=400)
    assert ended.returncode == 1, output
    assert "Traceback" not in output
    assert set(records.trial_states(str(tmp_path / "r"))[0].values()) == {"failed"}, output
