"""A search: configurations chosen one after another to minimise an objective, instead of a study's own grid.

This module says what is searched, how a configuration is valued, and which came out best; `study.searcher` chooses
them. It imports neither torch, ray nor optuna.

A search's budget counts trials. Every configuration that is chosen runs with all the seeds, and its value is the mean
over them, so a lucky seed does not make a winner; N trials with S seeds are N / S configurations. The winner is still
the least of many noisy values, hence too good: it must be confirmed on seeds that the search has not seen.
"""

import itertools
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from study.space import OPEN_AXES, PAPER_AXES, Study, grid
from trainables import objectives, records, verdict
from trainables.errors import require
from trainables.settings import InputError, TrialConfig, configuration_key, content_key, flatten, in_words, replace

OBJECTIVES: Mapping[str, tuple[int, Callable[[Any], float]]] = {
    "distance_to_truth": (1, objectives.distance_to_truth),
    "instability": (1, objectives.instability),
    "retained_information": (-1, objectives.retained_information),
}
"""What a search makes small (1) or large (-1): a function of a trial's rows in `estimates`, from 0 to 1."""

Point = Mapping[str, Any]
"""A value for every axis of the space, by field path."""


@dataclass(frozen=True)
class SearchOptions:
    """Choose configurations one by one, instead of running the study's own."""

    search: Literal["optuna", "random"] | None = None
    """optuna (TPE) or random: choose configurations one by one; values given for a field replace or extend it."""
    trials: int | None = None
    """Budget of a search; each configuration runs with all S seeds, so these are trials / S configurations."""
    objective: tuple[Literal[tuple(OBJECTIVES)], ...] = ("distance_to_truth",)  # type: ignore[valid-type]  # a constant
    """What a search minimises; together with retained_information (kept high), the Pareto front is sought."""
    open_settings: bool = False
    """Search also what the paper leaves open: marginals, log-mean-exp, MINE's learning rate, batch size, ..."""

    def __post_init__(self) -> None:
        if self.search is None:
            for name in ("trials", "objective", "open_settings"):
                value = getattr(self, name)
                require(value == getattr(type(self), name), name, value, "left out without --search")
            return
        if self.trials is None:
            raise InputError("trials is missing; with --search it must be given, and at least 1.")
        require(self.trials >= 1, "trials", self.trials, "at least 1")
        alone: list[tuple[str, ...]] = [("distance_to_truth",), ("instability",)]
        allowed = alone + [(*one, "retained_information") for one in alone]
        one_of = "; ".join(" ".join(names) for names in allowed)
        require(tuple(sorted(self.objective)) in allowed, "objective", " ".join(self.objective), f"one of {one_of}")


@dataclass(frozen=True)
class Search:
    """One search: its space, its objectives, and its budget.

    Attributes:
        base: what the axes leave fixed.
        axes: values by field path.
        configurations: the budget: how many are evaluated, each with all the seeds.
        seed: of the choices.
    """

    study: str
    method: str
    objectives: tuple[str, ...]
    base: TrialConfig
    axes: Mapping[str, tuple[Any, ...]]
    seeds: tuple[int, ...]
    configurations: int
    seed: int = 0

    @property
    def name(self) -> str:
        """A name for all that decides the choices; the budget may grow under the same name."""
        decided: dict[str, Any] = {"base": configuration_key(self.base), "axes": dict(self.axes), "seeds": self.seeds}
        decided |= {"objectives": self.objectives, "seed": self.seed}
        return f"{self.study}-{self.method}-{'-'.join(self.objectives)}-{content_key(decided)[:8]}"

    @property
    def size(self) -> int:
        """Points of the space."""
        return math.prod(len(values) for values in self.axes.values())

    @property
    def total(self) -> int:
        """Trials of the whole budget."""
        return self.configurations * len(self.seeds)

    @property
    def signs(self) -> np.ndarray:
        """Per objective, 1 if less is better, else -1."""
        return np.array([OBJECTIVES[name][0] for name in self.objectives])

    def trials(self, point: Point) -> list[TrialConfig]:
        """The trials of a point, one per seed."""
        return [replace(self.base, {**point, "seed": seed}) for seed in self.seeds]

    def point(self, config: TrialConfig) -> dict[str, Any]:
        """A trial's values of the axes."""
        flat = flatten(config)
        return {path: flat[path] for path in self.axes}

    def label(self, config: TrialConfig) -> str:
        """A trial in a line: its seed, and its values of the axes."""
        return in_words({"seed": config.seed, **self.point(config)})

    def points(self, start: int = 0) -> Iterator[Point]:
        """Every point once, from the given place of the order on, and round again."""
        lengths = [len(values) for values in self.axes.values()]
        for place in range(self.size):
            indices = np.unravel_index((start + place) % self.size, lengths) if lengths else ()
            yield {path: values[i] for (path, values), i in zip(self.axes.items(), indices, strict=True)}

    def shared(self) -> list[TrialConfig]:
        """Trials that between them need every network and every truth that the search may ask for."""
        deciding = [path for path in self.axes if not path.startswith("mine.")]
        deciding += [path for path in ("mine.noise_std", "mine.samples") if path in self.axes]
        made = grid(self.base, {path: self.axes[path] for path in deciding})
        return [replace(config, {"seed": seed}) for seed in self.seeds for config in made]

    def sample(self) -> list[TrialConfig]:
        """The trials of as many points as the budget has, drawn by chance: what the search may cost."""
        chance = np.random.default_rng(self.seed)
        starts = chance.integers(self.size, size=self.configurations)
        return [config for start in starts for config in self.trials(next(self.points(int(start))))]


def make(
    study: Study, options: SearchOptions, overrides: Mapping[str, Sequence[Any]], seeds: Sequence[int] | None
) -> Search:
    """The search that the options describe.

    Args:
        overrides: values by field; several make or replace an axis, one fixes the field.
        seeds: in place of the study's own.

    Raises:
        InputError: if a value is out of range, seeds are not given or twice the same, or the budget is not a whole
            number of configurations.
    """
    assert options.search is not None and options.trials is not None, "checked by the caller and by SearchOptions"
    seeds = tuple(study.seeds if seeds is None else seeds)
    require(len(seeds) > 0 and len(set(seeds)) == len(seeds), "seeds", seeds, "one or more different seeds")
    require(
        options.trials % len(seeds) == 0, "trials", options.trials,
        f"a multiple of {len(seeds)}, the number of seeds, since every configuration runs with all of them",
    )  # fmt: skip
    values_of = {**PAPER_AXES, **(OPEN_AXES if options.open_settings else {}), **overrides}
    axes = {path: tuple(dict.fromkeys(values)) for path, values in values_of.items()}
    base = replace(study.configurations[0], {path: values[0] for path, values in axes.items()}).with_sources()
    axes = {path: values for path, values in axes.items() if len(values) > 1}
    for seed in reversed(seeds):
        base = replace(base, {"seed": seed})
    # A value's range depends on one other field at most, so pairs find whatever is out of range.
    for paths in [*itertools.combinations(axes, 1), *itertools.combinations(axes, 2)]:
        grid(base, {path: axes[path] for path in paths})
    objectives = tuple(name for name in OBJECTIVES if name in options.objective)
    return Search(study.name, options.search, objectives, base, axes, seeds, options.trials // len(seeds))


def headline(search: Search) -> list[str]:
    """What will be searched, in lines."""
    aims = ", ".join(f"{'low' if OBJECTIVES[name][0] == 1 else 'high'} {name}" for name in search.objectives)
    return [
        f"search {search.name}: {aims}",
        f"{search.configurations} configurations x {len(search.seeds)} seeds = {search.total} trials, "
        f"out of {search.size} points:",
        *(f"  {path}: {', '.join(map(str, values))}" for path, values in search.axes.items()),
    ]


@dataclass(frozen=True)
class Valued:
    """A point of the space with its value for every seed.

    Attributes:
        per_seed: shape (seeds, objectives).
        verdicts: shares of its fits by outcome: unsettled fits may only be passing the truth.
    """

    point: Point
    per_seed: np.ndarray
    verdicts: str = ""

    @property
    def values(self) -> tuple[float, ...]:
        """Mean over seeds of each objective."""
        return tuple(map(float, self.per_seed.mean(axis=0)))


def value(search: Search, point: Point, results: str) -> Valued:
    """A point's value from its trials' rows, all of which must be completed."""
    trials = [records.read_trial(results, "estimates", config).to_pandas() for config in search.trials(point)]
    per_seed = np.array([[OBJECTIVES[name][1](fits) for name in search.objectives] for fits in trials])
    return Valued(point, per_seed, verdict.shares(np.concatenate([verdict.outcome(fits) for fits in trials])))


def best(search: Search, valued: Sequence[Valued]) -> list[Valued]:
    """The point of the least value, or with two objectives the Pareto front, by its first objective."""
    losses = [search.signs * one.values for one in valued]

    def dominated(loss: np.ndarray) -> bool:
        return any((other <= loss).all() and (other < loss).any() for other in losses)

    front = [one for one, loss in zip(valued, losses, strict=True) if not dominated(loss)]
    front.sort(key=lambda one: tuple(search.signs * one.values))
    return front[:1] if len(search.objectives) == 1 else front


def confirmation(search: Search, study: Study, point: Point, results: str) -> str:
    """The command that evaluates a point on as many seeds that the search has not seen."""
    winner, usual = flatten(search.trials(point)[0]), flatten(study.configurations[0])
    flags = []
    for path, chosen in winner.items():
        if path != "seed" and (chosen != usual[path] or path in PAPER_AXES):
            shown = shlex.join(map(str, chosen if isinstance(chosen, tuple) else (chosen,)))
            flags.append(f"--{path.replace('_', '-')} {shown}")
    unseen = range(max(search.seeds) + 1, max(search.seeds) + 1 + max(3, len(search.seeds)))
    objective = f" --objective {' '.join(search.objectives)}" if search.objectives != ("distance_to_truth",) else ""
    return (
        f"mine-study sweep {search.study} --search random --trials {len(unseen)}{objective} "
        f"--seeds {' '.join(map(str, unseen))} {' '.join(flags)} --results {results}"
    )
