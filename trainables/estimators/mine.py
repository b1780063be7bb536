"""The training loop: all statistics networks of a run ascend their bound together (paper, Algorithm 1)."""

import dataclasses
import math
from collections.abc import Callable, Iterator
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

    def verdict_inputs(
        self, pair: str, ceiling: float, truth: float = math.nan, optimum: float = math.nan
    ) -> dict[str, NDArray[np.float64]]:
        """What the verdict rule reads of a pair's fits, arrays of shape (replicates,).

        Args:
            ceiling, truth, optimum: in nats; where truth and optimum are not known no fit is stuck.
        """
        position = self.pairs.index(pair)
        bound, finite = (values[:, position].T.numpy() for values in (self.bound, self.finite))
        fits = len(bound)
        known = {"epochs": len(self.bound), "ceiling": ceiling, "truth": truth, "optimum": optimum}
        inputs = {name: np.full(fits, value, dtype=float) for name, value in known.items()}
        inputs["dead_hidden_layers"] = self.dead_hidden_layers[position].numpy()
        return {**inputs, **verdict.curve_summary(bound, finite, inputs["ceiling"])}


def train(
    networks: StatisticsNetworks, population: Samples | Callable[[int], Samples], seed: int, run: int = 1
) -> Curves:
    """Train all statistics networks for one run: gradient ascent on the bound (Algorithm 1).

    Noise of `mine.noise_std` is drawn anew at every step, once per layer, and shared by all fits; so are
    the batches and the marginal samples. The optimizer starts fresh.

    Args:
        networks: trained in place, by the settings in `networks.config`.
        population: the samples; or a function from the epoch (from 0) to fresh ones, as many every time.
        seed, run: name the streams of batches, marginal samples, noise and redrawn fronts.
    """
    config = networks.config
    optimizer = _make_optimizer(networks)
    gradient = BOUNDS[config.bound].ascent(config)
    recorder = _Recorder(networks)

    def ascend(epoch: int, t: Tensor, activity: Activity) -> None:
        optimizer.zero_grad(set_to_none=True)
        t.backward(gradient(t.detach()))
        if config.gradient_clip:
            networks.clip_gradients(config.gradient_clip)
        optimizer.step()
        if epoch == config.epochs - 1:
            recorder.see(activity)

    for values in _epochs(networks, population, seed, run, config, ascend):
        recorder.end_epoch(values)
    return recorder.curves()


@torch.no_grad()
def read_out(networks: StatisticsNetworks, samples: Samples, seed: int, run: int = 1) -> dict[str, Tensor]:
    """Values of the trained T on other samples: by name in `bounds.READ_OUTS`, in nats, shape (pairs, replicates).

    Means over as many epochs as the verdict's window has, with batches, marginal samples and noise as in training, from
    streams of their own.
    """
    config = dataclasses.replace(networks.config, epochs=verdict.window(networks.config.epochs))
    epochs = _epochs(networks, samples, seed, f"{run} held out", config, lambda epoch, t, activity: None)
    of_epochs = [_pooled(config, values) for values in epochs]
    names = BOUNDS[config.bound].read_outs
    return {name: torch.stack([values[name] for values in of_epochs]).mean(dim=0).cpu() for name in names}


def _epochs(
    networks: StatisticsNetworks,
    population: Samples | Callable[[int], Samples],
    seed: int,
    run: object,
    config: MineConfig,
    each: Callable[[int, Tensor, Activity], None],
) -> Iterator[Tensor]:
    """T of each epoch's samples, (2, samples, pairs, replicates): joint, marginal; `each` step has its own as it came.

    Args:
        config: as the networks', with the number of epochs.
    """
    device, bound = networks.device, BOUNDS[config.bound]
    gather = _Gather(networks)
    redraw = Front(config, networks.pairs, networks.shapes, seed, run, device)
    samples_of = population if callable(population) else lambda epoch: population
    samples = samples_of(0)
    steps = draws.steps(len(samples), config.batch_size, config.last_batch)
    used = min(len(samples), steps * config.batch_size)
    added = noise.source(
        config.noise_std, gather.shapes, seed, run, device,
        steps=steps, epochs=config.epochs, overlap=_light_products(networks),
    )  # fmt: skip
    with added, numerics.fixed(config.matmul_precision):
        for epoch, rows in enumerate(batches.of_epochs(config, len(samples), seed, run, device)):
            samples = samples_of(epoch) if epoch else samples
            values = torch.empty(2, used, len(networks.pairs), config.replicates, device=device, dtype=networks.dtype)
            of_steps = values.split(config.batch_size, dim=1)
            for found, *of_step in zip(of_steps, *rows, strict=True):
                variables, layers, shuffle = gather(samples, *of_step)
                added.add(layers)
                t, activity = networks(*redraw(variables, layers), shuffle)
                each(epoch, t, activity)
                now = t.detach()
                found.copy_(torch.stack(joint_and_marginal(now, config.log_mean_exp)) if bound.all_pairs else now)
            yield values


def _pooled(config: MineConfig, values: Tensor) -> dict[str, Tensor]:
    """What T, (2, samples, pairs, replicates), is worth over all samples at once: as its bound, and as read-outs."""
    bound = BOUNDS[config.bound]
    terms = {"pooled_bound": bound.second_term, **{name: READ_OUTS[name] for name in bound.read_outs}}
    joint, marginal = values.double() - (bound.offset or 0.0)
    mean, found = joint.mean(dim=0), {term: term(marginal, config, "stable") for term in dict.fromkeys(terms.values())}
    return {name: mean - found[term] for name, term in terms.items()}


def _light_products(networks: StatisticsNetworks) -> bool:
    """Whether the noise had better be drawn beside the products than between them.

    Beside them the products have half of the threads: that pays while a step's time is the draw's.
    """
    if networks.config.architecture == 2 or networks.config.redraws_front:
        return False  # its convolutions, or its maps, outweigh any draw
    weights = sum(p.numel() for name, p in networks.parameters.items() if name.startswith(("first.", "branch.")))
    normals = sum(math.prod(networks.shapes[layer]) for layer in networks.layers)
    return 4 * weights <= _LIGHT[networks.config.matmul_precision] * normals


_LIGHT = {"highest": 200, "high": 200, "medium": 550}
"""Operations a normal up to which products are light; measured on two threads (docs/performance.md)."""


def _make_optimizer(networks: StatisticsNetworks) -> torch.optim.Optimizer:
    config, parameters = networks.config, list(networks.parameters.values())
    # Both update every element by its own gradient alone, so fits cannot touch one another.
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.learning_rate, maximize=True, fused=True)
    return torch.optim.SGD(parameters, lr=config.learning_rate, maximize=True, fused=True)


class _Gather:
    """Copies of the rows that a step reads, in the same memory every time.

    New memory for every step would cost more in page faults than the copies themselves.
    """

    def __init__(self, networks: StatisticsNetworks) -> None:
        config = networks.config
        self.independent = config.marginals == "independent" and not config.all_pairs
        self.rows = 2 * config.batch_size if self.independent else config.batch_size
        self.shapes = {layer: (self.rows, math.prod(networks.shapes[layer])) for layer in networks.layers}
        device, dtype = networks.device, networks.dtype
        self.layers = {layer: torch.empty(shape, device=device, dtype=dtype) for layer, shape in self.shapes.items()}
        features = math.prod(networks.shapes.get("X", (0,)))
        self.x = torch.empty(config.batch_size, features, device=device, dtype=dtype)

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
        # Of independent marginals other samples take part, each with noise of its own: their rows stand below.
        rows = torch.cat([of_layers, marginal]) if self.independent else of_layers
        layers = {
            layer: torch.index_select(samples.layers[layer], 0, rows, out=outputs[: len(rows)])
            for layer, outputs in self.layers.items()
        }
        return variables, layers, None if self.independent else marginal


class _Recorder:
    """Reduces each epoch's values of T to the curves, on the device, without a copy to the host."""

    def __init__(self, networks: StatisticsNetworks) -> None:
        self.networks, self.bound = networks, BOUNDS[networks.config.bound]
        self.epochs: dict[str, list[Tensor]] = {}
        self.active_head: list[Tensor] = []
        self.active_branches: dict[str, Tensor] = {}

    @torch.no_grad()
    def end_epoch(self, values: Tensor) -> None:
        """Record an epoch from its T, shape (2, samples, pairs, replicates): joint, marginal; batch after batch."""
        config = self.networks.config
        full = values.shape[1] // config.batch_size
        whole, rest = values.tensor_split([full * config.batch_size], dim=1)
        by_size = [whole.unflatten(1, (full, config.batch_size)), rest.unsqueeze(1)][: 2 if rest.numel() else 1]
        of_batches = torch.cat([self.bound.value(joint, marginal, config) for joint, marginal in by_size])
        partition = torch.cat([log_mean_exp(marginal, config.log_mean_exp, dim=1).double() for _, marginal in by_size])
        bound = of_batches.mean(dim=0)
        gradients = {name: p.grad for name, p in self.networks.parameters.items() if p.grad is not None}
        gradient_norm = self.networks.per_fit(gradients).sqrt()
        finite = bound.isfinite()
        for tensors in (gradients, self.networks.parameters):
            # x - x is 0 where x is finite and NaN elsewhere, and its square cannot overflow.
            finite &= self.networks.per_fit({name: tensor - tensor for name, tensor in tensors.items()}).isfinite()
        of_epoch = {
            "bound": bound, "log_mean_exp": partition.mean(dim=0), "gradient_norm": gradient_norm, "finite": finite,
            **_pooled(config, values),
        }  # fmt: skip
        for name, value in of_epoch.items():
            self.epochs.setdefault(name, []).append(value)

    @torch.no_grad()
    def see(self, activity: Activity) -> None:
        """Remember which hidden units were on for any sample of a batch."""
        head = [(hidden > 0).flatten(0, 1).any(dim=0) for hidden in activity.head]
        branches = {side: (features > 0).any(dim=1) for side, features in activity.branches.items()}
        if not self.active_head:
            self.active_head, self.active_branches = head, branches
        self.active_head = [seen | now for seen, now in zip(self.active_head, head, strict=True)]
        self.active_branches = {side: self.active_branches[side] | now for side, now in branches.items()}

    def curves(self) -> Curves:
        networks = self.networks
        dead_units = torch.zeros(
            len(networks.pairs), networks.config.replicates, dtype=torch.int64, device=networks.device
        )
        dead_layers = torch.zeros_like(dead_units)
        hidden = [(networks.pairs, active) for active in self.active_head]
        hidden += [
            (networks.pairs_of(side), active.view(-1, networks.config.replicates, active.shape[-1]))
            for side, active in self.active_branches.items()
        ]
        for pairs, active in hidden:
            rows = networks.rows(pairs)
            dead_units.index_add_(0, rows, (~active).sum(dim=-1))
            dead_layers.index_add_(0, rows, (~active.any(dim=-1)).long())
        stacked = {name: torch.stack(values).cpu() for name, values in self.epochs.items()}
        read_outs = {name: stacked.pop(name) for name in self.bound.read_outs}
        dead = {"dead_units": dead_units.cpu(), "dead_hidden_layers": dead_layers.cpu()}
        return Curves(pairs=networks.pairs, read_outs=read_outs, **dead, **stacked)
