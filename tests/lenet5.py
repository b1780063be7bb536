"""LeNet-5 on images of 28 x 28 pixels, as most tests use it."""

import torch

from trainables.subjects import networks, training
from trainables.subjects.datasets import DATASETS
from trainables.subjects.lenet import LeNet5

LAYERS = networks.NETWORKS["lenet5"].layers
PAIRS = networks.pairs(LAYERS)
SHAPES = {
    "X": (1, 28, 28), "Y": (10,), "maxpool1": (20, 12, 12), "maxpool2": (50, 4, 4), "relu3": (500,), "sm1": (10,)
}  # fmt: skip
"""The paper's Table 1."""


def make(source: torch.Generator) -> LeNet5:
    network = training.build("lenet5", DATASETS["mnist"], source)
    assert isinstance(network, LeNet5)
    return network
