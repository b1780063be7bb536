"""The training loop: all statistics networks of a run ascend their bound together (paper, Algorithm 1)."""

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables import draws, numerics, verdict
from trainables.bounds import BOUNDS, log_mean_exp
from trainables.estimators import batches, noise
from trainables.estimators.front import Front
from trainables.estimators.statistics_network import Activity, StatisticsNetworks


@dataclass(frozen=True)
class Samples:
    """N joint samples of the variables and the layers, on one device.

    Attributes:
        x: input, float32, shape (N, features); None where no pair reads it.
        y: labels from 0 on, int64, shape (N,); None where no pair reads it.
        layers: outputs without noise, by layer, float32, shape (N, features).
    """

    x: Tensor | None
    y: Tensor | None
    layers: dict[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.layers.values())))


@dataclass(frozen=True)
class Curves:
    """What a run leaves of each fit; values in nats, shape (epochs, pairs, replicates) unless said.

    Attributes:
        pairs: the pairs along the second axis.
        bound: mean over the epoch's batches of the bound; not itself a lower bound on the mutual information.
        pooled_bound: mean T(joint) - ln mean exp T(marginal) once over all of the epoch's samples.
        log_mean_exp: mean over the epoch's batches of the second term.
        gradient_norm: Euclidean norm of the fit's gradient at the epoch's last step.
        finite: whether bound, gradient and parameters were finite when the epoch ended.
        dead_units: hidden units that were zero on every sample of the last epoch, (pairs, replicates).
        dead_hidden_layers: hidden layers all of whose units were so, (pairs, replicates).
    """

    pairs: tuple[str, ...]
    bound: Tensor
    pooled_bound: Tensor
    log_mean_exp: Tensor
    gradient_norm: Tensor
    finite: Tensor
    dead_units: Tensor
    dead_hidden_layers: Tensor

    def verdict_inputs(self, known: Mapping[str, Mapping[str, float]]) -> dict[str, NDArray[np.float64]]:
        """What the verdict rule reads of the fits, and all else that is known, arrays of shape (pairs x replicates,).

        Args:
            known: by pair `ceiling`, `truth`, `optimum` and what else there is, in nats; where truth and optimum are
                NaN no fit is stuck.
        """
        epochs, pairs, replicates = self.bound.shape
        names = known[self.pairs[0]]
        inputs = {name: np.repeat([known[pair][name] for pair in self.pairs], replicates) for name in names}
        inputs["epochs"] = np.full(pairs * replicates, epochs)
        inputs["dead_hidden_layers"] = self.dead_hidden_layers.flatten().numpy()
        return {**inputs, **verdict.curve_summary(by_fit(self.bound), by_fit(self.finite), inputs["ceiling"])}


def by_fit(values: Tensor) -> NDArray:
    """(epochs, pairs, replicates) to (pairs x replicates, epochs)."""
    return values.flatten(1).T.contiguous().numpy()


def train(
    networks: StatisticsNetworks, population: Samples | Callable[[int], Samples], seed: int, run: int = 1
) -> Curves:
    """Train all statistics networks for one run: gradient ascent on the bound (Algorithm 1).

    Noise of `mine.noise_std` is drawn again at every step, once per layer, and shared by all fits; so are
    the batches and the marginal samples. The optimizer starts fresh.

    Args:
        networks: trained in place, by the settings in `networks.config`.
        population: the samples; or a function from the epoch (from 0) to fresh ones, as many every time.
        seed, run: name the streams of batches, marginal samples, noise and redrawn fronts.
    """
    config, device = networks.config, networks.device
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[config.optimizer]
    # Both update every element by its own gradient alone, so fits cannot touch one another.
    optimizer = kind(list(networks.parameters.values()), lr=config.learning_rate, maximize=True, fused=True)
    gradient = BOUNDS[config.bound].ascent(config)
    recorder = _Recorder(networks)
    gather = _Gather(networks)
    redraw = Front(config, networks.pairs, networks.shapes, seed, run, device)
    samples_of = population if callable(population) else lambda epoch: population
    samples = samples_of(0)
    steps = draws.steps(len(samples), config.batch_size, config.last_batch)
    used = min(len(samples), steps * config.batch_size)
    with closing(_noise(networks, gather.shapes, seed, run, steps)) as noises, numerics.fixed(config.matmul_precision):
        for epoch, (rows, marginal_rows) in enumerate(batches.of_epochs(config, len(samples), seed, run, device)):
            samples = samples_of(epoch) if epoch else samples
            values = torch.empty(2, used, len(networks.pairs), config.replicates, device=device, dtype=networks.dtype)
            of_steps = values.split(config.batch_size, dim=1)
            for batch, marginal, found in zip(rows, marginal_rows, of_steps, strict=True):
                variables, layers, shuffle = gather(samples, batch, marginal)
                if config.noise_std:
                    noise.add(layers, next(noises), config.noise_std)
                t, activity = networks(*redraw(variables, layers), shuffle)
                optimizer.zero_grad(set_to_none=True)
                t.backward(torch.stack(gradient(t.detach())))
                optimizer.step()
                found.copy_(t.detach())
                if epoch == config.epochs - 1:
                    recorder.see(activity)
            recorder.end_epoch(values)
    return recorder.curves()


def _noise(
    networks: StatisticsNetworks, shapes: dict[str, tuple[int, int]], seed: int, run: int, steps: int
) -> Generator[noise.Step]:
    if networks.device.type != "cpu":
        return noise.on_gpu(shapes, seed, run, networks.device)
    config = networks.config
    weights = sum(parameter.numel() for parameter in networks.parameters.values())
    # Drawing ahead takes half of the threads from the products: it pays while a step's time is the draw's.
    # Convolutions, and a redrawn front's maps, outweigh any draw.
    light = 4 * weights <= _LIGHT[config.matmul_precision] * sum(features for _, features in shapes.values())
    ahead = light and config.architecture != 2 and not config.redraws_front
    return noise.on_cpu(shapes, seed, run, steps=steps, epochs=config.epochs, ahead=ahead)


_LIGHT = {"highest": 200, "high": 200, "medium": 550}
"""Operations per normal up to which products are light; measured on two threads (docs/performance.md)."""


class _Gather:
    """Copies of the rows that a step reads, in the same memory every time.

    New memory for every step would cost more in page faults than the copies themselves.
    """

    def __init__(self, networks: StatisticsNetworks) -> None:
        config, shapes = networks.config, networks.shapes
        self.independent = config.marginals == "independent"
        rows = 2 * config.batch_size if self.independent else config.batch_size
        self.shapes = {layer: (rows, math.prod(shapes[layer])) for layer in networks.layers}
        device, dtype = networks.device, networks.dtype
        self.layers = {layer: torch.empty(shape, device=device, dtype=dtype) for layer, shape in self.shapes.items()}
        self.x = torch.empty(config.batch_size, math.prod(shapes.get("X", (0,))), device=device, dtype=dtype)

    def __call__(
        self, samples: Samples, batch: Tensor, marginal: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor | None]:
        """The batch's variables and layers, and the shuffle that makes its marginal samples."""
        # index_select, since tensor[index] gathers several times slower on a CPU.
        variables: dict[str, Tensor] = {}
        if samples.x is not None:
            variables["X"] = torch.index_select(samples.x, 0, batch, out=self.x[: len(batch)])
        if samples.y is not None:
            variables["Y"] = samples.y.index_select(0, batch)
        # Of independent marginals other samples take part, each with noise of its own: their rows come below.
        rows = torch.cat([batch, marginal]) if self.independent else batch
        layers = {
            layer: torch.index_select(samples.layers[layer], 0, rows, out=outputs[: len(rows)])
            for layer, outputs in self.layers.items()
        }
        return variables, layers, None if self.independent else marginal


class _Recorder:
    """Reduces each epoch's values of T to the curves, on the device, without a copy to the host."""

    def __init__(self, networks: StatisticsNetworks) -> None:
        self.networks = networks
        self.epochs: list[dict[str, Tensor]] = []
        self.active: list[tuple[tuple[str, ...], Tensor]] = []

    @torch.no_grad()
    def end_epoch(self, values: Tensor) -> None:
        """Record an epoch from its T, shape (2, samples, pairs, replicates): joint, marginal; batch after batch."""
        config, networks = self.networks.config, self.networks
        full = values.shape[1] // config.batch_size
        whole, rest = values.tensor_split([full * config.batch_size], dim=1)
        by_size = [whole.unflatten(1, (full, config.batch_size)), rest.unsqueeze(1)][: 2 if rest.numel() else 1]
        mean_joint = torch.cat([joint.double().mean(dim=1) for joint, _ in by_size])
        of_batches = torch.cat([BOUNDS[config.bound].value(joint, marginal, config) for joint, marginal in by_size])
        partition = torch.cat([log_mean_exp(marginal, config.log_mean_exp, dim=1).double() for _, marginal in by_size])
        weight = torch.ones_like(mean_joint)
        weight[full:] = rest.shape[1] / config.batch_size
        pooled = (mean_joint * weight).sum(dim=0) / weight.sum(dim=0)
        bound = of_batches.mean(dim=0)
        gradients = {name: p.grad for name, p in networks.parameters.items() if p.grad is not None}
        finite = bound.isfinite()
        for tensors in (gradients, networks.parameters):
            # x - x is 0 where x is finite and NaN elsewhere, and its square cannot overflow.
            finite &= networks.per_fit({name: tensor - tensor for name, tensor in tensors.items()}).isfinite()
        self.epochs.append(
            {
                "bound": bound,
                "pooled_bound": pooled - log_mean_exp(values[1].double(), "stable"),
                "log_mean_exp": partition.mean(dim=0),
                "gradient_norm": networks.per_fit(gradients).sqrt(),
                "finite": finite,
            }
        )

    @torch.no_grad()
    def see(self, activity: Activity) -> None:
        """Remember which hidden units were on for any sample of a batch."""
        found = [(pairs, (outputs > 0).any(dim=0)) for pairs, outputs in activity]
        if self.active:
            found = [(pairs, on | seen) for (pairs, on), (_, seen) in zip(found, self.active, strict=True)]
        self.active = found

    def curves(self) -> Curves:
        networks = self.networks
        shape = len(networks.pairs), networks.config.replicates
        dead = {
            name: torch.zeros(shape, dtype=torch.int64, device=networks.device)
            for name in ("dead_units", "dead_hidden_layers")
        }
        for pairs, active in self.active:
            rows = networks.rows(pairs)
            dead["dead_units"].index_add_(0, rows, (~active).sum(dim=-1))
            dead["dead_hidden_layers"].index_add_(0, rows, (~active.any(dim=-1)).long())
        found = {name: torch.stack([epoch[name] for epoch in self.epochs]) for name in self.epochs[0]}
        return Curves(networks.pairs, **{name: values.cpu() for name, values in (found | dead).items()})
