"""The error of everything that people give and cannot be used."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Input that cannot be used: one sentence that names the field, the value and what is allowed."""


def require(satisfied: bool, path: str, value: object, allowed: str) -> None:
    """Raise an InputError unless satisfied."""
    if not satisfied:
        raise InputError(f"{path} is {value!r}; it must be {allowed}.")


def require_one_of(path: str, value: object, choices: Iterable[object], separator: str = ", ", other: str = "") -> None:
    """Raise an InputError unless a value is one of these, of its type; it names a near one.

    Args:
        other: what else it may be, which the caller has ruled out.

    >>> require_one_of("study", "papr", ["demo", "paper"])
    Traceback (most recent call last):
    trainables.errors.InputError: study is 'papr'; it must be one of demo, paper (did you mean paper?).
    """
    choices = list(choices)
    if not any(type(value) is type(one) and value == one for one in choices):
        allowed = list(map(str, choices))
        near = difflib.get_close_matches(str(value), allowed, 1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        require(False, path, value, f"one of {separator.join(allowed)}{other}{meant}")
