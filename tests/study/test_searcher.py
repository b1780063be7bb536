"""Which trials a search runs, kills included: without Ray on made-up rows, whose values are known, and through it."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from study import search, studies, sweep
from study.resources import Resources
from study.search import Search, SearchOptions
from study.searcher import Searcher
from study.space import Study
from tests.made_rows import distance, evaluate
from trainables import records
from trainables.records import plans
from trainables.settings import TrialConfig, configuration_key, key, replace

ROOT = Path(__file__).parents[2]
AXES = {
    "mine.architecture": (1, 2, 3),
    "mine.noise_std": (0.0, 1.0),
    "mine.hidden_units": (10, 20),
    "mine.transfer_mode": ("reinit",),
}


def planned(configurations=5, method="optuna", seed=0, seeds=(0, 1), axes=AXES, **options) -> Search:
    asked = SearchOptions(search=method, trials=configurations * len(seeds), **options)
    return dataclasses.replace(search.make(studies.DEMO, asked, axes, seeds), seed=seed)


def steps(asked: Searcher, most: int = 1_000, at_once: int = 1) -> list[TrialConfig]:
    """Run trials, some at once; stop, as a kill does, after `most` have ended."""
    running: list[TrialConfig] = []
    ended: list[TrialConfig] = []
    while len(ended) < most:
        while len(running) < at_once and (config := asked.next_trial()):
            running.append(config)
        if not running:
            break
        config = running.pop(0)
        evaluate(config, asked.results)
        asked.ended(config)
        ended.append(config)
    return ended


def assert_agrees(asked: Searcher) -> None:
    """Optuna has, once per point, the mean over seeds of what the rows say; the plan names every trial."""
    told = asked._study.get_trials(states=(search_complete(),))
    assert len({json.dumps(trial.params) for trial in told}) == len(told) == len(asked.valued)
    for trial in told:
        means = np.mean([distance(config) for config in asked.search.trials(trial.params)])
        assert trial.value == pytest.approx(means)
    (written,) = plans.read(asked.results)
    configurations = {configuration_key(config) for config in written.trials}
    assert configurations == set(asked.valued) and len(written.trials) == asked.search.total


def search_complete():
    from optuna.trial import TrialState

    return TrialState.COMPLETE


@pytest.mark.parametrize("method", ["optuna", "random"])
def test_the_budget_counts_trials_and_every_point_gets_all_seeds(tmp_path, method):
    asked = Searcher(planned(5, method), str(tmp_path))
    ended = steps(asked)
    assert len(ended) == 10 == len({key(config) for config in ended})
    assert len(asked.valued) == 5 and asked.done and asked.next_trial() is None
    assert_agrees(asked)


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("method", ["optuna", "random"])
def test_a_search_that_is_killed_anywhere_resumes_and_repeats_nothing(tmp_path, method, at_once):
    for kill in range(0, 10, 3):
        results = str(tmp_path / str(kill))
        before = steps(Searcher(planned(5, method), results), most=kill, at_once=at_once)
        again = Searcher(planned(5, method), results)
        after = steps(again, at_once=at_once)
        assert again.read == kill and again.read + len(after) == again.search.total == 10
        assert len(before) == kill and len({key(c) for c in before + after}) == len(before + after) == 10
        assert_agrees(again)


def test_points_that_are_proposed_again_cost_nothing_and_a_budget_above_the_space_ends_with_it(tmp_path):
    asked = Searcher(planned(40, "random"), str(tmp_path))  # of 12 points: chance must repeat some
    assert len(steps(asked, at_once=2)) == 24
    assert asked.done and asked.search.configurations == 12 == len(asked.valued)
    one = Searcher(planned(3, axes={path: values[:1] for path, values in AXES.items()}), str(tmp_path))
    assert steps(one) == [] and one.done and len(one.valued) == 1  # its rows were there


def test_rows_of_another_search_are_not_run_again_and_count_in_the_budget(tmp_path):
    assert len(steps(Searcher(planned(12, "random"), str(tmp_path)))) == 24
    other = Searcher(planned(5, "optuna", seed=7), str(tmp_path))
    assert steps(other) == [] and len(other.valued) == 5 and other.done


def test_a_larger_budget_resumes(tmp_path):
    steps(Searcher(planned(2), str(tmp_path)))
    more = Searcher(planned(5), str(tmp_path))
    assert len(steps(more)) == 6 and len(more.valued) == 5
    assert_agrees(more)


def test_a_folder_with_a_journal_of_earlier_versions_resumes_from_its_rows(tmp_path):
    before = steps(Searcher(planned(5), str(tmp_path)), most=5, at_once=2)
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / f"{planned().name}.journal").write_bytes(b"\xff\xfe\n")
    again = Searcher(planned(5), str(tmp_path))
    assert len(before) == len(steps(again)) == 5
    assert_agrees(again)


def test_the_name_of_a_search_is_that_of_earlier_versions():
    """Its plan is found by it."""
    assert planned().name == "demo-optuna-distance_to_truth-00900258"


def test_rows_that_are_deleted_are_made_again(tmp_path):
    ended = steps(Searcher(planned(2), str(tmp_path)))
    (tmp_path / "trials" / f"{key(ended[0])}.parquet").unlink()
    assert steps(Searcher(planned(2), str(tmp_path))) == ended[:1]


@pytest.mark.parametrize("how", ["row", "lost"])
def test_a_point_of_which_a_trial_fails_has_no_value_and_is_tried_again_next_time(tmp_path, how):
    asked = Searcher(planned(2), str(tmp_path))
    bad = asked.next_trial()
    if how == "row":
        evaluate(bad, str(tmp_path), state="failed")
    asked.ended(bad, lost=how == "lost")
    assert len(steps(asked)) == 3 and asked.done
    assert (len(asked.valued), len(asked.failed)) == (1, 1)
    again = Searcher(planned(2), str(tmp_path))
    assert [key(config) for config in steps(again)] == [key(bad)]
    assert len(again.valued) == 2 and not again.failed


def test_a_trial_that_is_cut_off_stays_open(tmp_path):
    asked = Searcher(planned(1), str(tmp_path))
    asked.suggest("one")
    asked.on_trial_complete("one")
    assert not asked.done and not asked.valued and not asked.failed


def test_two_objectives_are_told_both(tmp_path):
    asked = Searcher(planned(5, objective=("distance_to_truth", "retained_information")), str(tmp_path))
    steps(asked)
    assert {len(trial.values) for trial in asked._study.get_trials(states=(search_complete(),))} == {2}
    assert search.best(asked.search, list(asked.valued.values()))


def test_a_search_finds_the_best_of_a_space_it_goes_through(tmp_path):
    asked = Searcher(planned(12), str(tmp_path))
    steps(asked)
    (best,) = search.best(asked.search, list(asked.valued.values()))
    assert (best.point["mine.architecture"], best.point["mine.noise_std"]) == (1, 1.0)
    assert best.values == (pytest.approx(0.125),)
    assert best.per_seed.ravel() == pytest.approx([0.1, 0.15])


@pytest.mark.cluster
def test_a_search_runs_its_budget_under_tune(tiny, tmp_path, capsys):
    quick = replace(tiny, {"network.epochs": 1, "mine.samples": 100, "mine.epochs": 2, "mine.replicates": 1})
    study = Study("tiny", "For tests.", (quick,), seeds=(0, 1))
    narrow = {"mine.noise_std": (0.0, 0.3), "mine.architecture": (1,), "mine.transfer_mode": ("reinit",)}
    found = search.make(study, SearchOptions(search="optuna", trials=6), narrow, None)
    asked = Searcher(found, str(tmp_path))
    sweep.launch_search(asked, Resources(), tensorboard=True)
    assert asked.done and len(asked.valued) == 3
    assert len(records.trial_states(str(tmp_path))[0]) == 6
    out = capsys.readouterr().out
    assert "network 2 of 2 ready" in out and "6/6 done" in out
    for one in asked.valued.values():
        assert search.value(found, one.point, str(tmp_path)).values == one.values
    assert len(list((tmp_path / "tune").rglob("events.out.tfevents.*"))) == 6


def start(results: Path) -> subprocess.Popen:
    arguments = [
        "sweep", "demo", "--search", "optuna", "--trials", "8", "--seeds", "0", "1", "--results", str(results),
        "--network.epochs", "1", "--mine.samples", "200", "--mine.epochs", "3", "--mine.architecture", "1", "3",
    ]  # fmt: skip
    command = [sys.executable, "-m", "study.cli", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_search_whose_driver_is_stopped_resumes_with_the_rest_of_its_budget(tmp_path, how):
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
    (plan,) = plans.read(str(tmp_path))
    assert len({configuration_key(config) for config in plan.trials}) == 4
