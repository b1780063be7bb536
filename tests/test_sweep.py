"""Sweeps through a real local Ray."""

import os

import pytest
import torch

from study import space, sweep
from study.resources import Resources
from study.space import Study
from trainables import records, schedule
from trainables.config import InputError, key, replace


@pytest.fixture
def tiny_study(tiny) -> Study:
    quick = replace(tiny, {"lenet.epochs": 1, "mine.samples": 100, "mine.epochs": 2, "mine.replicates": 1})
    return Study("tiny", "For tests.", space.grid(quick, {"mine.hidden_units": (3, 5)}), seeds=(0, 1))


def test_a_sweep_gives_the_rows_of_single_trials_and_does_only_what_is_missing(tiny_study, tmp_path, capsys):
    planned = space.trials(tiny_study, {})
    first = sweep.launch(planned[:2], str(tmp_path), Resources())
    assert (first.exit_code, len(first.completed)) == (0, 2)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").iterdir()}
    ended = sweep.launch(planned, str(tmp_path), Resources(max_concurrent=1))
    assert (ended.exit_code, len(ended.completed)) == (0, 4)
    assert all(path.stat().st_mtime_ns == time for path, time in written.items())
    out = capsys.readouterr().out
    assert "2/2 done" in out and "hidden_units=5 seed=1: completed" in out and "nats: X;maxpool1" in out
    for config in planned:
        for progress in schedule.run(config, torch.device("cpu")):
            alone = progress.parts()
        for name in ("lenet", "estimates", "curves"):
            path = tmp_path / name / f"{key(config)}.parquet"
            assert records.pa.parquet.read_table(path).equals(alone[name]), name


def test_a_trial_that_raises_is_a_row_and_the_sweep_goes_on(tiny_study, tmp_path):
    """A data set that vanishes after the check: every trial on it raises, on its worker."""
    planned = space.trials(tiny_study, {})
    lost = replace(planned[0], {"data.name": "mnist", "data.root": str(tmp_path / "nothing"), "mine.samples": 100})
    os.environ["no_proxy"] = "*"
    ended = sweep.launch([lost, planned[1]], str(tmp_path / "r"), Resources())
    assert ended.exit_code == 1
    assert (ended.failed, ended.completed) == ([key(lost)], [key(planned[1])])
    rows = {row["key"]: row for row in records.read(str(tmp_path / "r"), "trials").to_pylist()}
    assert "InputError" in rows[key(lost)]["error"]


def test_resources_that_are_not_there_are_refused(tiny_study, tmp_path):
    with pytest.raises(InputError, match="gpus_per_trial is 8.0; it must be at most 0"):
        sweep.launch(space.trials(tiny_study, {}), str(tmp_path), Resources(gpus_per_trial=8.0))


def test_exit_codes():
    assert sweep.Outcome(["a"], [], []).exit_code == 0
    assert sweep.Outcome(["a"], ["b"], []).exit_code == 1
    assert sweep.Outcome(["a"], [], ["c"]).exit_code == 1
    assert sweep.Outcome(["a"], [], ["c"], interrupted=True).exit_code == 130


def test_no_ray_is_left_running():
    """Each launch stops what it started."""
    import ray

    assert not ray.is_initialized()
