"""Networks and data sets of people's own, by `package.module:name`."""

import sys

import numpy as np
import pytest
import torch

from trainables import records
from trainables.errors import InputError
from trainables.settings import TrialConfig, key, replace
from trainables.subjects import data, datasets, own
from trainables.trial import recorded

MODULE = """
import numpy as np
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)

    def forward(self, values):
        return self.last(self.act(self.first(values)))

def load():
    random = np.random.default_rng(0)
    names = np.array(["a", "b", "c"])
    return random.random((60, 4)), names[random.integers(3, size=60)], random.random((30, 4)), names[np.arange(30) % 3]

def real(root):
    inputs, _, tested, _ = load()
    return inputs, inputs[:, 0], tested, tested[:, 0]

def wrong():
    return 1, 2
"""
OWN = {
    "network.name": "own_module:Net", "network.layers": ("act", "output"), "data.name": "own_module:load",
    "network.epochs": 1, "network.batch_size": 20, "mine.epochs": 2, "mine.batch_size": 20, "mine.replicates": 1,
}  # fmt: skip


def forget() -> None:
    """As another process."""
    sys.modules.pop("own_module", None)
    for cached in (own.found, own.digest, datasets.described, data.load):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "own_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path / "own_module.py"
    forget()


def test_a_trial_of_ones_own_network_and_data(tmp_path):
    config = replace(TrialConfig(), OWN).with_sources()
    last = list(recorded.run(config, str(tmp_path / "results"), torch.device("cpu")))[-1]
    assert set(last.rows["estimates"][0]["pair"].to_pylist()) == {"X;act", "X;output", "Y;act", "Y;output"}
    assert len(records.trials(str(tmp_path / "results")).completed) == 1


def test_another_source_is_another_key_and_a_file_that_changed_is_refused(tmp_path, module):
    config = replace(TrialConfig(), OWN).with_sources()
    module.write_text(MODULE + "\n# changed\n")
    assert key(config.with_sources()) == key(config)  # this process still runs what it imported
    forget()
    assert key(config.with_sources()) != key(config)
    with pytest.raises(InputError, match="data.source is .* the file has changed"):
        list(recorded.run(config, str(tmp_path / "results"), torch.device("cpu")))


def test_real_labels_take_bins():
    with pytest.raises(InputError, match="own_module:real's labels is 'real numbers'"):
        datasets.load("own_module:real", None)
    labels = datasets.load("own_module:real", None, bins=4)[1]
    assert np.bincount(labels).min() >= 10 and len(np.unique(labels)) == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_module:load", "no_module cannot be imported"),
        ("own_module:nothing", "something that can be called"),
        ("own_module:wrong", "returns inputs and labels"),
    ],
)
def test_what_cannot_be_a_data_set_is_said(name, said):
    with pytest.raises(InputError, match=said):
        datasets.load(name, None)
