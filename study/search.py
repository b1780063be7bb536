"""A search: configurations chosen one after another to minimise an objective, instead of a study's own grid.

What is searched, how a configuration is valued, and which came out best; `study.proposals` chooses them. A leaf of
`study`: neither torch, ray nor optuna is imported.

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
from trainables.settings import (
    InputError,
    TrialConfig,
    configuration_key,
    content_key,
    flatten,
    replace,
    short_name,
)


@dataclass(frozen=True)
class Objective:
    """What a search makes small or large: a function of a trial's rows in `estimates`, from 0 to 1."""

    direction: Literal["minimize", "maximize"]
    of_fits: Callable[[Any], float]

    @property
    def sign(self) -> int:
        """1 if less is better, else -1."""
        return 1 if self.direction == "minimize" else -1


OBJECTIVES = {
    "distance_to_truth": Objective("minimize", objectives.distance_to_truth),
    "instability": Objective("minimize", objectives.instability),
    "retained_information": Objective("maximize", objectives.retained_information),
}

Point = Mapping[str, Any]
"""A value for every axis of the space, by field path."""


@dataclass(frozen=True)
class SearchOptions:
    """Choose configurations one by one, instead of running the study's own."""

    search: Literal["optuna", "random"] | None = None
    """optuna (TPE) or random: choose configurations one by one; values given for a field replace or extend it."""
    trials: int | None = None
    """Budget of a search; each configuration runs with all S seeds, so these are trials / S configurations."""
    objective: tuple[Literal["distance_to_truth", "instability", "retained_information"], ...] = ("distance_to_truth",)
    """What a search minimises; with retained_information (kept high) beside it, the Pareto front is sought."""
    open_settings: bool = False
    """Search also what the paper leaves open: marginals, log-mean-exp, MINE's learning rate, batch size, ..."""
    search_seed: int = 0
    """Seed of the choices."""

    def __post_init__(self) -> None:
        if self.search is None:
            for name, default in (("trials", None), ("objective", ("distance_to_truth",)), ("search_seed", 0)):
                _require(getattr(self, name) == default, name, getattr(self, name), "left out without --search")
            _require(not self.open_settings, "open_settings", self.open_settings, "left out without --search")
            return
        if self.trials is None:
            raise InputError("trials is missing; with --search it must be given, and at least 1.")
        _require((self.trials or 0) >= 1, "trials", self.trials, "at least 1")
        _require(0 <= self.search_seed < 2**31, "search_seed", self.search_seed, "from 0 to 2^31 - 1")
        chosen = tuple(sorted(self.objective))
        alone: list[tuple[str, ...]] = [("distance_to_truth",), ("instability",)]
        allowed = alone + [(*one, "retained_information") for one in alone]
        one_of = "; ".join(" ".join(names) for names in allowed)
        _require(chosen in allowed, "objective", " ".join(self.objective), f"one of {one_of}")


def _require(satisfied: bool, field: str, value: object, allowed: str) -> None:
    if not satisfied:
        raise InputError(f"{field} is {value!r}; it must be {allowed}.")


@dataclass(frozen=True)
class Search:
    """One search: its space, its objectives, and its budget."""

    study: str
    method: str
    objectives: tuple[str, ...]
    base: TrialConfig
    """What the axes leave fixed."""
    axes: Mapping[str, tuple[Any, ...]]
    """Values by field path."""
    seeds: tuple[int, ...]
    configurations: int
    """Budget: how many configurations are evaluated, each with all the seeds."""
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

    def trials(self, point: Point) -> list[TrialConfig]:
        """The trials of a point, one a seed."""
        return [replace(self.base, {**point, "seed": seed}) for seed in self.seeds]

    def point(self, config: TrialConfig) -> dict[str, Any]:
        """A trial's values of the axes."""
        flat = flatten(config)
        return {path: flat[path] for path in self.axes}

    def label(self, config: TrialConfig) -> str:
        """A trial in a line: its values of the axes, and its seed."""
        return f"{label(self.point(config))} seed={config.seed}".strip()

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
        return [
            replace(config, {"seed": seed})
            for seed in self.seeds
            for config in grid(self.base, {path: self.axes[path] for path in deciding})
        ]


def plan(
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
    _require(len(seeds) > 0 and len(set(seeds)) == len(seeds), "seeds", seeds, "one or more different seeds")
    _require(
        options.trials % len(seeds) == 0, "trials", options.trials,
        f"a multiple of {len(seeds)}, the number of seeds, since every configuration runs with all of them",
    )  # fmt: skip
    values_of = {**PAPER_AXES, **(OPEN_AXES if options.open_settings else {}), **overrides}
    axes = {path: tuple(dict.fromkeys(values)) for path, values in values_of.items()}
    fixed = {path: values[0] for path, values in axes.items() if len(values) == 1}
    axes = {path: values for path, values in axes.items() if len(values) > 1}
    first = {path: values[0] for path, values in axes.items()}
    base = replace(study.configurations[0], {**fixed, **first, "seed": seeds[0]})
    for seed in seeds:
        replace(base, {"seed": seed})
    # A value's range depends on one other field at most, so pairs find whatever is out of range.
    for paths in [*itertools.combinations(axes, 1), *itertools.combinations(axes, 2)]:
        grid(base, {path: axes[path] for path in paths})
    objectives = tuple(name for name in OBJECTIVES if name in options.objective)
    budget = options.trials // len(seeds)
    return Search(study.name, options.search, objectives, base, axes, seeds, budget, options.search_seed)


def headline(search: Search) -> list[str]:
    """What will be searched, in lines."""
    aims = ", ".join(f"{'low' if OBJECTIVES[n].direction == 'minimize' else 'high'} {n}" for n in search.objectives)
    axes = [f"  {path}: {', '.join(map(str, values))}" for path, values in search.axes.items()]
    return [
        f"search {search.name}: {aims}",
        f"{search.configurations} configurations x {len(search.seeds)} seeds = "
        f"{search.configurations * len(search.seeds)} trials, out of {search.size} points:",
        *axes,
    ]


def sample(search: Search) -> list[TrialConfig]:
    """The trials of as many points, drawn by chance: what the search may cost."""
    chance = np.random.default_rng(search.seed)
    points = [next(search.points(int(start))) for start in chance.integers(search.size, size=search.configurations)]
    return [config for point in points for config in search.trials(point)]


@dataclass(frozen=True)
class Valued:
    """A point of the space with its value for every seed."""

    point: Point
    per_seed: np.ndarray
    """Shape (seeds, objectives)."""
    verdicts: str = ""
    """Shares of its fits by verdict: a low distance to the truth of unsettled fits is one that they were passing."""

    @property
    def values(self) -> tuple[float, ...]:
        """Mean over seeds of each objective."""
        return tuple(map(float, self.per_seed.mean(axis=0)))


def value(search: Search, point: Point, results: str) -> Valued:
    """A point's value from its trials' rows, all of which must be completed."""
    trials = [records.read_trial(results, "estimates", config).to_pandas() for config in search.trials(point)]
    per_seed = np.array([[OBJECTIVES[name].of_fits(fits) for name in search.objectives] for fits in trials])
    return Valued(point, per_seed, verdict.shares(np.concatenate([verdict.outcome(fits) for fits in trials])))


def best(search: Search, valued: Sequence[Valued]) -> list[Valued]:
    """The point of the least value, or with two objectives the Pareto front, by its first objective."""
    signs = np.array([OBJECTIVES[name].sign for name in search.objectives])
    losses = [signs * one.values for one in valued]

    def dominated(loss: np.ndarray) -> bool:
        return any((other <= loss).all() and (other < loss).any() for other in losses)

    front = [one for one, loss in zip(valued, losses, strict=True) if not dominated(loss)]
    front.sort(key=lambda one: tuple(signs * one.values))
    return front[:1] if len(search.objectives) == 1 else front


def label(point: Point) -> str:
    """A point in a line.

    >>> label({"mine.architecture": 2, "mine.noise_std": 0.3})
    'architecture=2 noise_std=0.3'
    """
    return " ".join(f"{short_name(path)}={one}" for path, one in point.items())


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
