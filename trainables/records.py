"""Records: writing and reading a trial's rows in the four tables.

A trial's part of a table lies under `<table>/<trial key>.parquet`. It is written whole or not at all and named
by its key, so a repeated trial overwrites itself; the part in `trials` is written last and says that the others
are complete. `trainables.compaction` merges parts. It imports neither torch nor ray.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from trainables import partfiles
from trainables.config import ADDED, InputError
from trainables.resultfiles import filesystem, write_bytes
from trainables.schemas import LATER, RENAMED, SCHEMA_VERSION, SCHEMAS


def to_parquet(content: pa.Table) -> pa.Buffer:
    """An Arrow table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(content, sink, compression="zstd")
    return sink.getvalue()


def write_trial(results: str, parts: Mapping[str, pa.Table]) -> None:
    """Write a trial's parts, by table name; `trials` last, since its row says that the rest is there."""
    store, root = filesystem(results)
    trial = parts["trials"].column("key")[0].as_py()
    for name in sorted(parts, key=lambda name: name == "trials"):
        write_bytes(store, f"{root}/{name}/{trial}.parquet", to_parquet(parts[name]))


def read(
    results: str,
    name: str,
    columns: Iterable[str] | None = None,
    filter: Any = None,
    skipped: list[str] | None = None,
) -> pa.Table:
    """One of the four tables, all trials, each trial's rows once (see `trainables.partfiles`).

    Args:
        columns: the columns to read; None: all.
        filter: a pyarrow expression, pushed down to the files.
        skipped: where a sentence is added for every file that cannot be read; None: the first one raises.

    Raises:
        InputError: if the folder holds no results, or a file is damaged or of another schema version.
    """
    schema = SCHEMAS[name] if columns is None else pa.schema([SCHEMAS[name].field(column) for column in columns])
    for attempt in range(_ATTEMPTS):
        missed: list[str] = []
        try:
            batches = list(_scan(results, name, schema.names, filter, missed if skipped is not None else None, None))
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        if skipped is not None:
            skipped += missed
        return pa.concat_tables(batches) if batches else schema.empty_table()
    raise AssertionError("the last attempt returns or raises")


_ATTEMPTS = 5
"""How often files are listed anew when one went away, into a merged file, before it was read."""


def read_trial(results: str, name: str, trial: str) -> pa.Table:
    """One trial's part of one of the four tables.

    Raises:
        InputError: if there is none, or it is damaged or of another schema version.
    """
    store, root = filesystem(results)
    path = f"{root}/{name}/{trial}.parquet"
    if store.get_file_info(path).type == pa.fs.FileType.File:  # without a listing of all the others
        fragment = open_file(store, path, name, results, None)
        dataset = _dataset([fragment], name, store)
        return with_added(next(_tables(dataset, SCHEMAS[name].names, None, results, None, None)))
    rows = read(results, name, filter=pa.dataset.field("key") == trial)
    if not len(rows):
        raise InputError(
            f"results {results!r} holds no {name} of trial {trial}; if it holds trials/{trial}.parquet, which says "
            "that the trial is done, delete that and run its sweep again."
        )
    return rows


def scan(
    results: str, name: str, columns: Sequence[str], rows: int, skipped: list[str] | None = None
) -> Iterator[pa.Table]:
    """As `read`, in pieces of about this many rows, in which no trial is cut; `columns` must have `key`.

    Raises:
        InputError: as `read`, and if the folder is compacted meanwhile.
    """
    try:
        yield from _scan(results, name, columns, None, skipped, rows)
    except FileNotFoundError as error:
        raise InputError(f"results {results!r} changed while it was read ({error}); run the command again.") from error


def _scan(
    results: str, name: str, columns: Sequence[str], filter: Any, skipped: list[str] | None, rows: int | None
) -> Iterator[pa.Table]:
    store, root = filesystem(results)
    if not partfiles.exist(store, root, name) and not partfiles.exist(store, root, "trials"):
        raise InputError(f"results {results!r} holds no trials; it must be a folder that a trial or a sweep wrote.")
    for dataset, only in _datasets(results, name, skipped):
        chosen = only if filter is None else filter if only is None else filter & only
        yield from map(with_added, _tables(dataset, columns, chosen, results, skipped, rows))


def _tables(
    dataset: pa.dataset.Dataset,
    columns: Sequence[str],
    filter: Any,
    results: str,
    skipped: list[str] | None,
    rows: int | None,
) -> Iterator[pa.Table]:
    """The rows of some files, in pieces if `rows` is given; without a file whose content turns out to be damaged."""
    given: set[str] = set()
    try:
        if rows is None:
            yield dataset.to_table(columns=_projection(columns), filter=filter).replace_schema_metadata()
            return
        for piece in _whole_trials(dataset.to_batches(columns=_projection(columns), filter=filter), rows):
            given.update(piece["key"].unique().to_pylist())
            yield piece
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        left = [fragment for fragment in dataset.get_fragments() if partfiles.key_of(fragment.path) not in given]
        if len(left) == 1:
            _refuse(damaged(left[0].path, error), results, skipped)
            return
        for fragment in left:
            alone = pa.dataset.FileSystemDataset([fragment], dataset.schema, partfiles.FORMAT, dataset.filesystem)
            yield from _tables(alone, columns, filter, results, skipped, rows)


def _whole_trials(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Batches in order, joined to tables of at least this many rows that end where a trial ends."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows:
            joined = pa.Table.from_batches(waiting).replace_schema_metadata()
            keys = joined["key"].combine_chunks().to_numpy(zero_copy_only=False)
            last = int(np.argmax(keys == keys[-1]))
            if last:
                yield joined[:last]
                waiting = joined[last:].to_batches()
    if waiting and sum(map(len, waiting)):
        yield pa.Table.from_batches(waiting).replace_schema_metadata()


_FILES = 500
"""Parts open at a time: what a footer takes in memory is many times a trial's row."""


def _datasets(results: str, name: str, skipped: list[str] | None) -> Iterator[tuple[pa.dataset.Dataset, Any]]:
    """Data sets that together hold a table, each with a filter for the rows that count, or None."""
    store, root = filesystem(results)
    parts, merged = partfiles.sources(store, root, name)
    for start in range(0, len(parts), _FILES):
        opened = [open_file(store, path, name, results, skipped) for path in parts[start : start + _FILES]]
        yield _dataset([fragment for fragment in opened if fragment], name, store), None
    for file, counting in merged:
        if fragment := open_file(store, file.path, name, results, skipped):
            only = pa.dataset.field("key").isin(pa.array(sorted(counting), pa.string()))
            yield _dataset([fragment], name, store), None if counting == file.keys else only


def with_added(rows: pa.Table) -> pa.Table:
    """Rows as read, with what `config.ADDED` says of fields that came after the rows were written.

    A column that a file does not have is read as nulls, which no column that may not be null has otherwise.
    """
    for place, column in enumerate(rows.schema):
        if column.name in ADDED and rows[place].null_count:
            filled = rows[place].fill_null(pa.scalar(ADDED[column.name], column.type))
            rows = rows.set_column(place, column, filled)
    return rows


def _projection(columns: Sequence[str]) -> dict[str, pc.Expression]:
    """The columns, each under either of its names."""
    return {
        name: pc.coalesce(pc.field(name), pc.field(RENAMED[name])) if name in RENAMED else pc.field(name)
        for name in columns
    }


def _dataset(fragments: list[pa.dataset.Fragment], name: str, store: pa.fs.FileSystem) -> pa.dataset.Dataset:
    schema = SCHEMAS[name]
    for new, old in RENAMED.items():
        if new in schema.names:
            schema = schema.append(schema.field(new).with_name(old))
    return pa.dataset.FileSystemDataset(fragments, schema, partfiles.FORMAT, store)


def open_file(
    store: pa.fs.FileSystem, path: str, name: str, results: str, skipped: list[str] | None
) -> pa.dataset.ParquetFileFragment | None:
    """A file of a table, its footer read; None if it is damaged or not of this schema, with a sentence in `skipped`.

    Raises:
        InputError: in place of None if `skipped` is None.
    """
    fragment = partfiles.FORMAT.make_fragment(path, store)
    try:
        fragment.ensure_complete_metadata()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        problem = damaged(path, error)
    else:
        version = (fragment.metadata.metadata or {}).get(b"schema_version", b"none").decode()
        odd = _odd_columns(SCHEMAS[name], fragment.physical_schema)
        if version == SCHEMA_VERSION and not odd:
            return fragment
        if version == SCHEMA_VERSION:
            problem = f"{path} with columns that are missing or of another type: {', '.join(odd)}."
        else:
            problem = f"{path} of schema version {version}; this program reads version {SCHEMA_VERSION}."
    _refuse(problem, results, skipped)
    return None


def _odd_columns(schema: pa.Schema, found: pa.Schema) -> list[str]:
    """Columns that a file lacks, but for those that came later, or has with another type."""
    there = dict(zip(found.names, found.types, strict=True))
    there |= {new: there[old] for new, old in RENAMED.items() if old in there}
    later = LATER.union(ADDED)
    wanted = [column for column in schema if column.name in there or column.name not in later]
    return [column.name for column in wanted if there.get(column.name) != column.type]


def damaged(path: str, error: Exception) -> str:
    """What is wrong with a file of a table, and what to do."""
    said = " ".join("".join(letter if letter.isprintable() else " " for letter in str(error)).split())
    return f"a damaged file, {path} ({said}); {_remedy(path)} and run its sweep or trial again."


def _refuse(problem: str, results: str, skipped: list[str] | None) -> None:
    if skipped is None:
        raise InputError(f"results {results!r} holds {problem}")
    skipped.append(problem)


def _remedy(path: str) -> str:
    """What to delete so that a damaged file's trials run again: also the rows in `trials` that say they are done."""
    *_, place, table, name = path.split("/")
    if table == "trials":
        return "delete it"
    return "delete the folder merged" if place == partfiles.MERGED else f"delete it and trials/{name}"


def trial_states(results: str, skipped: list[str] | None = None) -> dict[str, str]:
    """State by key of the trials that have a row; empty where nothing was written yet."""
    store, root = filesystem(results)
    if not partfiles.exist(store, root, "trials"):
        return {}
    rows = read(results, "trials", ["key", "state"], skipped=skipped)
    return dict(zip(rows["key"].to_pylist(), rows["state"].to_pylist(), strict=True))


def trial_state(results: str, trial: str) -> str | None:
    """State of a trial's row, completed or failed; None if it has none."""
    store, root = filesystem(results)
    part = f"{root}/trials/{trial}.parquet"
    if store.get_file_info(part).type == pa.fs.FileType.File:
        return pa.parquet.read_table(part, filesystem=store, columns=["state"])["state"][0].as_py()
    for file in partfiles.merged_files(store, root, "trials"):
        if trial in file.keys:
            rows = pa.parquet.read_table(
                file.path, filesystem=store, columns=["key", "state"], filters=[("key", "==", trial)]
            )
            return rows["state"][0].as_py()
    return None
