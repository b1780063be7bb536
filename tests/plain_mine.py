"""Algorithm 1 written plainly: one network, concatenation, two forward passes, autograd, float64."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.config import CLASSES, MineConfig
from trainables.statistics_network import StatisticsNetworks


class PlainNetwork(nn.Module):
    """One statistics network of architecture 1, 2 or 3, with the weights of one fit of `networks`."""

    def __init__(self, networks: StatisticsNetworks, pair: str, replicate: int) -> None:
        super().__init__()
        self.config, self.sides, self.shapes = networks.config, networks.sides[pair], networks.shapes
        self.weights = nn.ParameterDict()
        for name, stacked in networks.parameters.items():
            pairs = networks.pairs_with(name)
            if pair in pairs:
                own = stacked[pairs.index(pair), replicate].detach().double().clone()
                self.weights[name.replace(".", "_")] = nn.Parameter(own)

    def side(self, side: str, values: Tensor) -> Tensor:
        """What a side hands to the concatenation."""
        config, w = self.config, self.weights
        if side == "Y":
            values = functional.one_hot(values, CLASSES).double()
        if config.redraws_front:
            return values
        if config.architecture == 2 and len(self.shapes[side]) == 3:
            images = values.view(-1, *self.shapes[side])
            kernel, bias = w[f"convolution_{side}_weight"], w[f"convolution_{side}_bias"]
            return functional.conv2d(images, kernel, bias, padding=config.conv_kernel // 2).flatten(1)
        if config.architecture == 2 or (config.architecture == 3 and config.branch_units == 0):
            return functional.relu(values)
        if config.architecture == 3:
            return functional.relu(functional.linear(values, w[f"branch_{side}_weight"], w[f"branch_{side}_bias"]))
        return values

    def forward(self, variable: Tensor, layer: Tensor) -> Tensor:
        w = self.weights
        hidden = torch.cat([self.side(self.sides[0], variable), self.side(self.sides[1], layer)], dim=1)
        first = torch.cat([w[f"first_{side}_weight"] for side in self.sides], dim=1)
        hidden = functional.relu(functional.linear(hidden, first, w["first_bias"]))
        for depth in range(1, self.config.hidden_layers):
            hidden = functional.relu(functional.linear(hidden, w[f"hidden{depth}_weight"], w[f"hidden{depth}_bias"]))
        return hidden @ w["last_weight"] + w["last_bias"]


def random_map(
    source: torch.Generator, architecture: int, pair: str, shapes: dict[str, tuple[int, ...]]
) -> Callable[[Tensor], Tensor]:
    """The next step's map of a redrawn front: of X to the size of the layer, or of the layer to the classes."""
    variable, layer = pair.split(";")
    x, z = shapes["X"], shapes[layer]
    as_images = variable == "X" and architecture == 2 and len(x) == len(z) == 3
    if as_images:
        made: nn.Module = nn.Conv2d(x[0], 1, (x[1] - z[1] + 1, x[2] - z[2] + 1))
        fan_in = x[0] * (x[1] - z[1] + 1) * (x[2] - z[2] + 1)
    else:
        fan_in = math.prod(x if variable == "X" else z)
        made = nn.Linear(fan_in, math.prod(z) if variable == "X" else CLASSES)
    with torch.no_grad():
        for parameter in made.parameters():  # weight, then bias
            parameter.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=source)
    made = made.double().requires_grad_(False)
    return lambda values: functional.relu(made(values.view(-1, *x) if as_images else values)).flatten(1)


def bound(joint: Tensor, marginal: Tensor) -> Tensor:
    """Donsker-Varadhan bound of one batch, in nats."""
    return joint.mean() - marginal.exp().mean().log()


def optimizer(network: PlainNetwork, config: MineConfig) -> torch.optim.Optimizer:
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.SGD
    return kind(network.parameters(), lr=config.learning_rate)
