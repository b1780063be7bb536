"""Tensors and plain values as bytes that load without running code."""

import io
from typing import Any

import torch

from trainables.settings import InputError


def dump(content: dict[str, Any], version: int, key: str) -> bytes:
    """Bytes of a content, marked with its kind's version and the key that it belongs to."""
    buffer = io.BytesIO()
    torch.save({**content, "version": version, "key": key}, buffer)
    return buffer.getvalue()


def parse(snapshot: bytes, version: int, key: str) -> dict[str, Any]:
    """The content of `dump`'s bytes, its tensors on the CPU.

    Raises:
        InputError: if the bytes are damaged, or of another version or key.
    """
    try:
        # On the CPU: a GPU that has no memory left must not look like a damaged file.
        content = torch.load(io.BytesIO(snapshot), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds on a damaged file
        raise InputError(f"snapshot of {key} cannot be read ({type(error).__name__}); it must be whole.") from error
    for name, expected in (("version", version), ("key", key)):
        found = content.get(name) if isinstance(content, dict) else None
        if found != expected:
            raise InputError(f"snapshot's {name} is {found!r}; it must be {expected!r}.")
    return content
