import numpy as np
import pytest
import torch

from trainables.estimators import arrays, memory
from trainables.settings import InputError, MineConfig, TrialConfig, replace

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mine.hidden_units": 10**9}, "mine.hidden_units is 1000000000; .* PB of memory, .* for the weights"),
        ({"mine.hidden_units": 2**63 - 1}, "mine.hidden_units is"),
        ({"mine.architecture": 2, "mine.conv_channels": 10**6}, "mine.conv_channels is 1000000; .* for a batch"),
        ({"mine.architecture": 3, "mine.branch_units": 10**9}, "mine.branch_units is"),
        ({"mine.hidden_layers": 10**12}, "mine.hidden_layers is"),
        ({"mine.replicates": 10**6}, "mine.replicates is"),
        ({"mine.batch_size": 60_000, "mine.hidden_units": 2_000}, "mine.(batch_size|hidden_units) is"),
        ({"mine.epochs": 10**12}, "mine.epochs is .* for the curves"),
        ({"network.epochs": 10**15}, "network.epochs is"),
        ({"data.name": "digits", "mine.hidden_units": 10**9}, "mine.hidden_units is"),
    ],
)
def test_what_no_machine_holds_is_refused_before_it_is_made(changes, words):
    with pytest.raises(InputError, match=words + ".*this machine has .*B.$"):
        memory.check_trial(replace(TrialConfig(), changes), CPU)


def test_the_limit_decides():
    needed = sum(memory.of_trial(TrialConfig()).values())
    memory.check_trial(TrialConfig(), CPU, limit=needed)
    with pytest.raises(InputError, match=r"mine.samples is 60000; it must be smaller, .* 2.3 GB of memory"):
        memory.check_trial(TrialConfig(), CPU, limit=needed - 1)
    with pytest.raises(InputError, match="network.batch_size is 60000; .* for the network's batch"):
        memory.check_trial(replace(TrialConfig(), {"network.batch_size": 60_000}), CPU, limit=5 * 10**9)
    assert memory.available(CPU) > 10**9


def test_a_fit_of_own_arrays_is_foretold(monkeypatch):
    x = np.random.default_rng(0).normal(size=(200, 3))
    with pytest.raises(InputError, match="mine.replicates is 100000000"):
        arrays.fit(x, None, {"l": x}, MineConfig(replicates=10**8))
    memory.check_fit(MineConfig(hidden_units=100), {"X": (3,), "l": (3,)}, ["X;l"], 200, CPU)
    monkeypatch.setattr(memory, "available", lambda device: 10**10)
    with pytest.raises(InputError, match="number of rows is 60000; .* for a batch in the statistics networks"):
        memory.check_fit(MineConfig(), {"Y": (60_000,), "l": (1,)}, ["Y;l"], 60_000, CPU)
    with pytest.raises(InputError, match="number of classes is 60000; .* for the numbers by class"):
        memory.check_truth((60_000, 3), 60_000, 0.0, CPU)
    with pytest.raises(InputError, match="number of rows is 1000000; .* for the layers' outputs"):
        memory.check_truth((10**6, 3_000), 10, 0.1, CPU)
