"""Searches through a real local Ray."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from study import search, sweep
from study.proposals import Proposals
from study.resources import Resources
from study.search import SearchOptions
from study.space import Study
from trainables import records
from trainables.settings import key, replace

ROOT = Path(__file__).parents[2]


@pytest.mark.cluster
def test_a_search_runs_its_budget_under_tune_and_tells_optuna_what_the_rows_say(tiny, tmp_path, capsys):
    quick = replace(tiny, {"network.epochs": 1, "mine.samples": 100, "mine.epochs": 2, "mine.replicates": 1})
    study = Study("tiny", "For tests.", (quick,), seeds=(0, 1))
    narrow = {"mine.noise_std": (0.0, 0.3), "mine.architecture": (1,), "mine.transfer_mode": ("reinit",)}
    found = search.plan(study, SearchOptions(search="optuna", trials=6), narrow, None)
    results = str(tmp_path)
    proposals = Proposals(found, results)
    sweep.launch_search(proposals, Resources(), tensorboard=True)
    assert proposals.done and len(proposals.valued) == 3
    assert len(records.trial_states(results)[0]) == 6
    out = capsys.readouterr().out
    assert "first wave: 2/2" in out and "6/6 done" in out
    for one in proposals.valued.values():
        assert search.value(found, one.point, results).values == one.values
    assert {trial.state.name for trial in stored(proposals.journal)} == {"COMPLETE"}
    assert len(list((tmp_path / "tune").rglob("events.out.tfevents.*"))) == 6


def stored(journal: Path) -> list[optuna.trial.FrozenTrial]:
    (study,) = optuna.get_all_study_summaries(storage := JournalStorage(JournalFileBackend(str(journal))))
    return optuna.load_study(study_name=study.study_name, storage=storage).trials


def start(results: Path) -> subprocess.Popen:
    arguments = [
        "sweep", "demo", "--search", "optuna", "--trials", "8", "--seeds", "0", "1", "--results", str(results),
        "--network.epochs", "1", "--mine.samples", "200", "--mine.epochs", "3", "--mine.architecture", "1", "3",
    ]  # fmt: skip
    command = [sys.executable, "-m", "study.cli", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_search_whose_driver_is_stopped_goes_on_with_the_rest_of_its_budget(tmp_path, how):
    for done in ("0/8 done, 1 running", "3/8 done", "6/8 done"):
        stopped = start(tmp_path)
        for line in stopped.stdout:
            if done in line or "configurations evaluated" in line:
                os.kill(stopped.pid, how)
                break
        rest, _ = stopped.communicate(timeout=300)
        assert "Traceback" not in rest
        if how == signal.SIGINT:
            assert stopped.returncode == (0 if "4 of 4 configurations evaluated" in rest else 130), rest
    last = start(tmp_path)
    output, _ = last.communicate(timeout=300)
    assert last.returncode == 0, output
    assert "4 of 4 configurations evaluated, 0 failed" in output and "Confirm on seeds" in output
    states = records.trial_states(str(tmp_path))[0]
    assert len(states) == 8 and set(states.values()) == {"completed"}
    (journal,) = (tmp_path / "search").glob("*.journal")
    trials = stored(journal)
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    points = [tuple(trial.params.items()) for trial in trials]
    assert len(set(points)) == 4


def test_a_trial_key_is_what_a_search_and_a_sweep_share(tiny):
    study = Study("tiny", "For tests.", (tiny,), seeds=(0,))
    found = search.plan(study, SearchOptions(search="random", trials=1), {}, None)
    (config,) = found.trials({path: values[0] for path, values in found.axes.items()})
    assert key(config) == key(replace(tiny, {path: values[0] for path, values in found.axes.items()}))
