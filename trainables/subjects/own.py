"""Networks and data sets of people's own, named `package.module:name`: found, and told apart by their source."""

import functools
import hashlib
import importlib
import inspect
import os
import sys
from pathlib import Path
from typing import Any

from trainables.errors import InputError, require

PROBED = "probed"
"""The name of a network that was trained elsewhere, and of its data, of which the results folder has activations."""


def is_own(name: str) -> bool:
    """Whether a name is one of people's own."""
    return ":" in name


def module(name: str, path: str) -> Any:
    """The module of `package.module:name`, which may be a file in the working directory.

    Args:
        path: the field that holds the name, for the error.

    Raises:
        InputError: if there is no such module, or importing it fails.
    """
    of, _, _ = name.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(of)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path} is {name!r}, and {of} cannot be imported ({reason}); it must be a module that is installed or a "
            "file in this folder."
        ) from error


@functools.cache
def found(name: str, path: str) -> Any:
    """What `package.module:name` names; a name may have dots.

    Raises:
        InputError: if it is not there or cannot be called.
    """
    thing = module(name, path)
    for part in name.partition(":")[2].split("."):
        thing = getattr(thing, part, None)
    require(callable(thing), path, name, "package.module:name of something that can be called")
    return thing


@functools.cache
def digest(name: str, path: str) -> str:
    """Twelve hexadecimal digits of the source file of `package.module:name`, when this process first asks.

    It imports the module only once, too: a file that changes later is neither run nor named here.
    """
    source = inspect.getsourcefile(module(name, path))
    require(source is not None, path, name, "of a module with a source file")
    return hashlib.sha256(Path(str(source)).read_bytes()).hexdigest()[:12]


def check(name: str, source: str, path: str) -> None:
    """Refuse a source that is not what it was when the trial got its key; `source` is its digest then, or empty.

    Raises:
        InputError: if it is another.
    """
    if is_own(name) and source:
        now = digest(name, path)
        section = path.partition(".")[0]
        require(source == now, f"{section}.source", source, f"{now}, the digest of {name} here: the file has changed")


def call(name: str, path: str, *arguments: Any) -> Any:
    """Call it with these arguments, or with none where it takes none.

    Raises:
        InputError: if it takes neither.
    """
    thing = found(name, path)
    signature = inspect.signature(thing)
    for given in (arguments, ()):
        try:
            signature.bind(*given)
        except TypeError:
            continue
        return thing(*given)
    raise InputError(f"{path} is {name!r}, called as {signature}; it must take {len(arguments)} arguments, or none.")
