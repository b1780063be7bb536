"""Merging the parts of a results folder into few files, while others read and write it.

No row is deleted before its copy has been read back and found equal, so killed at any moment, or run twice at once, it
loses nothing; readers take every trial's rows from one file (`partfiles`), so nothing counts twice. Only
parts that a reader would take as they are, of completed trials, are merged: a failed trial is tried again by the next
sweep, one without a row is still running, and what is damaged or strange stays where it is and is named.
"""

import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
import pyarrow.parquet

from trainables import records
from trainables.records import partfiles, reading, resultfiles, schemas
from trainables.records.partfiles import MergedFile, Sources
from trainables.records.reading import Problems, Request
from trainables.settings import InputError, TrialConfig

_ROWS = 1_000_000
"""Rows of a merged file, at which it is full, and so most rows in memory at a time, whole trials permitting."""


Found = TypeVar("Found")


@dataclass(frozen=True)
class Compacted:
    """What became of one table: files before and after, the rows that were merged, and what stayed as it was."""

    table: str
    files_before: int
    files_after: int
    rows: int
    problems: list[str]


def compact(results: str) -> list[Compacted]:
    """Merge all completed trials' parts, table by table, and merged files that are not full.

    Raises:
        InputError: if the folder holds no results or cannot be written, or a copy is read back otherwise than it was
            written.
        OSError: if there is no room for a copy; then all is as it was.
    """
    trials = records.trials(results)
    resultfiles.check_writable(results)
    # The table of trials is last, as when a trial is written.
    done = [_compact(results, name, trials.completed) for name in sorted(schemas.SCHEMAS, key="trials".__eq__)]
    *_, of_trials = done  # merged are those that are sound; the others are named here
    of_trials.problems[:] = dict.fromkeys([*trials.problems, *of_trials.problems])
    return done


def _compact(results: str, table: str, completed: Mapping[str, TrialConfig]) -> Compacted:
    store, root = resultfiles.filesystem(results)
    before = _count(store, root, table)
    problems: Problems = partfiles.strange(store, root, table)
    infos: dict[str, pa.fs.FileInfo] = {}

    def parts(*_: object) -> Sources:
        """All parts; notes how each was when it was first seen."""
        there = partfiles.list_files(store, f"{root}/{schemas.folder(table)}")
        infos.update({info.path: info for info in there if info.path not in infos})
        return [info.path for info in there], []

    request = Request(results, table, schemas.SCHEMAS[table].names, completed, rows=_ROWS, exact=True)
    merged = 0
    for rows in _full(reading.pieces(request, parts), problems):
        keys = _publish(store, root, table, rows)
        merged += len(rows)
        for key in keys:
            _delete(store, infos[f"{root}/{schemas.folder(table)}/{key}.parquet"])
    _join(request, store, root)
    return Compacted(table, before, _count(store, root, table), merged, list(problems.values()))


def _count(store: pa.fs.FileSystem, root: str, table: str) -> int:
    folders = f"{root}/{schemas.folder(table)}", f"{root}/{partfiles.MERGED}/{schemas.folder(table)}"
    return sum(len(partfiles.list_files(store, folder)) for folder in folders)


def _full(pieces: Iterable[reading.Piece], problems: Problems) -> Iterator[pa.Table]:
    """The rows of pieces, joined until a merged file is full; notes their problems."""
    waiting: list[pa.Table] = []
    for piece in pieces:
        problems |= piece.problems
        waiting += [piece.rows] if len(piece.rows) else []
        if sum(map(len, waiting)) >= _ROWS:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _publish(store: pa.fs.FileSystem, root: str, table: str, rows: pa.Table) -> list[str]:
    """Write a merged file and read it back; the keys of its trials, whose rows can be deleted elsewhere, or none.

    Raises:
        InputError: if what is read back is not what was written.
    """
    keys = sorted(rows["key"].unique().to_pylist())
    generation = 1 + _again(
        lambda: max((one.generation for one in partfiles.merged_files(store, root, table)), default=0)
    )
    path = f"{root}/{partfiles.MERGED}/{schemas.folder(table)}/{uuid.uuid4().hex}.parquet"
    schema = schemas.SCHEMAS[table].with_metadata(partfiles.merged_metadata(keys, generation))
    resultfiles.write_bytes(store, path, records.to_parquet(rows.cast(schema)))
    try:
        if isinstance(store, pa.fs.LocalFileSystem):  # a loss of power must not find the copy in memory alone
            with open(path, "rb") as written:
                os.fsync(written.fileno())
        copy = pa.parquet.read_table(path, filesystem=store, page_checksum_verification=True)
    except FileNotFoundError:
        return []  # another process has merged it with others: what went into it stays until the next time
    if not same(rows, copy):
        store.delete_file(path)
        raise InputError(f"{path} was read back otherwise than it was written; nothing was deleted.")
    return keys


def same(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables have the same columns with the same values in the same order, NaN the same as itself."""
    if one.column_names != other.column_names or len(one) != len(other):
        return False
    return all(_bits(one[name]).equals(_bits(other[name])) for name in one.column_names)


def _bits(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks()
    if pa.types.is_floating(values.type):
        return values.view(pa.int64() if values.type == pa.float64() else pa.int32())
    return values


def _delete(store: pa.fs.FileSystem, info: pa.fs.FileInfo) -> None:
    """Delete a part whose copy was read back; one that was written again since it was listed stays."""
    now = store.get_file_info(info.path)
    if now.type == info.type and (now.size, now.mtime_ns) == (info.size, info.mtime_ns):
        _delete_file(store, info.path)


def _delete_file(store: pa.fs.FileSystem, path: str) -> None:
    try:
        store.delete_file(path)
    except FileNotFoundError:
        return  # another process that merges was faster


def _join(request: Request, store: pa.fs.FileSystem, root: str) -> None:
    """Merge merged files that are not full, so that few are left however often parts were merged."""
    found = _again(lambda: _joinable(request, store, root))
    if len(found) > 1 and _publish(store, root, request.table, pa.concat_tables(found.values())):
        for file in found:
            _delete_file(store, file.path)


def _again(look: Callable[[], Found]) -> Found:
    """What a look at the merged files finds, taken again where another process has merged some of them meanwhile."""
    for _ in range(reading.ATTEMPTS):
        try:
            return look()
        except FileNotFoundError:
            continue
    raise InputError("merged files go away again and again while they are read; run the command again.")


def _joinable(request: Request, store: pa.fs.FileSystem, root: str) -> dict[MergedFile, pa.Table]:
    """Merged files that one can replace, each with its rows that count.

    Every row of such a file is one that a reader would take, and every trial of it counts in one of these files.
    """
    counting = {file.path: keys for file, keys in partfiles.sources(store, root, request.table)[1]}
    found: dict[MergedFile, pa.Table] = {}
    for file in partfiles.merged_files(store, root, request.table):
        fragment, _ = partfiles.opened(store, file.path, request.table, request.exact)
        if fragment is None or fragment.metadata.num_rows + sum(map(len, found.values())) >= 2 * _ROWS:
            continue
        rows, _ = reading.joined(request.table, reading.of_merged(request, store, file, file.keys))
        if len(rows) == fragment.metadata.num_rows < _ROWS and file.keys == set(rows["key"].unique().to_pylist()):
            found[file] = rows.select(request.columns)
    while lacking := found.keys() - _covered(found, counting):
        for file in lacking:
            del found[file]
    keys = {file: pa.array(sorted(counting.get(file.path, ())), pa.string()) for file in found}
    return {file: rows.filter(pc.is_in(rows["key"], keys[file])) for file, rows in found.items()}


def _covered(files: Iterable[MergedFile], counting: Mapping[str, frozenset[str]]) -> set[MergedFile]:
    """The files all of whose trials count in one of them."""
    known = frozenset[str]().union(*(counting.get(file.path, ()) for file in files))
    return {file for file in files if file.keys <= known}
