"""Packing: the parts of completed trials go into few merged files.

All copies of a table are written and read back before a file is deleted, and only files whose rows were copied are
deleted. In between a trial's rows are in two files and count once (reading.py), so packing can be killed at any moment.
It is refused while a sweep writes to the folder (in_use.py). Files that cannot be read stay and are named; failed and
unfinished trials stay too, for the next sweep.
"""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet

from trainables.records import files, in_use, reading, tablefiles, writing
from trainables.records.layout import MERGED, folder, key_of
from trainables.records.reading import ROWS, Request
from trainables.records.schemas import SCHEMA_VERSION, SCHEMAS
from trainables.records.tablefiles import Problems
from trainables.settings import InputError, TrialConfig


class Packed(NamedTuple):
    """What became of one table: its files before and after, and a sentence on each that was left as it was."""

    table: str
    files_before: int
    files_after: int
    problems: list[str]


def pack(results: str) -> list[Packed]:
    """Merge the parts of all completed trials, table by table, and the merged files that are not full.

    Raises:
        InputError: if the folder holds no results, a sweep writes to it, or a copy is read back otherwise than it was
            written.
        OSError: if there is no room for a copy; then all is as it was.
    """
    reading.trials(results)
    with in_use.packing(results):
        trials = reading.trials(results)
        # The table of trials is last, as when a trial is written.
        packed = [_pack(results, table, trials.completed) for table in sorted(SCHEMAS, key="trials".__eq__)]
    packed[-1].problems[:] = dict.fromkeys([*trials.problems, *packed[-1].problems])
    return packed


def _pack(results: str, table: str, completed: Mapping[str, TrialConfig]) -> Packed:
    store, root = files.filesystem(results)
    parts, (merged, _) = tablefiles.parts(store, root, table), tablefiles.merged(store, root, table)
    not_full = [file for file in merged if file.rows < ROWS]
    to_do = len(not_full) > 1 or any(key_of(part.path) in completed for part in parts)
    generation = 1 + max((file.generation for file in merged), default=0)
    problems, copied = Problems(), set[str]()
    for rows in _full(Request(results, table, SCHEMAS[table].names, completed, to_pack=True), problems):
        if to_do:
            copied |= _write(store, f"{root}/{MERGED}/{folder(table)}", rows, generation)
    for part in parts:
        now = store.get_file_info(part.path)
        unchanged = (now.size, now.mtime_ns) == (part.size, part.mtime_ns)
        if key_of(part.path) in copied and unchanged:
            files.delete(store, part.path)
    for file in not_full:
        if file.keys <= copied and file.path not in problems:
            files.delete(store, file.path)
    left = tablefiles.parts(store, root, table), tablefiles.merged(store, root, table)[0]
    return Packed(table, len(parts) + len(merged), sum(map(len, left)), list(problems.values()))


def _full(request: Request, problems: Problems) -> Iterator[pa.Table]:
    """The rows of pieces, joined until a merged file is full; notes their problems."""
    waiting: list[pa.Table] = []
    for piece in reading.pieces(request):
        problems |= piece.problems
        waiting.append(piece.rows)
        if sum(map(len, waiting)) >= ROWS:
            yield pa.concat_tables(waiting)
            waiting = []
    if any(map(len, waiting)):
        yield pa.concat_tables(waiting)


def _write(store: pa.fs.FileSystem, where: str, rows: pa.Table, generation: int) -> set[str]:
    """Write a merged file and read it back; the keys of its trials.

    Raises:
        InputError: if what is read back is not what was written.
    """
    keys = rows["key"].unique().to_pylist()
    metadata = {"schema_version": SCHEMA_VERSION, "keys": json.dumps(sorted(keys)), "generation": str(generation)}
    path = f"{where}/{uuid.uuid4().hex}.parquet"
    files.write_bytes(store, path, writing.to_parquet(rows.replace_schema_metadata(metadata)))
    if store.type_name == "local":  # a loss of power must not find the copy in memory alone
        with open(path, "rb") as written:
            os.fsync(written.fileno())
    copy = pa.parquet.read_table(path, filesystem=store, page_checksum_verification=True)
    if not same(rows, copy):
        files.delete(store, path)
        raise InputError(f"{path} was read back otherwise than it was written; nothing was deleted.")
    return set(keys)


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
