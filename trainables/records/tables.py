"""Records: writing and reading a trial's rows in the four tables.

A trial's part of a table is `<table>/<trial key>.parquet`. It is written atomically and named by its key, so a
repeated trial overwrites itself; the part in `trials` is written last and says that the others are complete.
`compaction` merges parts; `reading` is how all of them are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet

from trainables.records import grids, partfiles, reading
from trainables.records.partfiles import Sources
from trainables.records.reading import Request
from trainables.records.resultfiles import filesystem, write_bytes
from trainables.records.schemas import SCHEMAS, folder
from trainables.settings import InputError, TrialConfig, key


class Read(NamedTuple):
    """Rows, and a sentence on every file that was left out."""

    rows: pa.Table
    problems: list[str]


@dataclass(frozen=True)
class Trials:
    """The table `trials`: whatever else is read of a folder is held to it.

    Attributes:
        rows: one per trial.
        problems: a sentence on every file that was left out.
        configurations: of all trials, by key.
        completed: of those whose rows are complete.
    """

    rows: pa.Table
    problems: list[str]
    configurations: Mapping[str, TrialConfig]
    completed: Mapping[str, TrialConfig]


class States(NamedTuple):
    """State by key of the trials that have a row, and a sentence on every file that was left out."""

    states: dict[str, str]
    problems: list[str]


def to_parquet(content: pa.Table) -> pa.Buffer:
    """An Arrow table as the bytes of a Parquet file, with checksums: a bit that flips on a disk is found."""
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(content, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def write_trial(results: str, parts: Mapping[str, pa.Table]) -> None:
    """Write a trial's parts, by table name; `trials` last, since its row says that the rest is there."""
    store, root = filesystem(results)
    trial = parts["trials"].column("key")[0].as_py()
    for name in sorted(parts, key=lambda name: name == "trials"):
        write_bytes(store, f"{root}/{folder(name)}/{trial}.parquet", to_parquet(parts[name]))


def trials(results: str, may_be_empty: bool = False) -> Trials:
    """All trials that have a row, each once.

    Raises:
        InputError: if the folder holds no results, unless it may be empty.
    """
    store, root = filesystem(results)
    if not may_be_empty and not partfiles.exist(store, root, "trials"):
        raise InputError(f"results {results!r} holds no trials; it must be a folder that a trial or a sweep wrote.")
    rows, problems = reading.joined("trials", reading.pieces(Request(results, "trials", SCHEMAS["trials"].names)))
    if not (may_be_empty or len(rows) or problems):
        raise InputError(f"results {results!r} holds no trials; it must be a folder that a trial or a sweep wrote.")
    found = {name: one for name, one in grids.configurations(rows).items() if isinstance(one, TrialConfig)}
    states = zip(rows["key"].to_pylist(), rows["state"].to_pylist(), strict=True)
    return Trials(rows, problems, found, {name: found[name] for name, state in states if state == "completed"})


def read(
    results: str,
    table: str,
    columns: Sequence[str] | None = None,
    pair: str | None = None,
    of: Trials | None = None,
) -> Read:
    """The rows of all trials in `trials`, of the completed ones in another table; each row once.

    A file that cannot be read, that holds rows of another trial than it is named by, or a trial's rows in other number
    than its configuration asks for, are left out and told, as are completed trials without rows.

    Args:
        columns: the columns to read; None: all.
        pair: rows of this pair alone.
        of: the trials as they were read before; None: they are read now, and what is wrong with them is told as well.

    Raises:
        InputError: if the folder holds no results.
    """
    known = of or trials(results)
    before = [] if of else known.problems
    names = SCHEMAS[table].names if columns is None else columns
    if table == "trials":
        return Read(known.rows.select(names), before)
    rows, problems = reading.joined(table, reading.pieces(Request(results, table, names, known.completed, pair)))
    return Read(rows, before + problems)


def scan(results: str, table: str, columns: Sequence[str], rows: int, of: Trials) -> Iterator[Read]:
    """As `read`, in pieces of about this many rows, in which no trial is cut.

    Raises:
        InputError: if files go away again and again while they are read.
    """
    for piece in reading.pieces(Request(results, table, columns, of.completed, rows=rows)):
        yield Read(piece.rows, list(piece.problems.values()))


def read_trial(results: str, table: str, config: TrialConfig) -> pa.Table:
    """One completed trial's rows in one of the four tables.

    Raises:
        InputError: if there are none, or they are not those that its configuration asks for.
    """
    trial = key(config)
    rows, problems = _of_trial(Request(results, table, SCHEMAS[table].names, {trial: config}), trial)
    if not len(rows):
        gone = f"no {table} of trial {trial}; delete trials/{trial}.parquet, which says that it is done, and run its "
        raise InputError(f"results {results!r} holds {problems[0] if problems else gone + 'sweep again.'}")
    return rows


def _of_trial(request: Request, trial: str) -> tuple[pa.Table, list[str]]:
    def listed(store: pa.fs.FileSystem, root: str, table: str) -> Sources:
        return partfiles.sources_of(store, root, table, trial)

    return reading.joined(request.table, reading.pieces(request, listed))


def trial_states(results: str) -> States:
    """States of the trials that have a row; empty where nothing was written yet.

    Raises:
        InputError: if a merged file cannot be read, so that it is not known which trials are done.
    """
    store, root = filesystem(results)
    if not partfiles.exist(store, root, "trials"):
        return States({}, [])
    rows, problems = reading.joined("trials", reading.pieces(Request(results, "trials", ["key", "state"])))
    for problem in problems:
        if f"{root}/{partfiles.MERGED}/" in problem:
            raise InputError(f"results {results!r} holds {problem}")
    return States(dict(zip(rows["key"].to_pylist(), rows["state"].to_pylist(), strict=True)), problems)


def trial_state(results: str, trial: str) -> str | None:
    """State of a trial's row, completed or failed; None if it has none that can be read."""
    rows, _ = _of_trial(Request(results, "trials", ["state"], {trial: TrialConfig()}), trial)
    return rows["state"][0].as_py() if len(rows) else None
