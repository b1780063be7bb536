"""Spaces of configurations: grids over fields, overrides, and the trials they make with seeds."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainables.errors import require
from trainables.records import plans
from trainables.settings import InputError, TrialConfig, fields, flatten, key, replace, setting

PAPER_AXES: Mapping[str, tuple[Any, ...]] = {
    "mine.architecture": (1, 2, 3),
    "mine.noise_std": (0.0, 0.5, 1.0, 2.0, 4.0),
    "mine.hidden_units": (10, 20, 100),
    "mine.transfer_mode": ("reinit", "finetune"),
}
"""What the paper varies."""

OPEN_AXES: Mapping[str, tuple[Any, ...]] = {
    "mine.marginals": ("permutation", "derangement", "independent"),
    "mine.log_mean_exp": ("naive", "stable"),
    "mine.gradient_correction": ("none", "moving_average"),
    "mine.optimizer": ("adam", "sgd"),
    "mine.learning_rate": (1e-4, 3e-4, 1e-3, 3e-3),
    "mine.batch_size": (32, 100, 256),
}
"""What the paper leaves open, and a search may choose."""


@dataclass(frozen=True)
class Study:
    """A named experiment: configurations, each run with every seed."""

    name: str
    description: str
    configurations: tuple[TrialConfig, ...]
    """Their own seed is not used."""
    seeds: tuple[int, ...]


def grid(base: TrialConfig, axes: Mapping[str, Sequence[Any]]) -> tuple[TrialConfig, ...]:
    """All combinations of values on a base, the last axis fastest.

    Raises:
        InputError: on an unknown field or a value out of range.
    """
    combinations = itertools.product(*axes.values())
    return tuple(replace(base, dict(zip(axes, values, strict=True))) for values in combinations)


def trials(
    study: Study, overrides: Mapping[str, Sequence[Any]], seeds: Iterable[int] | None = None
) -> list[TrialConfig]:
    """The trials of a study, each once, seed by seed, so that an early stop leaves whole seeds.

    Args:
        overrides: values by field, in place of the study's own in every configuration; several are all run.
        seeds: in place of the study's own.

    Raises:
        InputError: if a value is out of range, or the seeds are negative or none.
    """
    chosen = tuple(study.seeds if seeds is None else seeds)
    require(len(chosen) > 0, "seeds", chosen, "one or more seeds")
    made = [one for base in study.configurations for one in grid(base, overrides)]
    planned = [replace(one, {"seed": seed}) for seed in chosen for one in made]
    return list({key(config): config for config in planned}.values())


def heading(study: Study, overrides: Mapping[str, Sequence[Any]]) -> str:
    """A line on what a study runs: its own description only where nothing is overridden.

    >>> demo = Study("demo", "Both side by side.", (TrialConfig(),), (0,))
    >>> heading(demo, {}), heading(demo, {"data.name": ("digits",)})
    ('study demo: Both side by side.', 'study demo, with data.name digits in place of its own')
    """
    changed = "; ".join(f"{path} {', '.join(map(setting, values))}" for path, values in overrides.items())
    return f"study {study.name}" + (f", with {changed} in place of its own" if changed else f": {study.description}")


def check_folder(results: str, study: Study, planned: Iterable[TrialConfig]) -> None:
    """Refuse to put two different studies into one folder.

    Two sweeps are of the same study if they have its name and differ only in the seed, in fields that the study itself
    varies, or in that one has more values of a field than the other.

    Raises:
        InputError: if the folder holds another study, or this one with other values of a field that it fixes, or a
            plan that cannot be read.
    """
    now = _values(planned)
    varied = {path for path, values in _values(study.configurations).items() if len(values) > 1}
    for before in plans.read(results):
        if before.study != study.name:
            raise InputError(
                f"study is {study.name!r}; it must be {before.study!r}, which results {results!r} holds already, or "
                "--results another folder."
            )
        then = _values(before.trials)
        for path in fields() if before.search is None else ():
            nested = then[path] <= now[path] or now[path] <= then[path]
            if path not in ("seed", "data.root", *varied) and not nested:
                raise InputError(
                    f"{path} is {_listed(now[path])}; it must be {_listed(then[path])}, as in the study {study.name} "
                    f"that results {results!r} holds already, or --results another folder."
                )


def _values(configurations: Iterable[TrialConfig]) -> dict[str, set[Any]]:
    """The values of each field."""
    flat = list(map(flatten, configurations))
    return {path: {one[path] for one in flat} for path in fields()}


def _listed(values: set[Any]) -> str:
    return ", ".join(sorted(map(str, values)))
