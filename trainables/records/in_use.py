"""Who writes to a results folder: a sweep and packing each keep a file in `probes` and write it again and again.

Packing deletes parts, which a sweep's trials write and read, so neither starts beside the other. Each writes its own
file before it looks for the other's, so of two that start at once at least one is refused. A process that was killed
leaves its file, which counts until it is two minutes older than one that is written now, by the store's clock.
"""

import contextlib
import datetime
import threading
import uuid
from collections.abc import Iterator

from trainables.records import files
from trainables.records.layout import PROBES
from trainables.settings import InputError

_BEAT = 15.0
"""Seconds between two writes."""

_STALE = datetime.timedelta(minutes=2)
"""A file that is older is of a process that was killed; NFS shows a write only after up to a minute."""

_PACKING = "packing-"


@contextlib.contextmanager
def sweeping(results: str, sweep: str) -> Iterator[None]:
    """Keep the file `sweep` in `probes` fresh.

    Raises:
        InputError: if the folder is being packed.
    """
    with _kept_fresh(results, sweep):
        if any(name.startswith(_PACKING) for name in _fresh(results, sweep)):
            raise InputError(
                f"results {results!r} is being packed, or was within two minutes; wait until this is done."
            )
        yield


@contextlib.contextmanager
def packing(results: str) -> Iterator[None]:
    """As `sweeping`, for packing; its file is deleted at the end.

    Raises:
        InputError: if a sweep writes to the folder.
    """
    name = f"{_PACKING}{uuid.uuid4().hex}"
    try:
        with _kept_fresh(results, name):
            if not all(one.startswith(_PACKING) for one in _fresh(results, name)):
                raise InputError(f"a sweep writes to results {results!r}, or did within two minutes; wait for its end.")
            yield
    finally:
        files.delete_snapshot(results, PROBES, name)
        files.remove_if_empty(results, PROBES)


def _fresh(results: str, own: str) -> list[str]:
    """The files in `probes` that are written now, by name."""
    times = files.written_at(results, PROBES, ".pt")
    return [name for name, time in times.items() if time > times[own] - _STALE]


@contextlib.contextmanager
def _kept_fresh(results: str, name: str) -> Iterator[None]:
    files.write_snapshot(results, PROBES, name, name.encode())
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(_BEAT):
            with contextlib.suppress(OSError):  # a folder that cannot be written fails the trials, which say so
                files.write_snapshot(results, PROBES, name, name.encode())

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
