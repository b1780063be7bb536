"""MNIST, Fashion-MNIST and CIFAR-10 from their official files, in torchvision's layout; downloaded where missing."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock
from numpy.typing import NDArray

from trainables import places
from trainables.errors import InputError
from trainables.subjects.datasets import Arrays

ROOT_VARIABLE = "MINE_STUDY_DATA"
"""Environment variable that names the folder of the data sets."""

_FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
"""Also the names of torchvision's classes, which download them."""

_SHA256 = {
    "mnist": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}
"""Of each file's content, unpacked."""

_HEADERS = {"images": 16, "labels": 8}
"""Bytes before the content, by kind of file."""


def mnist(root: str | None) -> Arrays:
    """MNIST; raises as `_load`."""
    return _load("mnist", root)


def fashion_mnist(root: str | None) -> Arrays:
    """Fashion-MNIST; raises as `_load`."""
    return _load("fashion_mnist", root)


def cifar10(root: str | None) -> Arrays:
    """CIFAR-10, read, checked and where it is missing downloaded by torchvision.

    Raises:
        InputError: if it is missing and cannot be downloaded, or a file is not the official one.
    """
    from torchvision import datasets  # slow to import

    folder = data_root(root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".cifar10.lock"):
            parts = [datasets.CIFAR10(folder, train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"data.root {str(folder)!r} holds no CIFAR-10 in cifar-10-batches-py ({reason}); it must hold the official "
            "files, or the machine must reach the network to download them."
        ) from error
    arrays = [(part.data.transpose(0, 3, 1, 2) / np.float32(255), np.array(part.targets)) for part in parts]
    return (*arrays[0], *arrays[1])


def data_root(root: str | None) -> Path:
    """Where data sets are: `data.root`, then $MINE_STUDY_DATA, then the cache folder."""
    if root is not None:
        return places.local(root, "data.root")
    return places.local(os.environ.get(ROOT_VARIABLE) or platformdirs.user_cache_dir("mine-study"), ROOT_VARIABLE)


def _load(data: str, given: str | None) -> Arrays:
    """A data set; downloaded first where it is not there yet.

    Raises:
        InputError: if it is missing and cannot be downloaded, or a file is not the official one.
    """
    root = data_root(given)
    where, files = f"data.root {str(root)!r}", {name: root / _FOLDERS[data] / "raw" / name for name in _SHA256[data]}
    try:
        missing = [name for name, path in files.items() if not path.exists() and not _compressed(path).exists()]
        if missing:
            _download(data, root)
        contents = [_content(path, data, where) for path in files.values()]
    except OSError as error:
        raise InputError(f"{where} cannot be used for {data} ({places.said(error)}).") from error
    except RuntimeError as error:  # torchvision's, when no mirror answers
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{where} holds no {missing[0]} in {_FOLDERS[data]}/raw ({reason}); it must hold the official "
            "files, or the machine must reach the network to download them."
        ) from error
    train, train_labels, test, test_labels = contents
    return _grey(train), train_labels.astype(np.int64), _grey(test), test_labels.astype(np.int64)


def _compressed(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")


def _download(name: str, root: Path) -> None:
    """By torchvision, which also unpacks."""
    from torchvision import datasets  # slow to import

    root.mkdir(parents=True, exist_ok=True)
    # Trials on one node share the folder: one downloads, the others wait.
    with FileLock(root / f".{name}.lock"):
        getattr(datasets, _FOLDERS[name])(root, download=True)


def _content(path: Path, data: str, where: str) -> NDArray[np.uint8]:
    """The bytes of a file, or of the compressed one where that is not there, without its header.

    Raises:
        InputError: if it is not the official one.
        OSError: if it cannot be read.
    """
    name = path.name
    if path.exists():
        content = path.read_bytes()
    else:
        path = _compressed(path)
        try:
            content = gzip.decompress(path.read_bytes())
        except (gzip.BadGzipFile, EOFError, zlib.error):
            content = b""
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256[data][name]:
        known = {sum_: f"{other} of {of}" for of, sums in _SHA256.items() for other, sum_ in sums.items()}
        what = f"{known[found]} under the name of" if found in known else "a truncated or corrupt"
        raise InputError(
            f"{where} holds {what} {path.relative_to(path.parents[2])}; it must be the official file: delete it to "
            "have it unpacked or downloaded again."
        )
    return np.frombuffer(content, np.uint8, offset=_HEADERS[name.split("-")[1]])


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.astype(np.float32).reshape(-1, 1, 28, 28) / np.float32(255)
