"""Files of tensors and plain values in a results folder, such as checkpoints: reading one runs no code of its own."""

import io
import logging
from typing import Any

import torch

from trainables.records import files
from trainables.settings import InputError

logger = logging.getLogger(__name__)


def write(results: str, folder: str, key: str, content: dict[str, Any], version: int) -> None:
    """Write a content, in place of the one before, marked with its kind's version and the key that it belongs to."""
    buffer = io.BytesIO()
    torch.save({**content, "version": version, "key": key}, buffer)
    files.write_snapshot(results, folder, key, buffer.getvalue())


def read(results: str, folder: str, key: str, version: int, **expected: Any) -> dict[str, Any] | None:
    """The content that `write` wrote, its tensors on the CPU; None if there is none that can be used.

    A file that is damaged, of another version or key, or of another value of what is expected, is named in the log:
    what it held is made again.
    """
    snapshot = files.read_snapshot(results, folder, key)
    try:
        return None if snapshot is None else parse(snapshot, version=version, key=key, **expected)
    except InputError as error:
        logger.warning("%s/%s is made again: %s", folder, key, error)
        return None


def parse(snapshot: bytes, **expected: Any) -> dict[str, Any]:
    """The content of a file's bytes.

    Raises:
        InputError: if they are damaged, or a value is not the one expected.
    """
    try:
        # On the CPU: a GPU that has no memory left must not look like a damaged file.
        content = torch.load(io.BytesIO(snapshot), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds on a damaged file
        raise InputError(f"the file cannot be read ({type(error).__name__}); it must be whole.") from error
    for name, value in expected.items():
        found = content.get(name) if isinstance(content, dict) else None
        if found != value:
            raise InputError(f"its {name} is {found!r}; it must be {value!r}.")
    return content
