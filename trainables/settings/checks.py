"""Types and ranges of the fields, held when a configuration is made."""

import functools
import math
import sys
import typing
from typing import Any, Literal

from trainables.errors import require, require_one_of


def positive(path: str, value: float) -> None:
    require(math.isfinite(value) and value > 0, path, value, "a finite number above 0")


@functools.cache
def _hints(section: Any) -> dict[str, Any]:
    return typing.get_type_hints(section)


def check(section: Any, prefix: str, **least: int) -> None:
    """Hold every field of a frozen dataclass to its type and its least value; an int for a float becomes a float."""
    for name, kind in _hints(typing.cast(Any, type(section))).items():
        path, value = f"{prefix}.{name}".lstrip("."), getattr(section, name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            require(abs(value) <= sys.float_info.max, path, value, "a number that float64 holds")
            object.__setattr__(section, name, float(value))
        elif typing.get_origin(kind) is tuple:
            require(isinstance(value, list | tuple | set), path, value, "a list or a tuple")
            object.__setattr__(section, name, tuple(value))
            for item in value:
                _value(path, item, typing.get_args(kind)[0])
        else:
            _value(path, value, kind)
        if name in least and value is not None:
            or_all = ", or None for all" if kind == int | None else ""
            require(value >= least[name], path, value, f"at least {least[name]}{or_all}")


def _value(path: str, value: object, kind: Any) -> None:
    allowed = typing.get_args(kind) or (kind,)
    if typing.get_origin(kind) is Literal:
        return require_one_of(path, value, allowed)
    require(not isinstance(value, int) or abs(value) < 2**63, path, value, "a whole number up to 2^63 - 1")
    names = " or ".join("None" if one is type(None) else one.__name__ for one in allowed)
    require(isinstance(value, allowed) and not isinstance(value, bool), path, value, f"of type {names}")
