"""Data sets as tensors on a device."""

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import torch
from filelock import FileLock
from torch import Tensor

from trainables.records import paths
from trainables.settings import DataConfig, InputError

ROOT_VARIABLE = "MINE_STUDY_DATA"
"""Environment variable that names the folder of the data sets."""

IMAGE_SIDE = 28
"""Images are IMAGE_SIDE x IMAGE_SIDE pixels with one channel."""

STANDARD = {"mnist": (0.1307, 0.3081), "fashion_mnist": (0.2860, 0.3530), "digits": (0.3054, 0.3247)}
"""Mean and standard deviation of the training set's pixels in [0, 1]; of digits, of its enlarged images."""

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


@dataclass(frozen=True)
class Images:
    """Labelled images on one device.

    Attributes:
        pixels: float32, shape (samples, 1, 28, 28); in [0, 1] unless they are standardized.
        labels: int64 in 0..9, shape (samples,).
    """

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Images":
        return Images(self.pixels.to(device), self.labels.to(device))

    def subset(self, samples: int | None) -> "Images":
        """The fixed stratified subset of this size; None: all. A smaller subset is part of a larger one."""
        if samples is None or samples == len(self):
            return self
        rows = stratified_rows(self.labels.cpu().numpy(), samples)
        chosen = torch.from_numpy(rows).to(self.labels.device)
        return Images(self.pixels[chosen], self.labels[chosen])

    def standardized(self, mean: float, std: float) -> "Images":
        """The same images with each pixel less the mean, over the standard deviation."""
        return Images(self.pixels.sub(mean).div_(std), self.labels)


@dataclass(frozen=True)
class DataSet:
    """The training and the test images of a data set."""

    train: Images
    test: Images

    def to(self, device: torch.device | str) -> "DataSet":
        return DataSet(self.train.to(device), self.test.to(device))


def load(config: DataConfig) -> DataSet:
    """The data set, on the CPU, its pixels scaled; downloaded first where it is not there yet.

    Raises:
        InputError: if it is missing and cannot be downloaded, or a file is not the official one.
    """
    loaded = _digits() if config.name == "digits" else _official(config)
    if config.scaling == "unit":
        return loaded
    return DataSet(*(part.standardized(*STANDARD[config.name]) for part in (loaded.train, loaded.test)))


def data_root(config: DataConfig) -> Path:
    """Where data sets lie: the configuration's root, then $MINE_STUDY_DATA, then the cache folder."""
    if config.root is not None:
        return paths.local(config.root, "data.root")
    return paths.local(os.environ.get(ROOT_VARIABLE) or platformdirs.user_cache_dir("mine-study"), ROOT_VARIABLE)


def stratified_rows(labels: np.ndarray, samples: int) -> np.ndarray:
    """Rows of a fixed stratified subset: each class has its share of the rows, to within one.

    Every row gets its rank within its class in a fixed shuffle, as a fraction of the class; the rows
    with the smallest fractions are taken.
    """
    shuffled = np.random.default_rng(0).permutation(len(labels))
    fraction = np.empty(len(labels))
    for label in np.unique(labels):
        rows = shuffled[labels[shuffled] == label]
        fraction[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return np.sort(np.argsort(fraction, kind="stable")[:samples])


def _digits() -> DataSet:
    """Scikit-learn's 1,797 handwritten digits of 8x8 pixels, enlarged to 28x28; 80 % train, 20 % test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    small = torch.from_numpy(pixels).float().view(-1, 1, 8, 8) / 16
    size = (IMAGE_SIDE, IMAGE_SIDE)
    large = torch.nn.functional.interpolate(small, size=size, mode="bilinear", align_corners=False)
    targets = torch.from_numpy(labels).long()
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    return DataSet(Images(large[train], targets[train]), Images(large[test], targets[test]))


def _official(config: DataConfig) -> DataSet:
    root = data_root(config)
    where, raw = f"data.root {str(root)!r}", root / _FOLDERS[config.name] / "raw"
    try:
        missing = [name for name in _SHA256[config.name] if not _file(raw, name).exists()]
        if missing:
            _download(config.name, root)
        contents = {name: _content(raw, name, config.name, where) for name in _SHA256[config.name]}
    except OSError as error:
        raise InputError(f"{where} cannot be used for {config.name} ({paths.said(error)}).") from error
    except RuntimeError as error:  # torchvision's, when no mirror answers
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{where} holds no {missing[0]} in {_FOLDERS[config.name]}/raw ({reason}); it must hold the official "
            "files, or the machine must reach the network to download them."
        ) from error
    train_pixels, train_labels, test_pixels, test_labels = contents.values()
    return DataSet(_images(train_pixels, train_labels), _images(test_pixels, test_labels))


def _file(raw: Path, name: str) -> Path:
    """The unpacked file, or the compressed one where that is not there."""
    return raw / name if (raw / name).exists() else raw / f"{name}.gz"


def _download(name: str, root: Path) -> None:
    """By torchvision, which also unpacks."""
    from torchvision import datasets  # slow to import

    root.mkdir(parents=True, exist_ok=True)
    # Trials on one node share the folder: one downloads, the others wait.
    with FileLock(root / f".{name}.lock"):
        getattr(datasets, _FOLDERS[name])(root, download=True)


def _content(raw: Path, name: str, data: str, where: str) -> bytes:
    """A file's content without its header.

    Raises:
        InputError: if it is not the official one.
        OSError: if it cannot be read.
    """
    path = _file(raw, name)
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            content = b""
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256[data][name]:
        known = {sum_: f"{other} of {of}" for of, sums in _SHA256.items() for other, sum_ in sums.items()}
        what = f"{known[found]} under the name of" if found in known else "a truncated or corrupt"
        raise InputError(
            f"{where} holds {what} {path.relative_to(raw.parents[1])}; it must be the official file: delete it to have "
            "it unpacked or downloaded again."
        )
    return content[_HEADERS[name.split("-")[1]] :]


def _images(pixels: bytes, labels: bytes) -> Images:
    grey = torch.from_numpy(np.frombuffer(pixels, dtype=np.uint8).astype(np.float32)).div_(255)
    return Images(
        grey.view(-1, 1, IMAGE_SIDE, IMAGE_SIDE), torch.from_numpy(np.frombuffer(labels, np.uint8).astype(np.int64))
    )
