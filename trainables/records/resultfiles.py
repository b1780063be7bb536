"""Files of a results folder, on a local disk or in an object store, and any other output: written atomically.

A results folder is any local path or `pyarrow.fs` URI. It imports neither torch nor ray.
"""

import contextlib
import datetime
import os
import uuid
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from trainables import places
from trainables.settings import InputError

PROBES = "probes"
"""Folder of the files by which nodes show that they see the same results."""


_OBJECT_STORES = ("s3", "gcs", "abfs")


def filesystem(results: str, field: str = "results") -> tuple[pa.fs.FileSystem, str]:
    """The file system and the path of a results folder given as a local path or a URI; `field` is what it is called.

    Raises:
        InputError: if it is no path (see `trainables.places.place`), or the URI's scheme is not known.
    """
    where = places.place(results, field)
    if "://" not in where:
        return pa.fs.LocalFileSystem(), where
    try:
        store, root = pa.fs.FileSystem.from_uri(where)
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        raise InputError(
            f"{field} {results!r} cannot be opened ({error}); it must be a local path or a URI of pyarrow.fs."
        ) from error
    return store, root.rstrip("/")


def write_bytes(filesystem: pa.fs.FileSystem, path: str, content: bytes | pa.Buffer) -> None:
    """Write a file atomically: under its name there is the old content or all of the new one, also on a full disk.

    An object store shows an object only once it is complete and has no rename; elsewhere the content
    goes to a temporary name in the same folder and is renamed.

    Raises:
        OSError: if it cannot be written, with the path and what the system says; nothing of it is left.
    """
    try:
        if filesystem.type_name in _OBJECT_STORES:
            _write(filesystem, path, content)
            return
        filesystem.create_dir(str(PurePosixPath(path).parent), recursive=True)
        # Readers of a folder pass over names that begin with a dot.
        temporary = str(PurePosixPath(path).with_name(f".{uuid.uuid4().hex}.tmp"))
        try:
            _write(filesystem, temporary, content)
            filesystem.move(temporary, path)
        except BaseException:
            if filesystem.get_file_info(temporary).type == pa.fs.FileType.File:
                filesystem.delete_file(temporary)
            raise
    except OSError as error:
        if error.errno is None:  # of an object store, which says more than a number
            raise
        raise OSError(error.errno, os.strerror(error.errno), path) from error


def _write(filesystem: pa.fs.FileSystem, path: str, content: bytes | pa.Buffer) -> None:
    with filesystem.open_output_stream(path) as stream:
        stream.write(content)


def write_local(path: Path, content: bytes | str) -> None:
    """`write_bytes` for a file on this machine; text as UTF-8."""
    write_bytes(pa.fs.LocalFileSystem(), str(path), content.encode() if isinstance(content, str) else content)


def check_writable(results: str, field: str = "results") -> None:
    """Write and remove a probe; `field` is what the folder is called.

    A folder that is not there is not made, lest a command that is refused leaves it behind: the probe goes to the
    nearest folder above.

    Raises:
        InputError: if the folder cannot be written.
    """
    store, root = filesystem(results, field)
    try:
        probe = f"{_existing(root) if store.type_name == 'local' else root}/.probe-{uuid.uuid4().hex}"
        write_bytes(store, probe, b"")
        store.delete_file(probe)
    except OSError as error:
        raise InputError(
            f"{field} {results!r} cannot be written ({places.said(error)}); it must be a writable folder or URI."
        ) from error


def _existing(path: str) -> str:
    """The path, or the nearest one above it that is there."""
    from pathlib import Path

    return str(next(one for one in (Path(path), *Path(path).parents) if one.exists()))


def write_snapshot(results: str, folder: str, name: str, content: bytes) -> None:
    """Write a file that is no table (a checkpoint, a trained network, a truth), in place of the one before."""
    store, root = filesystem(results)
    write_bytes(store, f"{root}/{folder}/{name}.pt", content)


def read_snapshot(results: str, folder: str, name: str) -> bytes | None:
    """What `write_snapshot` wrote; None if there is nothing."""
    try:
        return read_bytes(results, f"{folder}/{name}.pt")
    except FileNotFoundError:
        return None


def delete_snapshot(results: str, folder: str, name: str) -> None:
    """Remove what `write_snapshot` wrote, if it is there."""
    store, root = filesystem(results)
    path = f"{root}/{folder}/{name}.pt"
    try:
        # An object store deletes what is not there in silence, and puts a folder in its place.
        if store.get_file_info(path).type == pa.fs.FileType.File:
            store.delete_file(path)
    except FileNotFoundError:
        return  # another sweep in the same folder was faster


def remove_if_empty(results: str, folder: str) -> None:
    """Remove a folder of a local results folder, and then that, each if nothing is in it."""
    from pathlib import Path

    store, root = filesystem(results)
    if store.type_name == "local":
        with contextlib.suppress(OSError):  # something is in it, or it is not there
            Path(root, folder).rmdir()
            Path(root).rmdir()


def check_seen(results: str, sweep: str) -> None:
    """Hold this process to the folder that the sweep's driver sees.

    Raises:
        InputError: if the file that the driver wrote there cannot be read here.
    """
    if read_snapshot(results, PROBES, sweep) is None:
        raise InputError(f"results {results!r} is here not the folder that the sweep started in; it must be.")


def write_text(results: str, folder: str, name: str, text: str) -> None:
    """Write a small text file beside the tables, in place of the one before, atomically."""
    store, root = filesystem(results)
    write_bytes(store, f"{root}/{folder}/{name}", text.encode())


def read_bytes(results: str, path: str) -> bytes:
    """The content of a file of a results folder, by its path in it."""
    store, root = filesystem(results)
    with store.open_input_stream(f"{root}/{path}") as stream:
        return stream.read()


def written_at(results: str, folder: str, ending: str) -> dict[str, datetime.datetime]:
    """When each file of a folder was written, by its name without the ending; empty where there is no folder."""
    store, root = filesystem(results)
    infos = [one for one in named(store, f"{root}/{folder}", ending) if one.type == pa.fs.FileType.File]
    return {info.base_name.removesuffix(ending): info.mtime for info in infos}


def named(store: pa.fs.FileSystem, folder: str, ending: str) -> list[pa.fs.FileInfo]:
    """The files and folders in a folder whose names end so, without temporary ones; none if it is not there."""
    try:
        found = store.get_file_info(pa.fs.FileSelector(folder, allow_not_found=True))
    except NotADirectoryError:
        return []
    kinds = pa.fs.FileType.File, pa.fs.FileType.Directory
    shown = [info for info in found if _name(info).endswith(ending) and not _name(info).startswith(".")]
    return sorted((info for info in shown if info.type in kinds), key=lambda info: info.path)


def _name(info: pa.fs.FileInfo) -> str:
    """A file's name; empty where it is not UTF-8, which none of ours is."""
    try:
        return info.base_name
    except UnicodeDecodeError:
        return ""


def unreadable(store: pa.fs.FileSystem, folder: str, ending: str) -> list[str]:
    """The paths in a local folder that `named` leaves out because there is no file: links to nothing, pipes."""
    if store.type_name != "local" or not Path(folder).is_dir():
        return []
    paths = sorted(entry.path for entry in os.scandir(folder) if entry.name.endswith(ending) and entry.name[0] != ".")
    # One that is gone since it was listed is no link any more.
    return [one for one in paths if os.path.lexists(one) and not (os.path.isfile(one) or os.path.isdir(one))]
