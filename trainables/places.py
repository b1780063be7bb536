"""People's text for a place: a local path or a URI, made absolute, or refused in a sentence.

Every flag that takes a path goes through it.
"""

from pathlib import Path

from trainables.errors import InputError


def place(text: str, field: str) -> str:
    """A place for files as an absolute local path, or the URI as it was given; `field` is what a sentence calls it.

    Raises:
        InputError: if the text names no place, or cannot be a path: no home folder for its `~`, a NUL character, or
            characters that are not text.
    """
    if not text.split("://", 1)[-1].strip():
        raise InputError(f"{field} {text!r} names no place; it must be a local path or a URI of pyarrow.fs.")
    if "\0" in text or text != text.encode(errors="ignore").decode():
        raise InputError(f"{field} {text!r} has a character that no path has; it must be a local path or a URI.")
    if "://" in text:
        return text
    try:
        return str(Path(text).expanduser().absolute())
    except RuntimeError as error:
        raise InputError(f"{field} is {text!r}; it must be a path whose '~' is a home folder that is there.") from error


def local(text: str, field: str) -> Path:
    """A place on this machine.

    Raises:
        InputError: as `place`, and for a URI.
    """
    path = place(text, field)
    if "://" in path:
        raise InputError(f"{field} is {text!r}; it must be a path on this machine, not a URI.")
    return Path(path)


def said(error: OSError) -> str:
    """What the system says of a file: "r/page.html: No space left on device"."""
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
