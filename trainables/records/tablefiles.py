"""The files of a table: which there are, and what one holds, under the names that columns have now."""

import json
from typing import NamedTuple

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet

from trainables.records import files
from trainables.records.layout import MERGED, folder, remedy
from trainables.records.schemas import LATER, RENAMED, SCHEMA_VERSION, SCHEMAS
from trainables.settings import ADDED

Problems = dict[str, str]
"""What was left out, a sentence by path."""


class MergedFile(NamedTuple):
    """A merged file: its trials' keys; its generation, one more than any that went into it; and its rows."""

    path: str
    keys: frozenset[str]
    generation: int
    rows: int


def parts(store: pa.fs.FileSystem, root: str, table: str, trial: str | None = None) -> list[pa.fs.FileInfo]:
    """What is in a table's folder and named like a part; or the part of one trial, without a listing."""
    if trial is None:
        return files.named(store, f"{root}/{folder(table)}", ".parquet")
    part = store.get_file_info(f"{root}/{folder(table)}/{trial}.parquet")
    return [] if part.type == pa.fs.FileType.NotFound else [part]


def merged(store: pa.fs.FileSystem, root: str, table: str) -> tuple[list[MergedFile], Problems]:
    """The merged files of a table, the one that counts first, and those that cannot be read."""
    found, problems = list[MergedFile](), Problems()
    for info in files.named(store, f"{root}/{MERGED}/{folder(table)}", ".parquet"):
        if problem := not_a_file(info):
            problems[info.path] = problem
            continue
        try:
            footer = pa.parquet.read_metadata(info.path, filesystem=store)
            keys, generation = json.loads(footer.metadata[b"keys"]), int(footer.metadata[b"generation"])
            found.append(MergedFile(info.path, frozenset(keys), generation, footer.num_rows))
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            problems[info.path] = damaged(info.path, error)
        except (KeyError, ValueError, TypeError):
            problems[info.path] = f"{info.path}, which does not list its trials as merged files do; put it elsewhere."
    return sorted(found, key=lambda file: (-file.generation, file.path)), problems


def not_a_file(info: pa.fs.FileInfo) -> str:
    """A sentence on what has a file's name and cannot be opened as one; empty if it can."""
    if info.type in (pa.fs.FileType.File, pa.fs.FileType.Directory):
        return ""
    return f"{info.path}, which is a link to nothing, a pipe or the like; delete it."


def content(store: pa.fs.FileSystem, path: str, table: str, columns: list[str], exact: bool = False) -> pa.Table | str:
    """These columns of all rows of a file, or a sentence on what is wrong with it.

    Args:
        exact: also a column that this program does not know is wrong: a copy of the file would not have it.
    """
    try:
        with pa.parquet.ParquetFile(path, filesystem=store, page_checksum_verification=True) as file:
            if problem := _unfit(file, table, exact):
                return f"{path}{problem}."
            if not file.metadata.num_rows:
                return f"{path}, which has no rows; {remedy(path)}."
            there = file.schema_arrow.names
            stored = {name: name if name in there else RENAMED.get(name, name) for name in columns}
            rows = file.read([name for name in stored.values() if name in there], use_threads=False)
        rows.validate(full=True)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        return damaged(path, error)
    # What came later has in earlier files the value that trials had then, or none.
    later = {name: pa.scalar(ADDED.get(name), SCHEMAS[table].field(name).type) for name in columns}
    return pa.table(
        [rows[stored[name]] if stored[name] in there else pa.repeat(later[name], len(rows)) for name in columns],
        schema=pa.schema([SCHEMAS[table].field(name) for name in columns]),
    )


def _unfit(file: pa.parquet.ParquetFile, table: str, exact: bool) -> str:
    """What is wrong with a file by its version and columns; empty if nothing is."""
    version = (file.schema_arrow.metadata or {}).get(b"schema_version", b"none").decode(errors="replace")
    if version != SCHEMA_VERSION:
        return f" of schema version {version}; this program reads version {SCHEMA_VERSION}"
    new_names = {old: new for new, old in RENAMED.items()}
    there: dict[str, list[pa.DataType]] = {}
    for field in file.schema_arrow:
        there.setdefault(new_names.get(field.name, field.name), []).append(field.type)
    wanted = [field for field in SCHEMAS[table] if field.name in there or field.name not in LATER.union(ADDED)]
    if odd := [field.name for field in wanted if there.get(field.name) != [field.type]]:
        return f" with columns that are missing, doubled or of another type: {', '.join(odd)}"
    if exact and (unknown := there.keys() - SCHEMAS[table].names):
        return f" with columns that this program does not know: {', '.join(sorted(unknown))}"
    return ""


def damaged(path: str, error: Exception) -> str:
    """What is wrong with a file whose bytes are not those that were written, and what to do."""
    return f"a damaged file, {path} ({error}); {remedy(path)}."
