import hashlib
import itertools
import random
from pathlib import Path

import pytest

from study import space, studies
from trainables import records
from trainables import settings as config
from trainables.settings import (
    DECIDE_USE,
    InputError,
    TrialConfig,
    configuration_key,
    flatten,
    key,
    network_key,
    replace,
    unflatten,
    unused_fields,
)
from trainables.subjects.own import PROBED


def test_flatten_and_unflatten_are_inverse():
    changed = replace(TrialConfig(), {"mine.hidden_units": 20, "seed": 3, "mine.pairs": ("Y;sm1", "X;relu3")})
    assert unflatten(flatten(changed)) == changed


def test_every_field_has_a_docstring():
    assert set(config.descriptions()) >= set(config.fields())


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        ("seed", -1, "from 0"),
        ("seed", 2**63, "to 2^63 - 1"),
        ("data.name", "cifar", "mnist, fashion_mnist, cifar10, binary_rule, digits"),
        ("network.epochs", 0, "at least 1"),
        ("network.momentum", 1.0, "below 1"),
        ("network.train_samples", 0, "at least 1, or None"),
        ("network.train_samples", 60_001, "at most 60000"),
        ("schedule.probe_every", 0, "at least 1"),
        ("schedule.first_probe", -1, "at least 0"),
        ("schedule.first_probe", 21, "at most 20, the last epoch of network.epochs"),
        ("network.output", "logits", "softmax, log_softmax"),
        ("data.scaling", "centred", "unit, standardized"),
        ("mine.architecture", 4, "one of 1, 2, 3"),
        ("mine.architecture", True, "one of 1, 2, 3"),
        ("mine.noise_std", -0.1, "0, or from 0.0001"),
        ("mine.noise_std", 1e-5, "0, or from 0.0001"),
        ("mine.noise_std", 1e39, "to 1000000"),
        ("mine.noise_std", float("nan"), "0, or from"),
        ("mine.hidden_units", 0, "at least 1"),
        ("mine.hidden_units", 1.5, "of type int"),
        ("mine.conv_kernel", 4, "odd"),
        ("mine.batch_size", 1, "at least 2"),
        ("mine.batch_size", 60_001, "at most 60000"),
        ("mine.learning_rate", 0.0, "above 0"),
        ("mine.moving_average_rate", 0.0, "above 0"),
        ("mine.pairs", ("X;conv9",), "X;maxpool1"),
        ("mine.bound", "mine_f", "donsker_varadhan, nwj, js, infonce, smile, remine"),
        ("mine.clip", 0.0, "above 0"),
        ("mine.penalty", -0.1, "at least 0"),
        ("mine.gradient_clip", -1.0, "at least 0"),
        ("mine.held_out", 1.0, "at least 0 and below 1"),
        ("mine.held_out", 0.999, "such that both parts of 60000 samples have 100, mine.batch_size"),
        ("mine.held_out", 1e-9, "such that both parts of 60000 samples have 100, mine.batch_size"),
        ("mine.marginals", "bootstrap", "permutation, derangement, independent"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(path, value, allowed):
    with pytest.raises(InputError) as caught:
        replace(TrialConfig(), {path: value})
    assert path in str(caught.value)
    assert allowed in str(caught.value)


def test_unknown_field_is_named():
    with pytest.raises(InputError, match=r"mine\.hidden_unit'.*mine\.hidden_units"):
        replace(TrialConfig(), {"mine.hidden_unit": 3})


def test_a_batch_larger_than_the_subset_is_refused():
    with pytest.raises(InputError, match="mine.batch_size is 100"):
        replace(TrialConfig(), {"mine.samples": 99})


def test_a_last_batch_of_one_has_no_derangement():
    changes = {"mine.samples": 101, "mine.marginals": "derangement"}
    assert replace(TrialConfig(), {**changes, "mine.last_batch": "dropped"}).mine_samples == 101
    with pytest.raises(InputError, match="mine.last_batch is 'kept'; it must be dropped where it has one sample"):
        replace(TrialConfig(), {**changes, "mine.last_batch": "kept"})


def test_key_leaves_out_what_changes_no_number():
    same = [
        {"data.root": "/elsewhere"},
        {"mine.samples": 60_000},
        {"mine.conv_channels": 9},
        {"mine.branch_units": 7},
        {"mine.moving_average_rate": 0.5},
        {"mine.noise_std": 0},
        {"mine.last_batch": "kept"},  # 60,000 in batches of 100
        {"mine.pairs": tuple(reversed(config.TrialConfig().pairs))},
        {"mine.penalty": 0.5},
    ]
    assert {key(replace(TrialConfig(), change)) for change in same} == {key(TrialConfig())}


def test_a_bound_on_all_pairs_has_no_marginal_samples():
    everything = replace(TrialConfig(), {"mine.bound": "infonce"})
    unread = {"mine.marginals": "derangement", "mine.clip": 1.0, "mine.gradient_correction": "moving_average"}
    assert key(replace(everything, unread)) == key(everything)
    replace(everything, {"mine.marginals": "derangement", "mine.samples": 101, "mine.last_batch": "kept"})


def test_key_tells_apart_what_changes_numbers():
    changes = [
        {"seed": 1},
        {"mine.samples": 59_999},
        {"mine.architecture": 2},
        {"mine.architecture": 2, "mine.conv_channels": 9},
        {"mine.architecture": 3},
        {"mine.architecture": 3, "mine.branch_units": 7},
        {"mine.gradient_correction": "moving_average"},
        {"mine.gradient_correction": "moving_average", "mine.moving_average_rate": 0.5},
        {"network.momentum": 0.8},
        {"network.optimizer": "adam"},
        {"mine.pairs": ("X;sm1",)},
        {"data.scaling": "standardized"},
        {"network.output": "log_softmax"},
        {"schedule.first_probe": 4},
        {"network.last_batch": "kept"},
        {"mine.batch_size": 256},
        {"mine.batch_size": 256, "mine.last_batch": "kept"},
        {"mine.bound": "nwj"},
        {"mine.bound": "remine"},
        {"mine.bound": "remine", "mine.penalty": 0.5},
        {"mine.bound": "smile"},
        {"mine.clip": 1.0},  # of a read-out
        {"mine.gradient_clip": 1.0},
        {"mine.critic": "separable"},
        {"mine.null": "shuffled_once"},
        {"mine.held_out": 0.5},
        {"mine.held_out": 0.001, "mine.batch_size": 50},
        {"mine.held_out": 0.001, "mine.batch_size": 50, "mine.last_batch": "kept"},  # 59,940 in batches of 50
    ]
    keys = {key(replace(TrialConfig(), change)) for change in changes}
    assert len(keys | {key(TrialConfig())}) == len(changes) + 1


def test_schedule_is_the_papers():
    assert list(TrialConfig().probe_epochs) == [0, 4, 8, 12, 16, 20]
    assert TrialConfig().runs == 6


def test_probing_starts_at_the_first_probe():
    assert list(replace(TrialConfig(), {"schedule.first_probe": 6}).probe_epochs) == [6, 10, 14, 18]
    finished = replace(TrialConfig(), {"schedule.first_probe": 20})
    assert finished.runs == 1 and list(finished.probe_epochs) == [20]


def test_an_added_field_leaves_the_keys_of_trials_from_before_as_they_were():
    assert key(replace(TrialConfig(), config.ADDED)) == "da6c9697307ced6a"  # the default's before the first was added
    assert key(TrialConfig()) == "da6c9697307ced6a"
    assert key(replace(TrialConfig(), {"mine.matmul_precision": "medium"})) == "70199b3706483b1b"


def test_the_keys_of_the_study_paper_are_those_of_its_results():
    """Written down when its sweep began, so that its rows are found whatever is added to the configuration."""
    keys = sorted(map(key, space.trials(studies.PAPER, {})))
    assert hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16] == "309613dff861da28"


def test_committed_trials_of_the_study_paper_are_completed_and_planned():
    planned = {key(config) for config in space.trials(studies.PAPER, {})}
    committed = Path("results/paper").exists()
    states = records.trial_states("results/paper")[0] if committed else {}
    assert bool(states) == committed
    assert set(states) <= planned and set(states.values()) <= {"completed"}


def test_keys_of_configurations_from_before_are_as_they_were():
    """Of 200 random configurations: a digest of their keys, written down before fields were added to them."""
    axes = {
        "seed": (0, 1, 7), "data.name": ("mnist", "fashion_mnist"), "network.epochs": (1, 5, 21),
        "network.optimizer": ("sgd", "adam"), "network.momentum": (0.5, 0.9), "network.batch_size": (64, 128),
        "network.train_samples": (None, 6_000), "schedule.probe_every": (1, 4), "mine.architecture": (1, 2, 3),
        "mine.noise_std": (0.0, 0.3), "mine.hidden_units": (10, 20), "mine.branch_units": (0, 2, 100),
        "mine.conv_channels": (1, 4), "mine.conv_kernel": (3, 5), "mine.transfer_mode": ("reinit", "finetune"),
        "mine.marginals": ("permutation", "derangement", "independent"),
        "mine.matmul_precision": ("highest", "medium"), "mine.gradient_correction": ("none", "moving_average"),
        "mine.moving_average_rate": (0.01, 0.1), "mine.samples": (None, 500),
    }  # fmt: skip
    choose = random.Random(0).choice
    made = [replace(TrialConfig(), {path: choose(values) for path, values in axes.items()}) for _ in range(200)]
    keys = [name(one) for one in made for name in (key, configuration_key, network_key)]
    assert hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16] == "a9a8a96240d92e35"


def test_only_the_named_fields_decide_which_are_used():
    other = {
        "seed": 1, "data.name": "digits", "network.momentum": 0.5, "network.epochs": 5, "mine.noise_std": 1.0,
        "mine.branch_units": 7, "mine.conv_channels": 2, "mine.optimizer": "sgd", "mine.transfer_mode": "finetune",
        "mine.marginals": "independent", "mine.hidden_layers": 2, "mine.log_mean_exp": "stable",
    }  # fmt: skip
    for architecture, front in itertools.product((1, 2, 3), ("trained", "redrawn")):
        base = replace(TrialConfig(), {"mine.architecture": architecture, "mine.front": front})
        for path, value in other.items():
            assert unused_fields(replace(base, {path: value})) == unused_fields(base)
    deciding = {
        "network.optimizer": "adam", "mine.architecture": 2, "mine.front": "redrawn",
        "mine.gradient_correction": "moving_average", "mine.bound": "infonce", "network.name": PROBED,
    }  # fmt: skip
    assert set(deciding) == set(DECIDE_USE)
    base = replace(TrialConfig(), {"mine.architecture": 3})
    for path, value in deciding.items():
        assert unused_fields(replace(base, {path: value})) != unused_fields(base)


def test_a_redrawn_front_has_no_branches_and_no_filters_and_architecture_1_no_front():
    redrawn = {a: replace(TrialConfig(), {"mine.architecture": a, "mine.front": "redrawn"}) for a in (1, 2, 3)}
    assert key(redrawn[1]) == key(TrialConfig())
    for architecture in (2, 3):
        one = redrawn[architecture]
        assert key(one) != key(replace(one, {"mine.front": "trained"}))
        changes = {"mine.branch_units": 7, "mine.conv_channels": 9, "mine.conv_kernel": 3}
        assert key(one) == key(replace(one, changes))
    assert len({key(one) for one in redrawn.values()}) == 3
