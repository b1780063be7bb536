"""Which files hold a table's rows: a part for each trial, and merged files that many parts went into.

Parts lie under `<table>/<key>.parquet`. `trainables.compaction` merges them into
`merged/<table>/<name>.parquet`, whose schema metadata lists the keys of the trials within. Every trial's rows
count once, whatever a killed compaction left behind: those of its part if there is one, since a trial that is
run again writes a part; else those of the merged file of the highest generation.

It imports nothing of ours.
"""

import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

MERGED = "merged"
"""Folder of the merged files, beside the tables."""

DAMAGED = -1
"""Generation of a file whose footer cannot be read."""

FORMAT = pa.dataset.ParquetFileFormat()


@dataclass(frozen=True)
class MergedFile:
    """A merged file: its trials' keys, and its generation, one more than any that went into it, or `DAMAGED`."""

    path: str
    keys: frozenset[str]
    generation: int


def list_files(store: pa.fs.FileSystem, folder: str) -> list[pa.fs.FileInfo]:
    """The Parquet files of a folder, by name; none if it is not there. A temporary file's name begins with a dot."""
    selector = pa.fs.FileSelector(folder, allow_not_found=True)
    found = [info for info in store.get_file_info(selector) if info.type == pa.fs.FileType.File]
    shown = [info for info in found if info.extension == "parquet" and not info.base_name.startswith(".")]
    return sorted(shown, key=lambda info: info.path)


def key_of(path: str) -> str:
    """The trial that a part belongs to."""
    return path.rpartition("/")[2].removesuffix(".parquet")


def merged_files(store: pa.fs.FileSystem, root: str, table: str) -> list[MergedFile]:
    """The merged files of a table, the one that counts first."""
    found = []
    for info in list_files(store, f"{root}/{MERGED}/{table}"):
        try:
            metadata = pa.parquet.read_schema(info.path, filesystem=store).metadata or {}
            keys, generation = frozenset(json.loads(metadata[b"keys"])), int(metadata[b"generation"])
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, KeyError, ValueError):
            keys, generation = frozenset(), DAMAGED
        found.append(MergedFile(info.path, keys, generation))
    return sorted(found, key=lambda file: (-file.generation, file.path))


def merged_metadata(keys: list[str], generation: int) -> dict[str, str]:
    """What a merged file's schema metadata says of it."""
    return {"keys": json.dumps(keys), "generation": str(generation)}


def sources(
    store: pa.fs.FileSystem, root: str, table: str
) -> tuple[list[str], list[tuple[MergedFile, frozenset[str]]]]:
    """The files to read for a table.

    Returns:
        The parts' paths, and the merged files, each with the keys of its rows that count.

    The parts are listed first: one that a compaction removes meanwhile is in a merged file by then.
    """
    parts = [info.path for info in list_files(store, f"{root}/{table}")]
    taken = {key_of(path) for path in parts}
    merged = []
    for file in merged_files(store, root, table):
        counting = file.keys - taken
        taken |= counting
        if counting or file.generation == DAMAGED:  # the reader says what is wrong with a damaged file
            merged.append((file, counting))
    return parts, merged


def exist(store: pa.fs.FileSystem, root: str, table: str) -> bool:
    """Whether the folder holds or held rows of a table."""
    folders = store.get_file_info([f"{root}/{table}", f"{root}/{MERGED}/{table}"])
    return any(info.type == pa.fs.FileType.Directory for info in folders)
