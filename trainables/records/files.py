"""Files of a results folder, on a local disk or in an object store, and any other output: written atomically."""

import contextlib
import datetime
import os
import uuid
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.fs

from trainables import places
from trainables.records.layout import PROBES
from trainables.settings import InputError

_OBJECT_STORES = ("s3", "gcs", "abfs")


def filesystem(results: str, field: str = "results") -> tuple[pa.fs.FileSystem, str]:
    """The file system and the path of a results folder given as a local path or a URI; `field` is what it is called.

    Raises:
        InputError: if it is no path (`trainables.places.place`), or the URI's scheme is not known.
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


def write_bytes(store: pa.fs.FileSystem, path: str, content: bytes | pa.Buffer) -> None:
    """Write a file atomically: under its name there is the old content or all of the new one, also on a full disk.

    An object store shows an object only once it is complete and has no rename; elsewhere the content goes to a
    temporary name in the same folder, which readers pass over since it begins with a dot, and is renamed.

    Raises:
        OSError: if it cannot be written, with the path and what the system says; nothing of it is left.
    """
    try:
        if store.type_name in _OBJECT_STORES:
            _write(store, path, content)
            return
        store.create_dir(str(PurePosixPath(path).parent), recursive=True)
        temporary = str(PurePosixPath(path).with_name(f".{uuid.uuid4().hex}.tmp"))
        try:
            _write(store, temporary, content)
            store.move(temporary, path)
        except BaseException:
            delete(store, temporary)
            raise
    except OSError as error:
        if error.errno is None:  # of an object store, which says more than a number
            raise
        raise OSError(error.errno, os.strerror(error.errno), path) from error


def _write(store: pa.fs.FileSystem, path: str, content: bytes | pa.Buffer) -> None:
    with store.open_output_stream(path) as stream:
        stream.write(content)


def write_local(path: Path, content: bytes | str) -> None:
    """`write_bytes` for a file on this machine; text as UTF-8."""
    write_bytes(pa.fs.LocalFileSystem(), str(path), content.encode() if isinstance(content, str) else content)


def delete(store: pa.fs.FileSystem, path: str) -> None:
    """Delete a file if it is there."""
    # An object store deletes what is not there in silence, and puts a folder in its place.
    if store.get_file_info(path).type == pa.fs.FileType.File:
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            store.delete_file(path)


def check_writable(results: str, field: str = "results") -> None:
    """Write and delete a file; `field` is what the folder is called.

    A folder that is not there is not made, so that a refused command does not leave it behind: the file goes to the
    nearest folder above.

    Raises:
        InputError: if the folder cannot be written.
    """
    store, root = filesystem(results, field)
    try:
        if store.type_name == "local":
            root = str(next(one for one in (Path(root), *Path(root).parents) if one.exists()))
        path = f"{root}/.probe-{uuid.uuid4().hex}"
        write_bytes(store, path, b"")
        store.delete_file(path)
    except OSError as error:
        raise InputError(
            f"{field} {results!r} cannot be written ({places.said(error)}); it must be a writable folder or URI."
        ) from error


def write_snapshot(results: str, folder: str, name: str, content: bytes) -> None:
    """Write a file that is no table (a checkpoint, a trained network, a truth), in place of the one before."""
    store, root = filesystem(results)
    write_bytes(store, f"{root}/{folder}/{name}.pt", content)


def read_snapshot(results: str, folder: str, name: str) -> bytes | None:
    """What `write_snapshot` wrote; None if there is nothing."""
    store, root = filesystem(results)
    try:
        with store.open_input_stream(f"{root}/{folder}/{name}.pt") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def delete_snapshot(results: str, folder: str, name: str) -> None:
    """Delete what `write_snapshot` wrote, if it is there."""
    store, root = filesystem(results)
    delete(store, f"{root}/{folder}/{name}.pt")


def remove_if_empty(results: str, folder: str) -> None:
    """Remove a folder of a local results folder, and then that, each if nothing is in it."""
    store, root = filesystem(results)
    if store.type_name == "local":
        with contextlib.suppress(OSError):  # something is in it, or it is not there
            Path(root, folder).rmdir()
            Path(root).rmdir()


def check_seen(results: str, sweep: str) -> None:
    """Refuse to write where this process does not see the folder of the sweep's driver.

    Raises:
        InputError: if the file that the driver wrote there cannot be read here.
    """
    if read_snapshot(results, PROBES, sweep) is None:
        raise InputError(f"results {results!r} is here not the folder that the sweep started in; it must be.")


def written_at(results: str, folder: str, ending: str) -> dict[str, datetime.datetime]:
    """When each file of a folder was written, by its name without the ending; empty where there is no folder."""
    store, root = filesystem(results)
    infos = [one for one in named(store, f"{root}/{folder}", ending) if one.type == pa.fs.FileType.File]
    return {info.base_name.removesuffix(ending): info.mtime for info in infos}


def named(store: pa.fs.FileSystem, folder: str, ending: str) -> list[pa.fs.FileInfo]:
    """What is in a folder with a name that ends so, without temporary files, by name; none if there is no folder.

    It may be of any type: a folder, or of a local one also a link to nothing or a pipe.
    """
    if store.type_name == "local":  # where the selector of pyarrow leaves out links to nothing
        there = os.listdir(folder) if os.path.isdir(folder) else []
        names = [name for name in there if name.endswith(ending) and name == name.encode(errors="ignore").decode()]
        found = store.get_file_info([f"{folder}/{name}" for name in names])
        infos = [info for info in found if os.path.lexists(info.path)]  # not deleted since it was listed
    else:
        found = store.get_file_info(pa.fs.FileSelector(folder, allow_not_found=True))
        infos = [info for info in found if info.path.endswith(ending)]
    return sorted((info for info in infos if not info.base_name.startswith(".")), key=lambda info: info.path)
