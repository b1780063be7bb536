"""A search without Ray: rows are made up, so that a point's value is known."""

import json

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from study import proposals, search, studies
from study.proposals import Proposals
from study.search import Search, SearchOptions
from tests.made_rows import distance, evaluate
from trainables.records import plans
from trainables.settings import InputError, TrialConfig, key

AXES = {
    "mine.architecture": (1, 2, 3),
    "mine.noise_std": (0.0, 1.0),
    "mine.hidden_units": (10, 20),
    "mine.transfer_mode": ("reinit",),
}


def planned(configurations=5, method="optuna", seed=0, seeds=(0, 1), axes=AXES, **options) -> Search:
    asked = SearchOptions(search=method, trials=configurations * len(seeds), search_seed=seed, **options)
    return search.plan(studies.DEMO, asked, axes, seeds)


def steps(asked: Proposals, most: int = 1_000, at_once: int = 1) -> list[TrialConfig]:
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


def stored(asked: Proposals) -> list[optuna.trial.FrozenTrial]:
    """Optuna's trials as the dashboard sees them."""
    storage = JournalStorage(JournalFileBackend(str(asked.journal)))
    return optuna.load_study(study_name=asked.search.name, storage=storage).trials


def assert_agrees(asked: Proposals) -> None:
    """All is told, with the mean over seeds of what the rows say, and no point was chosen twice."""
    trials = stored(asked)
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    for trial in trials:
        means = np.mean([distance(config) for config in asked.search.trials(trial.params)])
        assert trial.value == pytest.approx(means)
    assert len({json.dumps(trial.params) for trial in trials}) == len(asked.points) == len(asked.valued)
    (written,) = plans.read(asked.results)
    assert {key(config) for config in written.trials} == {
        key(config) for point in asked.points for config in asked.search.trials(point)
    }


@pytest.mark.parametrize("method", ["optuna", "random"])
def test_the_budget_counts_trials_and_every_point_gets_all_seeds(tmp_path, method):
    asked = Proposals(planned(5, method), str(tmp_path))
    ended = steps(asked)
    assert len(ended) == 10 == len({key(config) for config in ended})
    assert len(asked.valued) == 5 and asked.done and asked.next_trial() is None
    assert_agrees(asked)


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("method", ["optuna", "random"])
def test_a_search_that_is_killed_anywhere_goes_on_and_repeats_nothing(tmp_path, method, at_once):
    for kill in range(0, 10, 3):
        results = str(tmp_path / str(kill))
        first = Proposals(planned(5, method), results)
        before = steps(first, most=kill, at_once=at_once)
        first.close()
        again = Proposals(planned(5, method), results)
        after = steps(again, at_once=at_once)
        assert again.read >= kill - at_once and again.read + len(after) == again.total == 10
        assert len(before) == kill and len({key(c) for c in before + after}) == len(before + after) == 10
        assert_agrees(again)


def test_a_point_that_is_proposed_again_is_told_its_value_and_costs_nothing(tmp_path):
    asked = Proposals(planned(12, "random"), str(tmp_path))  # the whole space: chance must repeat points
    assert len(steps(asked)) == 24
    trials = stored(asked)
    assert len(trials) > 12 == len(asked.valued)
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}


def test_a_budget_above_the_space_ends_with_the_space(tmp_path):
    asked = Proposals(planned(40), str(tmp_path))
    assert len(steps(asked, at_once=2)) == 24
    assert asked.done and asked.search.configurations == 12
    one = Proposals(planned(3, axes={path: values[:1] for path, values in AXES.items()}), str(tmp_path))
    assert len(steps(one)) == 0 and one.done and len(one.valued) == 1  # its rows were there


def test_rows_of_another_search_are_not_run_again_and_count_in_the_budget(tmp_path):
    assert len(steps(Proposals(planned(12, "random"), str(tmp_path)))) == 24
    other = Proposals(planned(5, "optuna", seed=7), str(tmp_path))
    assert steps(other) == [] and len(other.valued) == 5 and other.done


def test_a_larger_budget_goes_on(tmp_path):
    first = Proposals(planned(2), str(tmp_path))
    steps(first)
    first.close()
    more = Proposals(planned(5), str(tmp_path))
    assert len(steps(more)) == 6 and len(more.valued) == 5
    assert_agrees(more)


def test_a_lost_journal_is_made_again_from_plan_and_rows(tmp_path):
    first = Proposals(planned(5), str(tmp_path))
    steps(first, most=5, at_once=2)
    first.close()
    first.journal.unlink()
    again = Proposals(planned(5), str(tmp_path))
    assert len(steps(again)) == 5
    assert_agrees(again)


@pytest.mark.parametrize("kept", [1, 30, -1, -30])
def test_a_journal_cut_short_goes_on(tmp_path, kept):
    """A kill while Optuna writes leaves a part of a line."""
    first = Proposals(planned(5), str(tmp_path))
    steps(first, most=5)
    first.close()
    content = first.journal.read_bytes()
    first.journal.write_bytes(content[:kept])
    again = Proposals(planned(5), str(tmp_path))
    assert len(steps(again)) == 5
    assert again.done and len(again.valued) == 5
    assert not [trial for trial in stored(again) if trial.state == TrialState.RUNNING]


def test_values_without_rows_are_refused(tmp_path):
    first = Proposals(planned(2), str(tmp_path))
    ended = steps(first)
    first.close()
    (tmp_path / "trials" / f"{key(ended[0])}.parquet").unlink()
    with pytest.raises(InputError, match="delete the journal"):
        Proposals(planned(2), str(tmp_path))
    first.journal.unlink()
    assert len(steps(Proposals(planned(2), str(tmp_path)))) == 1


def test_one_process_at_a_time(tmp_path):
    first = Proposals(planned(), str(tmp_path))
    with pytest.raises(InputError, match="already run by another process"):
        Proposals(planned(), str(tmp_path))
    first.close()
    Proposals(planned(), str(tmp_path)).close()


@pytest.mark.parametrize("how", ["row", "lost"])
def test_a_point_of_which_a_trial_fails_has_no_value_and_is_tried_again_next_time(tmp_path, how):
    asked = Proposals(planned(2), str(tmp_path))
    bad = asked.next_trial()
    if how == "row":
        evaluate(bad, str(tmp_path), state="failed")
    asked.ended(bad, lost=how == "lost")
    assert len(steps(asked)) == 3 and asked.done
    assert (len(asked.valued), len(asked.failed)) == (1, 1)
    assert sorted(trial.state.name for trial in stored(asked)) == ["COMPLETE", "FAIL"]
    asked.close()
    again = Proposals(planned(2), str(tmp_path))
    assert [key(config) for config in steps(again)] == [key(bad)]
    assert len(again.valued) == 2 and not again.failed


def test_two_objectives_are_told_both(tmp_path):
    asked = Proposals(planned(5, objective=("distance_to_truth", "retained_information")), str(tmp_path))
    steps(asked)
    assert {len(trial.values) for trial in stored(asked)} == {2}
    assert search.best(asked.search, list(asked.valued.values()))


def test_a_search_finds_the_best_of_a_space_it_goes_through(tmp_path):
    asked = Proposals(planned(12), str(tmp_path))
    steps(asked)
    (best,) = search.best(asked.search, list(asked.valued.values()))
    assert (best.point["mine.architecture"], best.point["mine.noise_std"]) == (1, 1.0)
    assert best.values == (pytest.approx(0.125),)
    assert best.per_seed.ravel() == pytest.approx([0.1, 0.15])


def test_the_journal_of_an_object_store_lies_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = proposals.journal_path(planned(), "s3://bucket/results?region=eu-west-1")
    assert path.parent == tmp_path / "results" / "search"


@pytest.mark.parametrize("damage", [b"\xff\xfe\n", b"42\n", b'{"op_code":99}\n'])
def test_a_journal_that_cannot_be_read_is_named(tmp_path, damage):
    first = Proposals(planned(2), str(tmp_path))
    steps(first)
    first.close()
    first.journal.write_bytes(damage)
    with pytest.raises(InputError, match="journal cannot be read .*; delete it, it is made again"):
        Proposals(planned(2), str(tmp_path))
    first.journal.unlink()
    assert Proposals(planned(2), str(tmp_path)).done


def test_a_file_in_place_of_the_journals_folder_is_named(tmp_path):
    (tmp_path / proposals.SEARCH).touch()
    with pytest.raises(InputError, match="must be a folder for the search's journal"):
        Proposals(planned(2), str(tmp_path))
