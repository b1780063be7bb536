"""The plan of a sweep, beside its rows: which trials it means to run.

A plan is named by its content, so two sweeps at once into one folder both keep theirs, and a sweep that is run again
writes the same file.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from trainables.records import resultfiles
from trainables.sentences import in_a_line
from trainables.settings import InputError, TrialConfig, content_key, fields, flatten, key, stored, unflatten

FOLDER = "plans"
"""Folder of the plans, beside the tables."""

VERSION = 1
"""Raised when a plan's content changes."""


@dataclass(frozen=True)
class Plan:
    """The trials that one sweep runs."""

    study: str
    trials: tuple[TrialConfig, ...]
    search: str | None = None
    """Name of the search that chose the trials; None: the study's own grid."""
    expected: int = 0
    """Trials in all where a search still chooses them; never fewer than `trials`."""

    @property
    def total(self) -> int:
        """Trials that the sweep runs if nothing stops it."""
        return max(self.expected, len(self.trials))


def write(results: str, plan: Plan) -> None:
    """Put a plan beside the results; a search's plan is written again as it grows."""
    flat = [_plain(config) for config in plan.trials]
    base = flat[0] if flat else {}
    content = {
        "version": VERSION,
        "study": plan.study,
        "search": plan.search,
        "expected": plan.expected,
        "base": base,
        "changes": [{path: value for path, value in one.items() if value != base[path]} for one in flat],
    }
    name = _name(plan.search or f"{plan.study}-{content_key({'keys': sorted(map(key, plan.trials))})}")
    resultfiles.write_text(results, FOLDER, f"{name}.json", json.dumps(content, separators=(",", ":")))


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name.startswith("."):
        raise InputError(f"study is {name!r}; it must be of letters, digits, '_', '-' and '.'.")
    return name


def _plain(config: TrialConfig) -> dict[str, Any]:
    return {path: list(value) if isinstance(value, tuple) else value for path, value in flatten(config).items()}


class Found(NamedTuple):
    """Plans, and a sentence on every file that is none."""

    plans: list[Plan]
    problems: list[str]


def find(results: str) -> Found:
    """All plans of a results folder that can be read, by name; none where no sweep wrote one."""
    found = Found([], [])
    for name in sorted(resultfiles.written_at(results, FOLDER, ".json")):
        file = f"{FOLDER}/{name}.json"
        try:
            found.plans.append(_parse(json.loads(resultfiles.read_bytes(results, file))))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, InputError) as error:
            said = in_a_line(str(error)).rstrip(".")
            found.problems.append(
                f"a plan that this program cannot read, {in_a_line(file)} ({said}); delete it and run its sweep again."
            )
    return found


def read(results: str) -> list[Plan]:
    """All plans of a results folder, by name.

    Raises:
        InputError: if one cannot be read: it may be of another study.
    """
    plans, problems = find(results)
    if problems:
        raise InputError(f"results {results!r} holds {problems[0]}")
    return plans


def _parse(content: dict[str, Any]) -> Plan:
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}, not {VERSION}")
    plan = Plan(
        content["study"],
        tuple(unflatten(_present({**content["base"], **changes})) for changes in content["changes"]),
        content["search"],
        content["expected"],
    )
    kinds = {"study": str, "search": str | None, "expected": int}
    for name, kind in kinds.items():
        if not isinstance(content[name], kind):
            raise ValueError(f"{name} is {content[name]!r}")
    _name(plan.search or plan.study)
    return plan


def _present(flat: dict[str, Any]) -> dict[str, Any]:
    """Fields by their present names, which those of the network had not in version 1."""
    names = {stored(path): path for path in fields()}
    return {names.get(path, path): value for path, value in flat.items()}


def unfinished(plans: list[Plan], completed: set[str]) -> tuple[int, int]:
    """How many trials plans mean to run that have not completed, and how many they mean to run."""
    planned = {key(config) for plan in plans for config in plan.trials}
    more = sum(plan.total - len(plan.trials) for plan in plans)
    return len(planned - completed) + more, len(planned) + more
