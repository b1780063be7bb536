"""The training loop: all statistics networks of a run ascend their bound together (paper, Algorithm 1)."""

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables import draws, numerics, verdict
from trainables.bounds import BOUNDS, READ_OUTS, joint_and_marginal, log_mean_exp
from trainables.estimators import batches, noise
from trainables.estimators.front import Front
from trainables.estimators.statistics_network import Activity, StatisticsNetworks
from trainables.settings import MineConfig


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
        pooled_bound: the bound once over all of the epoch's samples.
        read_outs: other values of T over all of the epoch's samples, by name in `bounds.READ_OUTS`.
        log_mean_exp: mean over the epoch's batches of ln mean exp T(marginal).
        gradient_norm: Euclidean norm of the fit's gradient at the epoch's last step, after any cut.
        finite: whether bound, gradient and parameters were finite when the epoch ended.
        dead_units: hidden units that were zero on every sample of the last epoch, (pairs, replicates).
        dead_hidden_layers: hidden layers all of whose units were so, (pairs, replicates).
    """

    pairs: tuple[str, ...]
    bound: Tensor
    pooled_bound: Tensor
    read_outs: dict[str, Tensor]
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
    config = networks.config
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[config.optimizer]
    # Both update every element by its own gradient alone, so fits cannot touch one another.
    optimizer = kind(list(networks.parameters.values()), lr=config.learning_rate, maximize=True, fused=True)
    gradient = BOUNDS[config.bound].ascent(config)
    recorder = _Recorder(networks)

    def ascend(epoch: int, t: Tensor, activity: Activity) -> None:
        optimizer.zero_grad(set_to_none=True)
        t.backward(gradient(t.detach()))
        if config.gradient_clip:
            networks.cut_gradients(config.gradient_clip)
        optimizer.step()
        if epoch == config.epochs - 1:
            recorder.see(activity)

    for values in _epochs(networks, population, seed, run, config.epochs, ascend):
        recorder.end_epoch(values)
    return recorder.curves()


@torch.no_grad()
def read_out(networks: StatisticsNetworks, samples: Samples, seed: int, run: int = 1) -> dict[str, Tensor]:
    """Values of the trained T on other samples: by name in `bounds.READ_OUTS`, in nats, shape (pairs, replicates).

    Means over as many epochs as the verdict's window has, with batches, marginal samples and noise as in training, from
    streams of their own.
    """
    config, epochs = networks.config, verdict.window(networks.config.epochs)
    found = _epochs(networks, samples, seed, f"{run} held out", epochs, lambda epoch, t, activity: None)
    of_epochs = [_pooled(config, values) for values in found]
    names = BOUNDS[config.bound].read_outs
    return {name: torch.stack([values[name] for values in of_epochs]).mean(dim=0).cpu() for name in names}


def _epochs(
    networks: StatisticsNetworks,
    population: Samples | Callable[[int], Samples],
    seed: int,
    run: object,
    epochs: int,
    each: Callable[[int, Tensor, Activity], None],
) -> Iterator[Tensor]:
    """T of each epoch's samples, (2, samples, pairs, replicates): joint, marginal; `each` step sees its own."""
    config, device = networks.config, networks.device
    gather = _Gather(networks)
    redraw = Front(config, networks.pairs, networks.shapes, seed, run, device)
    samples_of = population if callable(population) else lambda epoch: population
    samples = samples_of(0)
    steps = draws.steps(len(samples), config.batch_size, config.last_batch)
    used = min(len(samples), steps * config.batch_size)
    noises = _noise(networks, gather.shapes, seed, run, steps, epochs)
    with closing(noises), numerics.fixed(config.matmul_precision):
        for epoch, rows in enumerate(batches.of_epochs(config, len(samples), seed, run, device, epochs)):
            samples = samples_of(epoch) if epoch else samples
            values = torch.empty(2, used, len(networks.pairs), config.replicates, device=device, dtype=networks.dtype)
            for found, *of_step in zip(values.split(config.batch_size, dim=1), *rows, strict=True):
                variables, layers, shuffle = gather(samples, *of_step)
                if config.noise_std:
                    noise.add(layers, next(noises), config.noise_std)
                t, activity = networks(*redraw(variables, layers), shuffle)
                each(epoch, t, activity)
                now = t.detach()
                found.copy_(torch.stack(joint_and_marginal(now)) if config.all_pairs else now)
            yield values


def _pooled(config: MineConfig, values: Tensor) -> dict[str, Tensor]:
    """What T, (2, samples, pairs, replicates), is worth over all samples at once: as its bound, and as read-outs."""
    bound = BOUNDS[config.bound]
    terms = {"pooled_bound": bound.second_term, **{name: READ_OUTS[name] for name in bound.read_outs}}
    joint, marginal = values.double() - (bound.offset or 0.0)
    mean, found = joint.mean(dim=0), {term: term(marginal, config, "stable") for term in set(terms.values())}
    return {name: mean - found[term] for name, term in terms.items()}


def _noise(
    networks: StatisticsNetworks, shapes: dict[str, tuple[int, int]], seed: int, run: object, steps: int, epochs: int
) -> Generator[noise.Step]:
    if networks.device.type != "cpu":
        return noise.on_gpu(shapes, seed, run, networks.device)
    config = networks.config
    weights = sum(parameter.numel() for parameter in networks.parameters.values())
    # Drawing ahead takes half of the threads from the products: it pays while a step's time is the draw's.
    # Convolutions, and a redrawn front's maps, outweigh any draw.
    light = 4 * weights <= _LIGHT[config.matmul_precision] * sum(features for _, features in shapes.values())
    ahead = light and config.architecture != 2 and not config.redraws_front
    return noise.on_cpu(shapes, seed, run, steps=steps, epochs=epochs, ahead=ahead)


_LIGHT = {"highest": 200, "high": 200, "medium": 550}
"""Operations per normal up to which products are light; measured on two threads (docs/performance.md)."""


class _Gather:
    """Copies of the rows that a step reads, in the same memory every time.

    New memory for every step would cost more in page faults than the copies themselves.
    """

    def __init__(self, networks: StatisticsNetworks) -> None:
        config, shapes = networks.config, networks.shapes
        self.independent = config.marginals == "independent" and not config.all_pairs
        rows = 2 * config.batch_size if self.independent else config.batch_size
        self.shapes = {layer: (rows, math.prod(shapes[layer])) for layer in networks.layers}
        device, dtype = networks.device, networks.dtype
        self.layers = {layer: torch.empty(shape, device=device, dtype=dtype) for layer, shape in self.shapes.items()}
        self.x = torch.empty(config.batch_size, math.prod(shapes.get("X", (0,))), device=device, dtype=dtype)

    def __call__(
        self, samples: Samples, batch: Tensor, of_layers: Tensor, marginal: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor | None]:
        """The batch's variables, the layers beside them, and the shuffle that makes its marginal samples."""
        # index_select, since tensor[index] gathers several times slower on a CPU.
        variables: dict[str, Tensor] = {}
        if samples.x is not None:
            variables["X"] = torch.index_select(samples.x, 0, batch, out=self.x[: len(batch)])
        if samples.y is not None:
            variables["Y"] = samples.y.index_select(0, batch)
        # Of independent marginals other samples take part, each with noise of its own: their rows come below.
        rows = torch.cat([of_layers, marginal]) if self.independent else of_layers
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
        of_batches = torch.cat([BOUNDS[config.bound].value(joint, marginal, config) for joint, marginal in by_size])
        partition = torch.cat([log_mean_exp(marginal, config.log_mean_exp, dim=1).double() for _, marginal in by_size])
        bound = of_batches.mean(dim=0)
        gradients = {name: p.grad for name, p in networks.parameters.items() if p.grad is not None}
        finite = bound.isfinite()
        for tensors in (gradients, networks.parameters):
            # x - x is 0 where x is finite and NaN elsewhere, and its square cannot overflow.
            finite &= networks.per_fit({name: tensor - tensor for name, tensor in tensors.items()}).isfinite()
        self.epochs.append(
            {
                "bound": bound,
                **_pooled(config, values),
                "log_mean_exp": partition.mean(dim=0),
                "gradient_norm": networks.per_fit(gradients).sqrt(),
                "finite": finite,
            }
        )

    @torch.no_grad()
    def see(self, activity: Activity) -> None:
        """Remember which hidden units were on for any sample of a batch: by layer, (its pairs, replicates, units)."""
        networks = self.networks
        found = [(networks.pairs, (hidden > 0).any(dim=0)) for hidden in activity.head]
        for side, features in activity.branches.items():
            pairs = networks.pairs_of(side)
            found.append((pairs, (features > 0).any(dim=1).view(len(pairs), networks.config.replicates, -1)))
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
        found = {name: values.cpu() for name, values in (found | dead).items()}
        read_outs = {name: found.pop(name) for name in BOUNDS[networks.config.bound].read_outs}
        return Curves(networks.pairs, read_outs=read_outs, **found)
