"""Fields by path (`mine.noise_std`): the command-line flag, the search-space key and the Parquet column."""

import ast
import dataclasses
import functools
import inspect
import itertools
import operator
import typing
from collections.abc import Mapping
from typing import Any

from trainables.errors import require_one_of
from trainables.settings.trial_config import TrialConfig


@functools.cache
def fields() -> dict[str, Any]:
    """Every field of a trial: path to type, in order."""
    paths: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(TrialConfig).items():
        if dataclasses.is_dataclass(kind):
            paths.update({f"{name}.{leaf}": hint for leaf, hint in typing.get_type_hints(kind).items()})
        else:
            paths[name] = kind
    return paths


@functools.cache
def descriptions() -> dict[str, str]:
    """The docstring under each field: path to text."""
    sections = {f"{name}.": kind for name, kind in typing.get_type_hints(TrialConfig).items()} | {"": TrialConfig}
    texts: dict[str, str] = {}
    for prefix, kind in sections.items():
        if dataclasses.is_dataclass(kind):
            body = typing.cast(ast.ClassDef, ast.parse(inspect.getsource(typing.cast(type, kind))).body[0]).body
            for statement, following in itertools.pairwise(body):
                if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
                    texts[prefix + ast.unparse(statement.target)] = ast.literal_eval(following.value)
    return texts


def flatten(config: TrialConfig) -> dict[str, Any]:
    """The configuration as one level: path to value."""
    return {path: operator.attrgetter(path)(config) for path in fields()}


def unflatten(flat: Mapping[str, Any]) -> TrialConfig:
    """The inverse of `flatten`; paths that are left out keep their defaults.

    Raises:
        InputError: on an unknown path or a value out of range.
    """
    return replace(TrialConfig(), flat)


def replace(config: TrialConfig, changes: Mapping[str, Any]) -> TrialConfig:
    """The configuration with some fields changed, by path.

    Raises:
        InputError: on an unknown path or a value out of range.
    """
    top: dict[str, Any] = {}
    inside: dict[str, dict[str, Any]] = {}
    for path, value in changes.items():
        require_one_of("configuration field", path, fields())
        section, _, leaf = path.rpartition(".")
        (inside.setdefault(section, {}) if section else top)[leaf] = value
    changed = {name: dataclasses.replace(getattr(config, name), **values) for name, values in inside.items()}
    return dataclasses.replace(config, **top, **changed)


def short_name(path: str) -> str:
    """A field's path without its section, unless another field has the same last part (`mine.batch_size`)."""
    last = path.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in fields()) < 2 else path
