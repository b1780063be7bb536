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
from trainables.estimators import mine
from trainables.estimators.mine import Samples
from trainables.estimators.problems import PROBLEMS, Problem
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.optima import Known
from trainables.settings import InputError, MineConfig

SAMPLES = 10_000
"""Fresh samples an epoch."""

_OPTIMUM_SAMPLES = 1_000_000
"""Samples for the permutation's optimum, a mean over the known log-ratio: its error is below 0.01 nats."""


@dataclass(frozen=True)
class Answer:
    """One pair under one bound and one kind of marginals ("" where it takes none); values in nats."""

    problem: str
    pair: str
    bound: str
    marginals: str
    truth: float
    optimum: float
    estimate: float
    outcomes: tuple[str, ...]
    bias: str
    expected: str
    passed: bool
    why: str


def settings(problem: Problem, marginals: str, bound: str = "donsker_varadhan") -> MineConfig:
    """MINE's settings on a problem: architecture 1 with two hidden layers, Adam, batch 100.

    A bound on all pairs has the separable critic: the joint one would take a hundred times the others' products.
    """
    all_pairs = BOUNDS[bound].all_pairs
    return MineConfig(
        architecture=1,
        bound=bound,
        critic="separable" if all_pairs else "joint",
        hidden_layers=2,
        hidden_units=problem.hidden_units,
        noise_std=problem.noise_std,
        marginals="permutation" if all_pairs else marginals,  # type: ignore[arg-type]  # checked by MineConfig
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
        if name not in (*BOUNDS, "all"):
            raise InputError(f"bounds is {name!r}; it must be all, or one of {', '.join(BOUNDS)}.")
    return list(BOUNDS) if "all" in names else list(names) or ["donsker_varadhan"]


def chosen(names: Sequence[str]) -> list[Problem]:
    """The problems of these names; none: all.

    Raises:
        InputError: if a name is unknown.
    """
    known = {problem.name: problem for problem in PROBLEMS}
    for name in names:
        if name not in known:
            raise InputError(f"only is {name!r}; it must be one of {'; '.join(known)}.")
    return [known[name] for name in names] if names else list(PROBLEMS)


def run(problem: Problem, marginals: str, seed: int = 0, bound: str = "donsker_varadhan") -> Iterator[Answer]:
    """Estimate every pair of a problem and judge it against its truth."""
    config = settings(problem, marginals, bound)
    fresh = problem.draw(SAMPLES, generator(seed, "shapes"))
    shapes: dict[str, tuple[int, ...]] = {name: values.shape[1:] for name, values in fresh.layers.items()}
    if fresh.x is not None:
        shapes["X"] = fresh.x.shape[1:]
    if fresh.y is not None:
        shapes["Y"] = (int(fresh.y.max()) + 1,)
    networks = StatisticsNetworks(config, shapes, seed, pairs=tuple(problem.truths))
    curves = mine.train(networks, lambda epoch: problem.draw(SAMPLES, generator(seed, "validate", epoch)), seed)
    optima = _optima(problem, config, seed)
    known = {
        pair: {"ceiling": problem.ceiling, "truth": truth, "optimum": optima[pair]}
        for pair, truth in problem.truths.items()
    }
    fits = curves.verdict_inputs(known)
    shape = len(curves.pairs), config.replicates
    found = zip(curves.pairs, verdict.outcome(fits).reshape(shape), fits["estimate"].reshape(shape), strict=True)
    for pair, outcomes, estimates in found:
        estimate = float(np.median(estimates))
        bias = "exploded" if "exploded" in outcomes else str(verdict.bias(estimate, problem.truths[pair]))
        expected = problem.expectation(pair, marginals, bound)
        yield Answer(
            problem.name, pair, bound, marginals, problem.truths[pair], optima[pair], estimate,
            tuple(outcomes.tolist()), bias, " or ".join(expected.allowed), bias in expected.allowed, expected.why,
        )  # fmt: skip


def _optima(problem: Problem, config: MineConfig, seed: int) -> dict[str, float]:
    """What the bound aims at, of fresh samples."""
    source = generator(seed, "validate target")

    def noisy(samples: int) -> Samples:
        clean = problem.draw(samples, source)
        layers = {
            name: z + config.noise_std * torch.randn(z.shape, generator=source) for name, z in clean.layers.items()
        }
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
    """Run problems under every kind of marginals, print each answer as it comes; True if all that must, pass."""
    start, failed, shown = time.monotonic(), 0, 0
    heading = f"{'truth':>7s} {'optimum':>7s} {'estimate':>8s} {'error':>7s}  verdict"
    print(f"{'problem and pair':38s} {'bound':16s} {'marginals':12s} {heading}")
    for problem, bound in itertools.product(chosen(names), bounds):
        for marginals in ("",) if BOUNDS[bound].all_pairs else ("permutation", "derangement", "independent"):
            for answer in run(problem, marginals, seed, bound):
                failed, shown = failed + (not answer.passed), shown + 1
                print(_line(answer), flush=True)
    print(f"{shown - failed} of {shown} answers as expected, {time.monotonic() - start:.0f} s")
    return failed == 0


def _line(answer: Answer) -> str:
    error = answer.estimate - answer.truth
    line = (
        f"{answer.problem + ' ' + answer.pair[2:]:38s} {answer.bound:16s} {answer.marginals:12s} {answer.truth:7.3f} "
        f"{answer.optimum:7.3f} {answer.estimate:8.3f} {error:7.3f}  {answer.bias} ({', '.join(answer.outcomes)})"
    )
    if not answer.passed:
        return f"{line}  FAILED: expected {answer.expected}"
    return line if answer.expected == "within" else f"{line}; expected {answer.expected}: {answer.why}"
