"""Names on the command line as people write them: the short ones that tables show, and near misses."""

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence

from study.resources import Resources
from study.search import SearchOptions
from trainables.settings import InputError, fields, short_name

_SETTINGS = ("trial", "sweep")
"""Commands that take every field of a configuration."""


def resolved(arguments: Sequence[str], commands: Mapping[str, Callable[..., int]]) -> list[str]:
    """The arguments with `--noise-std`, as tables have it, in its whole form `--mine.noise-std`.

    Raises:
        InputError: for a command or a flag that is none and near to one.
    """
    command, *rest = arguments or [""]
    if command not in commands:
        _refuse_near(command, {name: name for name in commands}, "command")
        return list(arguments)
    flags = {_flag(name): _flag(name) for name in inspect.signature(commands[command]).parameters}
    if command in _SETTINGS:
        options = [one.name for kind in (Resources, SearchOptions) for one in dataclasses.fields(kind)]
        names = {**{short_name(path): path for path in fields()}, **{path: path for path in (*fields(), *options)}}
        flags = {_flag(name): _flag(path) for name, path in names.items()} | flags
    flags |= {flag: flag for flag in ("--help", "--help-all")}
    found = []
    for argument in rest:
        flag, equals, value = argument.partition("=")
        flag = flag.replace("_", "-")
        if flag.startswith("--") and not flag.startswith("--no-") and flag not in flags:
            _refuse_near(flag, flags, f"option of {command}")
        found.append(f"{flags[flag]}{equals}{value}" if flag in flags else argument)
    return [command, *found]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _refuse_near(name: str, known: Mapping[str, str], what: str) -> None:
    if near := difflib.get_close_matches(name, known, 1, 0.7):
        raise InputError(f"{name} is no {what}; did you mean {known[near[0]]}?")
