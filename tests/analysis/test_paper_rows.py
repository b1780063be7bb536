"""Which configurations are rows of the paper's Table 2, and which of them its authors' own."""

import pandas as pd

from analysis.paper import STABILITY
from tests.analysis.made import made_fits, made_trials, table

FINISHED = {"schedule.first_probe": 20}
"""One run, on the finished network, as in the paper's Table 2."""

AUTHORS = {
    "data.scaling": "standardized", "network.output": "log_softmax", "network.learning_rate": 0.01,
    "network.momentum": 0.5, "network.batch_size": 64, "network.last_batch": "kept", "network.epochs": 10,
    "schedule.first_probe": 9, "mine.batch_size": 256, "mine.last_batch": "kept", "mine.learning_rate": 1e-3,
}  # fmt: skip
"""Their Table 2, where it is not what a trial has by default."""

ROWS = [
    {"mine.architecture": 1}, {"mine.architecture": 1, "mine.noise_std": 2.0},
    {"mine.architecture": 1, "mine.noise_std": 2.0, "mine.hidden_units": 20},
    {"mine.architecture": 2, "mine.front": "redrawn"}, {"mine.architecture": 3, "mine.front": "redrawn"},
    {"mine.architecture": 3, "mine.front": "redrawn", "mine.noise_std": 2.0},
    {"mine.architecture": 1, "mine.noise_std": 2.0, "mine.hidden_units": 100},
]  # fmt: skip
"""What the rows of Table 2 differ in; the first is a row for X and one for Y."""


def papers_rows(*changes: dict) -> pd.DataFrame:
    trials = made_trials(*changes, seeds=(0,))
    rows = table("stability", trials, made_fits(trials, runs=(1,)))
    return rows[rows["paper"] != ""]


def test_the_papers_words_stand_at_their_rows_and_nowhere_else():
    found = papers_rows(*({**FINISHED, **row} for row in ROWS))
    named = found[["variable", "paper_row", "paper"]].values.tolist()
    assert sorted(named) == sorted([variable, name, word] for variable, _, _, name, word in STABILITY)
    assert set(found["counted"]) == {"no"}
    others = [
        {"data.name": "digits"}, {"mine.hidden_layers": 2}, {"mine.hidden_units": 11}, {"schedule.first_probe": 0},
        {"schedule.first_probe": 19}, {"mine.marginals": "independent"},
        {"mine.gradient_correction": "moving_average"},
    ]  # fmt: skip
    for other in others:
        assert papers_rows({**FINISHED, **other}).empty, other


def test_only_the_authors_own_construction_is_counted():
    counted = papers_rows(*({**AUTHORS, **row} for row in ROWS))
    assert len(counted) == len(STABILITY) and set(counted["counted"]) == {"yes"}
    others = [
        {"data.scaling": "unit"}, {"network.output": "softmax"},
        {"network.learning_rate": 3e-4}, {"network.momentum": 0.9},
        {"network.optimizer": "adam"}, {"network.batch_size": 128}, {"network.last_batch": "dropped"},
        {"network.epochs": 21, "schedule.first_probe": 20}, {"network.train_samples": 6000}, {"mine.noise_std": 1.0},
        {"mine.samples": 6000}, {"mine.batch_size": 100}, {"mine.last_batch": "dropped"}, {"mine.optimizer": "sgd"},
        {"mine.learning_rate": 1e-4}, {"mine.marginals": "derangement"}, {"mine.log_mean_exp": "stable"},
        {"mine.epochs": 99}, {"mine.transfer_mode": "finetune"},
        {"mine.architecture": 3, "mine.hidden_units": 10, "mine.front": "trained"},
    ]  # fmt: skip
    for other in others:
        one = papers_rows({**AUTHORS, "mine.noise_std": 2.0, "mine.hidden_units": 20, **other})
        assert set(one["counted"]) == {"no"}, other
    assert papers_rows({**AUTHORS, "mine.noise_std": 2.0, "mine.hidden_units": 20, "network.name": "mlp"}).empty


def test_agrees_compares_our_word_with_the_papers():
    trials = made_trials({**FINISHED, "mine.noise_std": 1.0})
    right = table("stability", trials, made_fits(trials)).set_index("variable")
    assert right["word"].tolist() == ["Converged", "Converged"]
    assert right["agrees"].to_dict() == {"X": "yes", "Y": ""}
    low = table("stability", trials, made_fits(trials).assign(truth=11.0, optimum=4.6)).set_index("variable")
    assert (low.loc["X", "word"], low.loc["X", "agrees"]) == ("Underestimated", "no")
    unsettled = made_fits(trials).assign(late_slope=1.9)
    none = table("stability", trials, unsettled).set_index("variable")
    assert (none.loc["X", "word"], none.loc["X", "agrees"]) == ("", "no")
    exploded = made_fits(trials)
    exploded.loc[exploded.pair == "X;sm1", "first_nonfinite_epoch"] = 3
    word = table("stability", trials, exploded).set_index("variable")["word"]
    assert word.to_dict() == {"X": "Exploding", "Y": "Converged"}


def test_the_word_is_the_majority_over_seeds():
    trials = made_trials({})
    fits = made_fits(trials)
    fits.loc[fits.key == "0-0", "truth"] = fits.loc[fits.key == "0-0", "optimum"] = 8.0
    assert table("stability", trials, fits)["word"].tolist() == ["Converged", "Converged"]
    fits.loc[fits.key == "0-1", ["truth", "optimum"]] = 1.0  # twice too high: no word
    assert table("stability", trials, fits)["word"].tolist() == ["", ""]
