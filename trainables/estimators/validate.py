"""Known answers: the engine of a trial on problems whose mutual information is known."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from trainables import verdict
from trainables.bounds import BOUNDS
from trainables.draws import generator
from trainables.errors import require_one_of
from trainables.estimators import mine
from trainables.estimators.mine import Samples
from trainables.estimators.problems import PROBLEMS, Expectation, Problem
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import MineConfig

SAMPLES = 10_000
"""Fresh samples per epoch."""

_OPTIMUM_SAMPLES = 1_000_000
"""Samples for the permutation's optimum, a mean over the known log-ratio: its error is below 0.01 nats."""


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


def settings(problem: Problem, marginals: str) -> MineConfig:
    """MINE's settings on a problem: architecture 1 with two hidden layers, Adam, batch 100."""
    return MineConfig(
        architecture=1,
        hidden_layers=2,
        hidden_units=problem.hidden_units,
        noise_std=problem.noise_std,
        marginals=marginals,  # type: ignore[arg-type]  # checked by MineConfig
        epochs=problem.epochs,
        learning_rate=1e-3,
        replicates=2,
    )


def chosen(names: Sequence[str]) -> list[Problem]:
    """The problems of these names; none: all.

    Raises:
        InputError: if a name is unknown.
    """
    known = {problem.name: problem for problem in PROBLEMS}
    for name in names:
        require_one_of("only", name, known, "; ")
    return [known[name] for name in names] if names else list(PROBLEMS)


def run(problem: Problem, marginals: str, seed: int = 0) -> Iterator[tuple[str, Answer]]:
    """Estimate every pair of a problem and judge it against its truth: each pair with its answer."""
    config = settings(problem, marginals)
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
        expected = problem.expectation(pair, marginals)
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
    """What the bound aims at, by pair; of fresh samples those of a derangement are independent."""
    marginals = "permutation" if config.marginals == "permutation" else "independent"
    source = generator(seed, "validate target")
    clean = problem.draw(_OPTIMUM_SAMPLES, source)
    layers = {name: z + config.noise_std * torch.randn(z.shape, generator=source) for name, z in clean.layers.items()}
    return {
        pair: BOUNDS[config.bound].optimum(ratio.double().numpy(), problem.truths[pair], marginals, config.batch_size)
        for pair, ratio in problem.log_ratio(Samples(clean.x, clean.y, layers)).items()
    }


def report(names: Sequence[str], seed: int = 0) -> bool:
    """Run problems under every kind of marginals, print each answer as it comes; True if all that must, pass."""
    start, passed = time.monotonic(), []
    heading = f"{'truth':>7s} {'optimum':>7s} {'estimate':>8s} {'error':>7s}  verdict"
    print(f"{'problem and pair':38s} {'marginals':12s} {heading}")
    for problem in chosen(names):
        for marginals in ("permutation", "derangement", "independent"):
            for pair, answer in run(problem, marginals, seed):
                passed.append(answer.passed)
                print(f"{problem.name + ' ' + pair[2:]:38s} {marginals:12s} {_line(answer)}")
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
