import shlex

import numpy as np
import pytest

from study import cli, search, space, studies
from study.commands import sweep as sweep_command
from study.search import Search, SearchOptions, Valued
from trainables.settings import InputError, configuration_key

NARROW = {"mine.transfer_mode": ("reinit",), "mine.epochs": (5,), "mine.hidden_units": (10, 20)}


def planned(overrides=NARROW, seeds=(0, 1), study=studies.DEMO, **options) -> Search:
    return search.make(study, SearchOptions(**{"search": "random", "trials": 8, **options}), overrides, seeds)


def test_the_space_is_the_papers_settings_on_the_studys_first_configuration():
    found = planned(overrides={})
    assert found.axes == space.PAPER_AXES
    assert found.base.data.name == "digits" and found.base.mine.marginals == "permutation"
    assert found.size == 90 == len({configuration_key(found.trials(point)[0]) for point in found.points()})


def test_values_fix_replace_or_extend_the_space():
    found = planned({**NARROW, "mine.marginals": ("permutation", "derangement")})
    assert found.axes["mine.hidden_units"] == (10, 20) and "mine.transfer_mode" not in found.axes
    assert found.axes["mine.marginals"] == ("permutation", "derangement")
    assert found.base.mine.epochs == 5
    assert found.size == 3 * 5 * 2 * 2
    assert set(planned(open_settings=True).axes) == {*found.axes, *space.OPEN_AXES}


def test_a_budget_is_of_trials_and_every_configuration_runs_with_all_seeds():
    found = planned(trials=8, seeds=(3, 5))
    assert found.configurations == 4
    assert [config.seed for config in found.trials(next(found.points()))] == [3, 5]


@pytest.mark.parametrize(
    ("options", "seeds", "overrides", "words"),
    [
        ({"search": None}, (0,), {}, "trials is 8; it must be left out without --search"),
        ({"search": None, "trials": None, "objective": ("instability",)}, (0,), {}, "left out without --search"),
        ({"search": None, "trials": None, "open_settings": True}, (0,), {}, "left out without --search"),
        ({"trials": None}, (0,), {}, "trials is missing; with --search it must be given"),
        ({"trials": 0}, (0,), {}, "at least 1"),
        ({}, (0, 1, 2), {}, "trials is 8; it must be a multiple of 3, the number of seeds"),
        ({}, (0, 0), {}, "one or more different seeds"),
        ({}, (-1,), {}, "seed is -1"),
        ({"objective": ("retained_information",)}, (0,), {}, "objective is 'retained_information'"),
        ({"objective": ("instability", "distance_to_truth")}, (0,), {}, "objective is"),
        ({}, (0,), {"mine.noise_std": (0.1, -1.0)}, "mine.noise_std is -1.0"),
        ({}, (0,), {"mine.batch_size": (50, 200), "mine.samples": (100, 300)}, "mine.batch_size is 200"),
    ],
)
def test_what_cannot_be_searched_is_refused(options, seeds, overrides, words):
    with pytest.raises(InputError, match=words):
        planned(overrides, seeds, **options)


def test_a_search_is_named_by_what_decides_its_choices():
    names = {planned(**changed).name for changed in ({}, {"search": "optuna"}, {"seeds": (0, 2)})}
    assert len(names) == 3
    assert planned(trials=80).name == planned().name  # a budget may grow


def test_what_trials_share_covers_every_noise_std_and_seed():
    shared = planned().shared()
    assert {(config.seed, config.mine.noise_std) for config in shared} == {
        (seed, std) for seed in (0, 1) for std in space.PAPER_AXES["mine.noise_std"]
    }


def valued(values: list) -> list[Valued]:
    return [Valued({"mine.hidden_units": i}, np.array(per_seed)) for i, per_seed in enumerate(values)]


def test_the_best_is_the_least_mean_over_seeds_so_a_lucky_seed_does_not_win():
    lucky, steady = [[0.0], [1.0]], [[0.4], [0.4]]
    (best,) = search.best(planned(), valued([lucky, steady]))
    assert (best.point, best.values) == ({"mine.hidden_units": 1}, (0.4,))
    assert search.best(planned(), []) == []


def test_with_two_objectives_the_best_are_those_that_none_beats_in_both():
    both = planned(objective=("retained_information", "distance_to_truth"))
    assert both.objectives == ("distance_to_truth", "retained_information")
    values = [[[0.5, 0.9]], [[0.2, 0.5]], [[0.6, 0.8]], [[0.2, 0.4]]]
    assert [one.point["mine.hidden_units"] for one in search.best(both, valued(values))] == [1, 0]


def test_the_confirmation_is_a_search_over_the_winner_alone_on_unseen_seeds(monkeypatch):
    found = planned({**NARROW, "mine.pairs": (("X;sm1", "Y;sm1"),), "data.root": ("my data; $HOME",)})
    point = list(found.points())[7]
    words = shlex.split(search.confirmation(found, studies.DEMO, point, "elsewhere"))
    assert words[words.index("--data.root") + 1] == "my data; $HOME"
    assert words[:5] == ["mine-study", "sweep", "demo", "--search", "random"]
    seen = []
    monkeypatch.setattr(sweep_command, "_search", lambda found, study, results, *_: seen.append((found, results)))
    with pytest.raises(SystemExit):
        cli.main(words[1:])
    ((again, results),) = seen
    assert (again.size, again.configurations, again.seeds, results) == (1, 1, (2, 3, 4), "elsewhere")
    assert configuration_key(again.trials({})[0]) == configuration_key(found.trials(point)[0])
