"""The plan of a sweep, beside its rows: which trials it means to run.

A plan is named by its content, so two sweeps at once into one folder both keep theirs, and a sweep that is run again
writes the same file.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import pyarrow.fs

from trainables.records import files
from trainables.records.layout import PLANS
from trainables.sentences import in_a_line
from trainables.settings import InputError, TrialConfig, content_key, fields, flatten, key, stored, unflatten

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
    """Put a plan beside the results; a search's plan is written again as it grows.

    Raises:
        InputError: if its name would leave the folder.
    """
    flat = [flatten(config) for config in plan.trials]
    base = flat[0] if flat else {}
    content = {
        "version": VERSION,
        "study": plan.study,
        "search": plan.search,
        "expected": plan.expected,
        "base": base,
        "changes": [{path: value for path, value in one.items() if value != base[path]} for one in flat],
    }
    name = _checked(plan.search or f"{plan.study}-{content_key({'keys': sorted(map(key, plan.trials))})}")
    store, root = files.filesystem(results)
    files.write_bytes(store, f"{root}/{PLANS}/{name}.json", json.dumps(content, separators=(",", ":")).encode())


def _checked(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name.startswith("."):
        raise InputError(f"study is {name!r}; it must be of letters, digits, '_', '-' and '.'.")
    return name


def find(results: str) -> tuple[list[Plan], list[str]]:
    """All plans of a results folder that can be read, by name, and a sentence on every file that cannot."""
    found, problems = list[Plan](), list[str]()
    store, root = files.filesystem(results)
    for info in files.named(store, f"{root}/{PLANS}", ".json"):
        if info.type != pyarrow.fs.FileType.File:
            continue
        try:
            with store.open_input_stream(info.path) as stream:
                found.append(_parse(json.loads(stream.read())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, InputError) as error:
            file, said = in_a_line(f"{PLANS}/{info.base_name}"), in_a_line(str(error)).rstrip(".")
            problems.append(
                f"a plan that this program cannot read, {file} ({said}); delete it and run its sweep again."
            )
    return found, problems


def read(results: str) -> list[Plan]:
    """All plans of a results folder, by name.

    Raises:
        InputError: if one cannot be read: it may be of another study.
    """
    found, problems = find(results)
    if problems:
        raise InputError(f"results {results!r} holds {problems[0]}")
    return found


def _parse(content: dict[str, Any]) -> Plan:
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}, not {VERSION}")
    for name, kind in {"study": str, "search": str | None, "expected": int}.items():
        if not isinstance(content[name], kind):
            raise ValueError(f"{name} is {content[name]!r}")
    _checked(content["search"] or content["study"])
    present = {stored(path): path for path in fields()}  # version 1 has other names for the network's fields
    trials = tuple(
        unflatten({present.get(path, path): value for path, value in {**content["base"], **changes}.items()})
        for changes in content["changes"]
    )
    return Plan(content["study"], trials, content["search"], content["expected"])


def unfinished(plans: list[Plan], completed: set[str]) -> tuple[int, int]:
    """How many trials plans mean to run that have not completed, and how many they mean to run."""
    planned = {key(config) for plan in plans for config in plan.trials}
    more = sum(plan.total - len(plan.trials) for plan in plans)
    return len(planned - completed) + more, len(planned) + more
