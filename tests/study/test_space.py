import itertools

import pandas as pd
import pytest

from analysis import paper
from study import space, studies
from tests.lenet5 import PAIRS
from trainables.settings import InputError, TrialConfig, flatten, key, labels, replace


def rows_of(configurations) -> pd.DataFrame:
    """Configurations as `analysis.paper` reads them, once for X and once for Y where they estimate such pairs."""
    made = [
        {**flatten(config), "variable": variable}
        for config in configurations
        for variable in "XY"
        if any(pair.startswith(variable) for pair in config.pairs)
    ]
    return pd.DataFrame(made)


def test_the_paper_study_has_one_counted_configuration_for_every_row_of_table_2():
    frame = rows_of(studies.PAPER.configurations)
    found = frame.join(paper.stability_rows(frame))
    counted = found.loc[found["counted"] == "yes", ["variable", "paper_row"]].values.tolist()
    assert sorted(counted) == sorted([variable, name] for variable, _, _, name, _ in paper.STABILITY)
    beside = found[found["counted"] == "no"]
    assert beside["paper_row"].tolist() == ["Architecture 2", "Architecture 3", "Architecture 3(2)"]
    assert set(beside["mine.front"]) == {"trained"}


def test_the_paper_study_has_one_configuration_for_all_points_of_a_figure():
    trials = pd.DataFrame(map(flatten, studies.PAPER.configurations))
    for points in paper.POINTS:
        same = itertools.compress(studies.PAPER.configurations, paper.having(trials, points.settings))
        (chosen,) = [config for config in same if set(points.values) <= set(config.pairs)]
        assert {len(values) for values in points.values.values()} == {chosen.runs}


def test_the_factorial_is_full_and_by_the_authors_settings():
    configurations = studies.FACTORIAL.configurations
    assert len({key(config) for config in configurations}) == 3 * 5 * 3 * 2
    assert {config.mine.front for config in configurations} == {"trained"}
    free = (
        "schedule.probe_every",
        "mine.samples",
        "mine.epochs",
        "mine.conv_channels",
        "mine.pairs",
        *space.PAPER_AXES,
    )
    theirs = flatten(studies.PAPER.configurations[0])
    for config in configurations:
        assert {p for p, value in flatten(config).items() if p not in free and value != theirs[p]} == set()
        assert config.runs > 1  # or transfer modes would be the same


def test_the_demo_is_about_a_dozen_trials_on_digits():
    planned = space.trials(studies.DEMO, {})
    assert len(planned) == 12
    assert {config.data.name for config in planned} == {"digits"}


def test_overrides_replace_values_and_several_are_all_run():
    planned = space.trials(studies.DEMO, {"mine.epochs": (5,), "mine.learning_rate": (1e-3, 1e-4)}, seeds=(7, 8))
    each = len(studies.DEMO.configurations) * 2
    assert len(planned) == each * 2
    assert {config.mine.epochs for config in planned} == {5}
    assert [config.seed for config in planned] == [7] * each + [8] * each


def test_configurations_that_an_override_makes_equal_run_once():
    assert len(space.trials(studies.DEMO, {"mine.noise_std": (1.0,)}, seeds=(0,))) == 2


def test_labels_name_what_differs():
    planned = space.trials(studies.FACTORIAL, {}, seeds=(0, 1))
    said = labels(planned)
    assert len(set(said)) == len(planned)
    assert said[0] == "seed 0, architecture 1, noise_std 0, hidden_units 10, transfer_mode reinit"


def test_labels_have_the_variable_in_place_of_its_pairs():
    changes = [{"mine.pairs": pairs} for pairs in (PAIRS, PAIRS[:4], PAIRS[4:], (*PAIRS[:4], "Y;sm1"), PAIRS[1:3])]
    said = [label.removeprefix("seed 0, pairs ") for label in labels([replace(TrialConfig(), one) for one in changes])]
    assert said == ["all", "X", "Y", "X, Y;sm1", "X;maxpool2, X;relu3"]


def test_bad_input_is_named():
    with pytest.raises(InputError, match="study is 'papr'; it must be one of demo, paper, factorial"):
        studies.find("papr")
    with pytest.raises(InputError, match="seeds"):
        space.trials(studies.DEMO, {}, seeds=())
    with pytest.raises(InputError, match="mine.noise_std is -1"):
        space.grid(TrialConfig(), {"mine.noise_std": (0, -1)})
