"""MINE as it is usually written: for every pair a network of its own, run twice on concatenated inputs."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.lenet5 import PAIRS
from trainables.estimators.mine import Samples
from trainables.settings import MineConfig


class StatisticsNetwork(nn.Module):
    """Architecture 1: concatenate, Linear + ReLU, Linear."""

    def __init__(self, features: int, hidden_units: int) -> None:
        super().__init__()
        self.first = nn.Linear(features, hidden_units)
        self.last = nn.Linear(hidden_units, 1)

    def forward(self, variable: Tensor, layer: Tensor) -> Tensor:
        return self.last(functional.relu(self.first(torch.cat([variable, layer], dim=1))))


def train(samples: Samples, config: MineConfig) -> dict[str, list[float]]:
    """One statistics network a pair, Algorithm 1 with Adam.

    Returns:
        The mean bound of each epoch, in nats, by pair.
    """
    assert samples.x is not None and samples.y is not None
    variables = {"X": samples.x, "Y": functional.one_hot(samples.y).float()}
    return {pair: _fit(variables[pair[0]], samples.layers[pair[2:]], config) for pair in config.pairs or PAIRS}


def _fit(variable: Tensor, layer: Tensor, config: MineConfig) -> list[float]:
    network = StatisticsNetwork(variable.shape[1] + layer.shape[1], config.hidden_units)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    curve = []
    for _ in range(config.epochs):
        order = torch.randperm(len(layer))
        total = torch.zeros(())
        steps = len(layer) // config.batch_size
        for step in range(steps):
            rows = order[step * config.batch_size : (step + 1) * config.batch_size]
            v, z = variable[rows], layer[rows]
            if config.noise_std:
                z = z + config.noise_std * torch.randn_like(z)
            joint = network(v, z)
            marginal = network(v, z[torch.randperm(len(z))])
            bound = joint.mean() - marginal.exp().mean().log()
            optimizer.zero_grad()
            (-bound).backward()
            optimizer.step()
            total += bound.detach()
        curve.append(float(total) / steps)
    return curve
