import os
import signal

import pytest
import torch

# A shell ignores Ctrl-C in what it starts in the background; tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No usage report, and no token in the home folder: nodes of the tests live on loopback.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"

from trainables.settings import TrialConfig, replace  # noqa: E402
from trainables.subjects.official import ROOT_VARIABLE  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    """Results are equal bit for bit only at equal threads."""
    torch.set_num_threads(1)


@pytest.fixture
def tiny() -> TrialConfig:
    """A trial of seconds: digits, two LeNet-5 epochs, two runs."""
    return replace(
        TrialConfig(),
        {
            "data.name": "digits",
            "network.epochs": 3,
            "network.batch_size": 32,
            "network.learning_rate": 3e-3,
            "schedule.probe_every": 2,
            "mine.samples": 200,
            "mine.batch_size": 50,
            "mine.epochs": 4,
            "mine.replicates": 2,
            "mine.learning_rate": 1e-3,
            "mine.noise_std": 0.3,
        },
    )


@pytest.fixture
def mnist_root() -> str:
    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        pytest.skip(f"needs MNIST: {ROOT_VARIABLE} is not set")
    return root
