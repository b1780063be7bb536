"""Merging the parts of a results folder into few files, while others read and write it.

Killed at any moment it loses nothing and counts nothing twice: a merged file is published whole before the files
that went into it are removed, and readers take every trial's rows from one file (`trainables.partfiles`). Only
completed trials are merged: a failed one is tried again by the next sweep, and one without a row is still running.
"""

import functools
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from trainables import partfiles, records, resultfiles, schemas
from trainables.config import InputError
from trainables.partfiles import MergedFile

_ROWS = 1_000_000
"""Rows of a row group of a merged file, and most rows in memory at a time, whole trials permitting."""


@dataclass(frozen=True)
class Compacted:
    """What became of one table: files before and after, and the rows in the merged file."""

    table: str
    files_before: int
    files_after: int
    rows: int


def compact(results: str) -> list[Compacted]:
    """Merge all completed trials' parts and the merged files there are, table by table.

    Files that cannot be opened or are of another schema stay as they are, as do parts that are written meanwhile.

    Raises:
        InputError: if the folder holds no results or cannot be written, or a file's content is damaged, in which case
            its table stays as it was.
    """
    records.read(results, "trials", ["key"], skipped=[])  # says so if there are none
    resultfiles.check_writable(results)
    states = records.trial_states(results, skipped=[])
    completed = frozenset(key for key, state in states.items() if state == "completed")
    # The table of trials is last, as when a trial is written.
    return [_compact(results, name, completed) for name in sorted(schemas.SCHEMAS, key="trials".__eq__)]


def _compact(results: str, name: str, completed: frozenset[str]) -> Compacted:
    store, root = resultfiles.filesystem(results)
    folder = f"{root}/{name}"
    there = partfiles.list_files(store, folder)
    readable = functools.partial(_readable, results, name, store)
    parts = [info for info in there if partfiles.key_of(info.path) in completed and readable(info.path)]
    known = partfiles.merged_files(store, root, name)
    merged = [file for file in known if file.generation != partfiles.DAMAGED and readable(file.path)]
    before = len(there) + len(known)
    if not parts and len(merged) < 2:
        return Compacted(name, before, before, 0)
    inputs = _inputs(parts, merged, {partfiles.key_of(info.path) for info in there})
    keys = sorted(key for _, counting in inputs for key in counting)
    generation = 1 + max((file.generation for file in merged), default=0)
    metadata = {"schema_version": schemas.SCHEMA_VERSION, **partfiles.merged_metadata(keys, generation)}
    with tempfile.TemporaryDirectory() as scratch:
        content = Path(scratch) / "merged.parquet"
        rows = _write(content, schemas.SCHEMAS[name].with_metadata(metadata), store, inputs)
        with pa.memory_map(str(content)) as source:
            path = f"{root}/{partfiles.MERGED}/{name}/{uuid.uuid4().hex}.parquet"
            resultfiles.write_bytes(store, path, source.read_buffer())
    for info in parts:
        # A trial that was written again meanwhile keeps its part.
        if _unchanged(store.get_file_info(info.path), info):
            store.delete_file(info.path)
    for file in merged:
        store.delete_file(file.path)
    return Compacted(name, before, before - len(parts) - len(merged) + 1, rows)


def _inputs(parts: list[pa.fs.FileInfo], merged: list[MergedFile], taken: set[str]) -> list[tuple[str, frozenset[str]]]:
    """Paths to read, each with the keys of its rows that count; `taken` are the keys of all parts, also of failed
    trials that are tried again."""
    inputs = [(info.path, frozenset([partfiles.key_of(info.path)])) for info in parts]
    for file in merged:
        counting = file.keys - taken
        taken = taken | counting
        inputs.append((file.path, counting))
    return inputs


def _write(content: Path, schema: pa.Schema, store: pa.fs.FileSystem, inputs: list[tuple[str, frozenset[str]]]) -> int:
    """Write the rows that count of all inputs, a trial's together; their number."""
    rows = 0
    with pa.parquet.ParquetWriter(content, schema, compression="zstd") as writer:
        waiting: list[pa.Table] = []
        for table in _tables(schema, store, inputs):
            waiting.append(table)
            rows += table.num_rows
            if sum(map(len, waiting)) >= _ROWS:
                writer.write_table(pa.concat_tables(waiting).replace_schema_metadata(schema.metadata))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting).replace_schema_metadata(schema.metadata))
    return rows


def _tables(schema: pa.Schema, store: pa.fs.FileSystem, inputs: list[tuple[str, frozenset[str]]]) -> Iterator[pa.Table]:
    for path, counting in inputs:
        fragment = partfiles.FORMAT.make_fragment(path, store)
        counts = pa.dataset.field("key").isin(pa.array(sorted(counting), pa.string()))
        batches = pa.dataset.FileSystemDataset([fragment], schema, partfiles.FORMAT, store).to_batches(filter=counts)
        try:
            for batch in batches:
                yield records.with_added(pa.Table.from_batches([batch]).replace_schema_metadata())
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"results holds {records.damaged(path, error)} Its table was not merged.") from error


def _readable(results: str, name: str, store: pa.fs.FileSystem, path: str) -> bool:
    """Whether a file's footer is whole and of this schema."""
    try:
        return records.open_file(store, path, name, results, []) is not None
    except FileNotFoundError:
        return False


def _unchanged(now: pa.fs.FileInfo, before: pa.fs.FileInfo) -> bool:
    return now.type == before.type and (now.size, now.mtime_ns) == (before.size, before.mtime_ns)
