"""Known answers: the engine of a trial on problems whose mutual information is known."""

import functools
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainables import contrast, verdict
from trainables.bounds import BOUNDS
from trainables.draws import generator
from trainables.errors import require_one_of
from trainables.estimators import mine
from trainables.estimators.mine import Samples
from trainables.estimators.problems import PROBLEMS, Expectation, Problem
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.optima import Known
from trainables.settings import MineConfig

SAMPLES = 10_000
"""Fresh samples per epoch."""

_OPTIMUM_SAMPLES = 1_000_000
"""Samples for optima, means over the known log-ratio: their error is below 0.01 nats."""


@dataclass(frozen=True)
class Answer:
    """One pair under one kind of marginals; values in nats."""

    truth: float
    optimum: float
    estimate: float
    outcomes: tuple[str, ...]
    bias: str
    expected: Expectation

    @property
    def passed(self) -> bool:
        return self.bias in self.expected.allowed


def settings(problem: Problem, marginals: str, bound: str = "donsker_varadhan") -> MineConfig:
    """MINE's settings on a problem: architecture 1 with two hidden layers, Adam, batch 100.

    A bound on all pairs has the separable critic: the joint one would take a hundred times the others' products.
    """
    return MineConfig(
        architecture=1,
        bound=bound,
        critic="separable" if BOUNDS[bound].all_pairs else "joint",
        hidden_layers=2,
        hidden_units=problem.hidden_units,
        noise_std=problem.noise_std,
        marginals=marginals,  # type: ignore[arg-type]  # checked by MineConfig
        epochs=problem.epochs,
        learning_rate=1e-3,
        replicates=2,
    )


def chosen_bounds(names: Sequence[str]) -> list[str]:
    """The bounds of these names; `all` of them; none: the paper's.

    Raises:
        InputError: if a name is unknown.
    """
    for name in names:
        require_one_of("bounds", name, ("all", *BOUNDS))
    return list(BOUNDS) if "all" in names else list(names) or ["donsker_varadhan"]


def chosen(names: Sequence[str]) -> list[Problem]:
    """The problems of these names; none: all.

    Raises:
        InputError: if a name is unknown.
    """
    known = {problem.name: problem for problem in PROBLEMS}
    for name in names:
        require_one_of("only", name, known, "; ")
    return [known[name] for name in names] if names else list(PROBLEMS)


def run(
    problem: Problem, marginals: str, seed: int = 0, bound: str = "donsker_varadhan"
) -> Iterator[tuple[str, Answer]]:
    """Estimate every pair of a problem and judge it against its truth: each pair with its answer."""
    config = settings(problem, marginals, bound)
    networks = StatisticsNetworks(config, shapes(problem, seed), seed, pairs=tuple(problem.truths))
    curves = mine.train(networks, lambda epoch: problem.draw(SAMPLES, generator(seed, "validate", epoch)), seed)
    optimum = optima(problem, config, seed)
    fits = curves.verdict_inputs(
        {
            pair: {"ceiling": problem.ceiling, "truth": truth, "optimum": optimum[pair]}
            for pair, truth in problem.truths.items()
        }
    )
    by_pair = len(curves.pairs), config.replicates
    found = zip(curves.pairs, verdict.outcome(fits).reshape(by_pair), fits["estimate"].reshape(by_pair), strict=True)
    for pair, outcomes, estimates in found:
        truth, estimate = problem.truths[pair], float(np.median(estimates))
        bias = "exploded" if "exploded" in outcomes else str(verdict.bias(estimate, truth))
        expected = problem.expectation(pair, marginals, bound)
        yield pair, Answer(truth, optimum[pair], estimate, tuple(outcomes.tolist()), bias, expected)


def shapes(problem: Problem, seed: int) -> dict[str, tuple[int, ...]]:
    """Of one sample of X and of each layer; of Y the number of classes."""
    fresh = problem.draw(SAMPLES, generator(seed, "shapes"))
    found: dict[str, tuple[int, ...]] = {name: values.shape[1:] for name, values in fresh.layers.items()}
    if fresh.x is not None:
        found["X"] = fresh.x.shape[1:]
    if fresh.y is not None:
        found["Y"] = (int(fresh.y.max()) + 1,)
    return found


def optima(problem: Problem, config: MineConfig, seed: int) -> dict[str, float]:
    """What the bound aims at, by pair, of fresh samples."""
    source, std = generator(seed, "validate target"), config.noise_std

    def noisy(samples: int) -> Samples:
        clean = problem.draw(samples, source)
        layers = {name: z + std * torch.randn(z.shape, generator=source) for name, z in clean.layers.items()}
        return Samples(clean.x, clean.y, layers)

    @functools.cache
    def contrasts(batch_size: int) -> dict[str, NDArray[np.float64]]:
        """Of each batch, by pair, from the log ratios of all of its pairs."""
        found: dict[str, list[float]] = {pair: [] for pair in problem.truths}
        for _ in range(_OPTIMUM_SAMPLES // batch_size**2):
            batch = noisy(batch_size)
            x, y = (None if v is None else v.repeat_interleave(batch_size, dim=0) for v in (batch.x, batch.y))
            layers = {name: z.repeat(batch_size, 1) for name, z in batch.layers.items()}
            for pair, ratio in problem.log_ratio(Samples(x, y, layers)).items():
                found[pair].append(contrast.value(ratio.view(batch_size, batch_size)))
        return {pair: np.array(values) for pair, values in found.items()}

    def known(pair: str, ratio: torch.Tensor) -> Known:
        def of_batches(batch_size: int) -> tuple[float, float]:
            values = contrasts(batch_size)[pair]
            return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))

        return Known(ratio.double().numpy(), (problem.truths[pair], 0.0), math.inf, of_batches)

    ratios = problem.log_ratio(noisy(_OPTIMUM_SAMPLES))
    return {pair: BOUNDS[config.bound].optimum(known(pair, ratio), config)[0] for pair, ratio in ratios.items()}


def report(names: Sequence[str], seed: int = 0, bounds: Sequence[str] = ("donsker_varadhan",)) -> bool:
    """Run problems by bound and marginals, print each answer as it comes; True if all that must, pass."""
    start, passed = time.monotonic(), []
    heading = f"{'truth':>7s} {'optimum':>7s} {'estimate':>8s} {'error':>7s}  verdict"
    print(f"{'problem and pair':38s} {'bound':16s} {'marginals':12s} {heading}")
    for problem, bound in itertools.product(chosen(names), bounds):
        kinds = ("permutation",) if BOUNDS[bound].all_pairs else ("permutation", "derangement", "independent")
        for marginals in kinds:
            shown = "all pairs" if BOUNDS[bound].all_pairs else marginals
            for pair, answer in run(problem, marginals, seed, bound):
                passed.append(answer.passed)
                print(f"{problem.name + ' ' + pair[2:]:38s} {bound:16s} {shown:12s} {_line(answer)}", flush=True)
    print(f"{sum(passed)} of {len(passed)} answers as expected, {time.monotonic() - start:.0f} s")
    return all(passed)


def _line(answer: Answer) -> str:
    line = (
        f"{answer.truth:7.3f} {answer.optimum:7.3f} {answer.estimate:8.3f} {answer.estimate - answer.truth:7.3f}  "
        f"{answer.bias} ({', '.join(answer.outcomes)})"
    )
    expected = " or ".join(answer.expected.allowed)
    if not answer.passed:
        return f"{line}  FAILED: expected {expected}"
    return line if expected == "within" else f"{line}; expected {expected}: {answer.expected.why}"
