"""The plain reference: Algorithm 1 to the letter, for one fit, in float64 on the CPU.

One network, concatenation, two forward passes, autograd. `mine` trains all fits of a trial side by side, and is held to
this one, draw by draw: read this first.
"""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables import draws
from trainables.estimators.mine import Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import MineConfig


class PlainNetwork(nn.Module):
    """One statistics network of architecture 1, 2 or 3, with the weights of one fit of `networks`."""

    def __init__(self, networks: StatisticsNetworks, pair: str, replicate: int) -> None:
        super().__init__()
        self.config, self.sides, self.shapes = networks.config, networks.sides[pair], networks.shapes
        self.weights = nn.ParameterDict()
        for name, stacked in networks.parameters.items():
            pairs = networks.pairs_with[name]
            if pair in pairs:
                own = stacked[pairs.index(pair), replicate].detach().double().clone()
                self.weights[name.replace(".", "_")] = nn.Parameter(own)

    def side(self, side: str, values: Tensor) -> Tensor:
        """What a side hands to the concatenation."""
        config, w = self.config, self.weights
        if side == "Y":
            values = functional.one_hot(values, self.shapes["Y"][0]).double()
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
        if self.config.critic == "separable":
            return (self.tower("variable", variable) * self.tower("layer", layer)).sum(dim=1)
        hidden = torch.cat([self.side(self.sides[0], variable), self.side(self.sides[1], layer)], dim=1)
        first = torch.cat([w[f"first_{side}_weight"] for side in self.sides], dim=1)
        hidden = functional.relu(functional.linear(hidden, first, w["first_bias"]))
        for depth in range(1, self.config.hidden_layers):
            hidden = functional.relu(functional.linear(hidden, w[f"hidden{depth}_weight"], w[f"hidden{depth}_bias"]))
        return hidden @ w["last_weight"] + w["last_bias"]

    def tower(self, role: str, values: Tensor) -> Tensor:
        """One side's end of the separable critic."""
        w, side = self.weights, self.sides[role == "layer"]
        hidden = functional.linear(self.side(side, values), w[f"first_{side}_weight"], w[f"{role}_first_bias"])
        for name in (*(f"hidden{depth}" for depth in range(1, self.config.hidden_layers)), "last"):
            hidden = functional.linear(hidden.relu(), w[f"{role}_{name}_weight"], w[f"{role}_{name}_bias"])
        return hidden


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
        made = nn.Linear(fan_in, math.prod(z) if variable == "X" else shapes["Y"][0])
    with torch.no_grad():
        for parameter in made.parameters():  # weight, then bias
            parameter.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=source)
    made = made.double().requires_grad_(False)
    return lambda values: functional.relu(made(values.view(-1, *x) if as_images else values)).flatten(1)


def bound(joint: Tensor, marginal: Tensor) -> Tensor:
    """Donsker-Varadhan bound of one batch, in nats."""
    return joint.mean() - marginal.exp().mean().log()


def jensen_shannon(joint: Tensor, marginal: Tensor) -> Tensor:
    """What js and smile ascend."""
    return -functional.softplus(-joint).mean() - functional.softplus(marginal).mean()


Formula = Callable[[Tensor, Tensor, MineConfig], Tensor]

VALUES: Mapping[str, Formula] = {
    "donsker_varadhan": lambda joint, marginal, config: bound(joint, marginal),
    "nwj": lambda joint, marginal, config: joint.mean() - (marginal - 1).exp().mean(),
    "js": lambda joint, marginal, config: 1 + joint.mean() - marginal.exp().mean(),
    "smile": lambda joint, marginal, config: (
        joint.mean() - marginal.exp().clamp(math.exp(-config.clip), math.exp(config.clip)).mean().log()
    ),
    "remine": lambda joint, marginal, config: bound(joint, marginal),
    "infonce": lambda own, every, config: (own - every.exp().mean(dim=0).log()).mean(),
}
"""Of T on joint and on marginal samples; of InfoNCE on the own pairs, and on all, (variables, layers)."""

ASCENDED: Mapping[str, Formula] = {
    **VALUES,
    "js": lambda joint, marginal, config: jensen_shannon(joint, marginal),
    "smile": lambda joint, marginal, config: jensen_shannon(joint, marginal),
    "remine": lambda joint, marginal, config: (
        bound(joint, marginal) - config.penalty * marginal.exp().mean().log().square()
    ),
}
"""What is ascended."""


def fit(
    settings: MineConfig,
    shapes: dict[str, tuple[int, ...]],
    samples: Samples,
    pair: str,
    replicate: int,
    normals: Iterator[Tensor],
    seed: int = 0,
    run: int = 1,
) -> tuple[np.ndarray, PlainNetwork]:
    """One fit's bound by epoch, in nats, and its network, sample by sample as the engine drew them.

    Args:
        samples: float64, on the CPU.
        normals: the noise of the pair's layer over its std, step by step: (batch, features), of independent marginals
            twice as many rows; a smaller batch takes the first of them.
    """
    networks = StatisticsNetworks(settings, shapes, seed=seed, run=run, dtype=torch.float64)
    network = PlainNetwork(networks, pair, replicate)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.SGD
    descent = kind(network.parameters(), lr=settings.learning_rate)
    order = draws.generator(seed, "mine batches", run)
    shuffles = draws.generator(seed, "mine marginals", settings.marginals, run)
    variable, layer = pair.split(";")
    values, outputs = samples.x if variable == "X" else samples.y, samples.layers[layer]
    assert values is not None, "the pair's variable is given"
    fronts = draws.generator(seed, "front", run, pair)
    b, independent = settings.batch_size, settings.marginals == "independent" and not settings.all_pairs
    average, bounds = None, []
    for _ in range(settings.epochs):
        rows = draws.epoch_rows(len(values), b, settings.last_batch, order).split(b)
        full = sum(len(batch) == b for batch in rows)
        if independent:
            chosen = draws.independent_rows(sum(map(len, rows)), len(values), shuffles).split(b)
        else:
            draw = draws.derangements if settings.marginals == "derangement" else draws.permutations
            chosen = [*draw(full, b, shuffles), *(draw(1, len(batch), shuffles)[0] for batch in rows[full:])]
        of_epoch = []
        for batch, marginal in zip(rows, chosen, strict=True):
            side, z = values[batch], outputs[torch.cat([batch, marginal]) if independent else batch]
            if settings.noise_std:
                z = z + settings.noise_std * next(normals)[: len(z)]
            if settings.redraws_front:
                mapped = random_map(fronts, settings.architecture, pair, shapes)
                side, z = (mapped(side), z) if variable == "X" else (side, mapped(z))
            own, shuffled = (z[: len(batch)], z[len(batch) :]) if independent else (z, z[marginal])
            joint = network(side, own)
            if settings.bound == "infonce":
                every = torch.stack([network(side, one.expand(len(own), -1)) for one in own], dim=1)
            else:
                every = network(side, shuffled)
            of_epoch.append(VALUES[settings.bound](joint, every, settings).item())
            if settings.gradient_correction == "moving_average":
                rate, now = settings.moving_average_rate, every.exp().mean().detach()
                average = now if average is None else (1 - rate) * average + rate * now
                loss = -(joint.mean() - every.exp().mean() / average)
            else:
                loss = -ASCENDED[settings.bound](joint, every, settings)
            descent.zero_grad()
            loss.backward()
            if settings.gradient_clip:
                norm = nn.utils.get_total_norm(p.grad for p in network.parameters() if p.grad is not None)
                for parameter in network.parameters():
                    if parameter.grad is not None:
                        parameter.grad *= min(1.0, settings.gradient_clip / norm.item())
            descent.step()
        bounds.append(np.mean(of_epoch))
    return np.array(bounds), network
