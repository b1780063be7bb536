import pytest

from study import space, studies
from trainables.config import InputError, TrialConfig, key


def test_the_paper_study_has_a_configuration_for_every_row_of_table_2():
    import pandas as pd

    from analysis import paper
    from trainables.config import flatten

    rows = [{**flatten(config), "variable": variable} for config in studies.PAPER.configurations for variable in "XY"]
    frame = pd.DataFrame(rows)
    found = frame.assign(name=paper.stability_rows(frame)["paper_row"])
    named = found.loc[found["name"] != "", ["variable", "name"]].itertuples(index=False, name=None)
    assert set(named) == {(variable, name) for variable, _, _, name, _ in paper.STABILITY}
    # Architecture 1 without noise serves X and Y; two more are Figures 1 and 2.
    assert len(studies.PAPER.configurations) == 7 + 2
    assert {config.mine.transfer_mode for config in studies.PAPER.configurations[7:]} == {"reinit", "finetune"}


def test_the_grid_is_the_full_factorial():
    assert len(studies.GRID.configurations) == 3 * 5 * 3 * 2
    assert len({key(config) for config in studies.GRID.configurations}) == 90


def test_the_demo_is_about_a_dozen_trials_on_digits():
    planned = space.trials(studies.DEMO, {})
    assert len(planned) == 12
    assert {config.data.name for config in planned} == {"digits"}


def test_overrides_replace_values_and_several_are_all_run():
    planned = space.trials(studies.PAPER, {"mine.epochs": (5,), "mine.learning_rate": (1e-3, 1e-4)}, seeds=(7, 8))
    assert len(planned) == 9 * 2 * 2
    assert {config.mine.epochs for config in planned} == {5}
    assert [config.seed for config in planned] == [7] * 18 + [8] * 18


def test_configurations_that_an_override_makes_equal_run_once():
    assert len(space.trials(studies.PAPER, {"mine.noise_std": (1.0,)}, seeds=(0,))) == 5 + 2


def test_labels_name_what_differs():
    planned = space.trials(studies.GRID, {}, seeds=(0, 1))
    labels = space.differences(planned)
    assert len(set(labels)) == len(planned)
    assert labels[0] == "architecture=1 noise_std=0.0 hidden_units=10 transfer_mode=reinit seed=0"


def test_bad_input_is_named():
    with pytest.raises(InputError, match="study is 'papr'; it must be one of demo, paper, grid"):
        studies.find("papr")
    with pytest.raises(InputError, match="seeds"):
        space.trials(studies.DEMO, {}, seeds=())
    with pytest.raises(InputError, match="mine.noise_std is -1"):
        space.grid(TrialConfig(), {"mine.noise_std": (0, -1)})
