"""Fields by path (`mine.noise_std`): the command-line flag, the search-space key and the Parquet column."""

import ast
import dataclasses
import functools
import inspect
import textwrap
import typing
from collections.abc import Mapping
from typing import Any

from trainables.errors import require
from trainables.settings.fields import TrialConfig


@functools.cache
def fields() -> dict[str, Any]:
    """Every field of a trial: path to type, in order.

    >>> list(fields())[:3]
    ['seed', 'data.name', 'data.root']
    """
    paths: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(TrialConfig).items():
        if dataclasses.is_dataclass(kind):
            paths.update({f"{name}.{leaf}": hint for leaf, hint in typing.get_type_hints(kind).items()})
        else:
            paths[name] = kind
    return paths


@functools.cache
def descriptions() -> dict[str, str]:
    """The docstring that stands under each field: path to text."""
    texts: dict[str, str] = {}
    sections: dict[str, Any] = {"": TrialConfig}
    for name, kind in typing.get_type_hints(TrialConfig).items():
        if dataclasses.is_dataclass(kind):
            sections[f"{name}."] = kind
    for prefix, section in sections.items():
        body: list[Any] = ast.parse(textwrap.dedent(inspect.getsource(section))).body
        body = body[0].body
        for statement, following in zip(body, body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
                texts[prefix + ast.unparse(statement.target)] = ast.literal_eval(following.value)
    return texts


def flatten(config: TrialConfig) -> dict[str, Any]:
    """The configuration as one level: path to value.

    >>> flatten(TrialConfig())["mine.hidden_units"]
    10
    """
    flat: dict[str, Any] = {}
    for path in fields():
        value: Any = config
        for name in path.split("."):
            value = getattr(value, name)
        flat[path] = value
    return flat


def unflatten(flat: Mapping[str, Any]) -> TrialConfig:
    """The inverse of `flatten`; paths that are left out keep their defaults.

    Raises:
        InputError: on an unknown path or a value out of range.
    """
    return replace(TrialConfig(), flat)


def replace(config: TrialConfig, changes: Mapping[str, Any]) -> TrialConfig:
    """The configuration with some fields changed, by path.

    >>> replace(TrialConfig(), {"mine.hidden_units": 20, "seed": 1}).mine.hidden_units
    20

    Raises:
        InputError: on an unknown path or a value out of range.
    """
    for path in changes:
        require(path in fields(), "configuration field", path, f"one of {', '.join(fields())}")
    top: dict[str, Any] = {}
    for path, value in changes.items():
        section, _, leaf = path.partition(".")
        if leaf:
            top.setdefault(section, {})[leaf] = value
        else:
            top[section] = value
    sections = {
        name: dataclasses.replace(getattr(config, name), **value) if isinstance(value, dict) else value
        for name, value in top.items()
    }
    return dataclasses.replace(config, **sections)


def short_name(path: str) -> str:
    """A field's path without its section, but where another field of the configuration has the same last part.

    >>> short_name("mine.noise_std"), short_name("mine.batch_size")
    ('noise_std', 'mine.batch_size')
    """
    last = path.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in fields()) < 2 else path
