"""Which files hold a table's rows: a part for each trial, and merged files that many parts went into.

Parts are named `<table>/<key>.parquet`. `compaction` merges them into `merged/<table>/<name>.parquet`,
whose schema metadata lists the keys of the trials within. Every trial's rows count once, whatever a killed compaction
left behind: those of its part if there is one, since a trial that is run again writes a part; else those of the
merged file of the highest generation. `reading` holds the rows inside to these names.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from trainables.records.resultfiles import named, unreadable
from trainables.records.schemas import LATER, RENAMED, SCHEMA_VERSION, SCHEMAS, folder
from trainables.settings import ADDED

MERGED = "merged"
"""Folder of the merged files, beside the tables."""

DAMAGED = -1
"""Generation of a file whose footer cannot be read."""

FORMAT = pa.dataset.ParquetFileFormat(
    default_fragment_scan_options=pa.dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
)


@dataclass(frozen=True)
class MergedFile:
    """A merged file: its trials' keys, and its generation, one more than any that went into it, or `DAMAGED`."""

    path: str
    keys: frozenset[str]
    generation: int


Sources = tuple[list[str], list[tuple[MergedFile, frozenset[str]]]]
"""The paths of parts, and merged files, each with the keys of its rows that count."""


def list_files(store: pa.fs.FileSystem, where: str) -> list[pa.fs.FileInfo]:
    """The Parquet files of a folder, by name, and what has such a name and is none; nothing if it is not there."""
    return named(store, where, ".parquet")


def strange(store: pa.fs.FileSystem, root: str, table: str) -> dict[str, str]:
    """What is named like a file of a table and is neither a file nor a folder, with a sentence on each."""
    paths = [
        path
        for where in (root, f"{root}/{MERGED}")
        for path in unreadable(store, f"{where}/{folder(table)}", ".parquet")
    ]
    return {path: f"{path}, which is a link to nothing, a pipe or the like; delete it." for path in paths}


def key_of(path: str) -> str:
    """The trial that a part is named by."""
    return path.rpartition("/")[2].removesuffix(".parquet")


def merged_files(store: pa.fs.FileSystem, root: str, table: str) -> list[MergedFile]:
    """The merged files of a table, the one that counts first."""
    found = []
    for info in list_files(store, f"{root}/{MERGED}/{folder(table)}"):
        try:
            metadata = pa.parquet.read_schema(info.path, filesystem=store).metadata or {}
            keys, generation = frozenset(json.loads(metadata[b"keys"])), int(metadata[b"generation"])
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, KeyError, ValueError, TypeError):
            keys, generation = frozenset(), DAMAGED
        found.append(MergedFile(info.path, keys, generation))
    return sorted(found, key=lambda file: (-file.generation, file.path))


def merged_metadata(keys: list[str], generation: int) -> dict[str, str]:
    """What a merged file's schema metadata says of it."""
    return {"schema_version": SCHEMA_VERSION, "keys": json.dumps(keys), "generation": str(generation)}


def sources(store: pa.fs.FileSystem, root: str, table: str) -> Sources:
    """The files to read for a table.

    The parts are listed first: one that a compaction removes meanwhile is in a merged file by then.
    """
    parts = [info.path for info in list_files(store, f"{root}/{folder(table)}")]
    taken = {key_of(path) for path in parts}
    merged = []
    for file in merged_files(store, root, table):
        counting = file.keys - taken
        taken |= counting
        if counting or file.generation == DAMAGED:  # the reader says what is wrong with a damaged file
            merged.append((file, counting))
    return parts, merged


def sources_of(store: pa.fs.FileSystem, root: str, table: str, trial: str) -> Sources:
    """The file to read for one trial's rows, without a listing of all parts; none if it has none."""
    part = f"{root}/{folder(table)}/{trial}.parquet"
    if store.get_file_info(part).type == pa.fs.FileType.File:
        return [part], []
    holding = [file for file in merged_files(store, root, table) if trial in file.keys]
    return [], [(file, frozenset([trial])) for file in holding[:1]]


def exist(store: pa.fs.FileSystem, root: str, table: str) -> bool:
    """Whether the folder holds or held rows of a table."""
    found = store.get_file_info([f"{root}/{folder(table)}", f"{root}/{MERGED}/{folder(table)}"])
    return any(info.type == pa.fs.FileType.Directory for info in found)


def opened(
    store: pa.fs.FileSystem, path: str, table: str, exact: bool = False
) -> tuple[pa.dataset.ParquetFileFragment | None, str]:
    """A file of a table with its footer read; or None, and a sentence on what is wrong with it.

    Args:
        exact: also a column that this program does not know is wrong: a copy of the file would not have it.
    """
    fragment = FORMAT.make_fragment(path, store)
    try:
        fragment.ensure_complete_metadata()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        return None, damaged(path, error)
    version = (fragment.metadata.metadata or {}).get(b"schema_version", b"none").decode(errors="replace")
    if version != SCHEMA_VERSION:
        return None, f"{path} of schema version {version}; this program reads version {SCHEMA_VERSION}."
    if odd := _odd_columns(SCHEMAS[table], fragment.physical_schema):
        return None, f"{path} with columns that are missing, doubled or of another type: {', '.join(odd)}."
    if exact and (unknown := set(fragment.physical_schema.names) - set(stored_schema(table).names)):
        return None, f"{path} with columns that this program does not know: {', '.join(sorted(unknown))}."
    if not fragment.metadata.num_rows:
        return None, f"{path}, which has no rows; {remedy(path)}."
    return fragment, ""


def _odd_columns(schema: pa.Schema, found: pa.Schema) -> list[str]:
    """Columns that a file lacks, except those that came later, has with another type, or twice (by either name)."""
    new_names = {old: new for new, old in RENAMED.items()}
    there: dict[str, list[pa.DataType]] = {}
    for name, kind in zip(found.names, found.types, strict=True):
        there.setdefault(new_names.get(name, name), []).append(kind)
    later = LATER.union(ADDED)
    wanted = [column for column in schema if column.name in there or column.name not in later]
    return [column.name for column in wanted if there.get(column.name) != [column.type]]


def stored_schema(table: str) -> pa.Schema:
    """A table's columns, each under both of its names."""
    schema = SCHEMAS[table]
    for new, old in RENAMED.items():
        if new in schema.names:
            schema = schema.append(schema.field(new).with_name(old))
    return schema


def projection(columns: Iterable[str]) -> dict[str, pc.Expression]:
    """The columns, each under either of its names."""
    return {
        name: pc.coalesce(pc.field(name), pc.field(RENAMED[name])) if name in RENAMED else pc.field(name)
        for name in columns
    }


def with_added(rows: pa.Table) -> pa.Table:
    """Rows as read, with what `config.ADDED` says of fields that came after the rows were written.

    A column that a file does not have is read as nulls, which no column that may not be null has otherwise.
    """
    for place, column in enumerate(rows.schema):
        if column.name in ADDED and rows[place].null_count:
            filled = rows[place].fill_null(pa.scalar(ADDED[column.name], column.type))
            rows = rows.set_column(place, column, filled)
    return rows


def damaged(path: str, error: Exception) -> str:
    """What is wrong with a file of a table, and what to do."""
    return f"a damaged file, {path} ({error}); {remedy(path)}."


def remedy(path: str) -> str:
    """What to delete so that a file's trials run again: also the rows in `trials` that say they are done."""
    *_, place, table, name = path.split("/")
    if place == MERGED:
        return "put it back from a copy, or delete the folder merged and run its sweep or trial again"
    gone = "it" if table == "trials" else f"it and trials/{name}"
    return f"delete {gone} and run its sweep or trial again"
