"""Data sets as tensors on a device."""

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

from trainables import paths
from trainables.config import CLASSES, TEST_SAMPLES, TRAIN_SAMPLES, DataConfig, InputError

ROOT_VARIABLE = "MINE_STUDY_DATA"
"""Environment variable that names the folder of the data sets."""

IMAGE_SIDE = 28
"""Images are IMAGE_SIDE x IMAGE_SIDE pixels with one channel."""

STANDARD = {"mnist": (0.1307, 0.3081), "fashion_mnist": (0.2860, 0.3530), "digits": (0.3054, 0.3247)}
"""Mean and standard deviation of the training set's pixels in [0, 1]; of digits, of its enlarged images."""

_TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}

# SHA-256 of MNIST's pixels and labels as uint8, so that a damaged unpacked file is found too.
_MNIST_SHA256 = {
    "train": "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
    "test": "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b",
}


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
        return Images((self.pixels - mean) / std, self.labels)


@dataclass(frozen=True)
class DataSet:
    """The training and the test images of a data set."""

    train: Images
    test: Images

    def to(self, device: torch.device | str) -> "DataSet":
        return DataSet(self.train.to(device), self.test.to(device))


def load(config: DataConfig) -> DataSet:
    """The data set, on the CPU, its pixels scaled; downloaded or unpacked first where it is not there yet.

    Raises:
        InputError: if it is missing and cannot be downloaded, or is truncated or corrupt.
    """
    loaded = _digits() if config.name == "digits" else _from_torchvision(config)
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


def _from_torchvision(config: DataConfig) -> DataSet:
    from torchvision import datasets  # slow to import, and not needed for digits

    kind, root = getattr(datasets, _TORCHVISION[config.name]), data_root(config)
    where = f"data.root {str(root)!r}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        raw = root / kind.__name__ / "raw"
        _check_archives(kind, raw, where)
        if not all((raw / Path(name).stem).is_file() for name, _ in kind.resources):
            # Trials on one node share the folder: one unpacks, the others wait.
            with FileLock(root / f".{config.name}.lock"):
                kind(root, download=True)
        sets = {part: kind(root, train=part == "train") for part in ("train", "test")}
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{where} cannot be used for {config.name}: {error}.") from error
    except (RuntimeError, ValueError, AssertionError, EOFError, zlib.error) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise InputError(
            f"{where} holds no usable {config.name} ({reason}); it must hold the official files in "
            f"{kind.__name__}/raw, or the machine must reach the network to download them."
        ) from error
    parts = {part: _images(loaded.data, loaded.targets, config.name, part, where) for part, loaded in sets.items()}
    return DataSet(**parts)


def _check_archives(kind: type, raw: Path, where: str) -> None:
    """Compressed files that are there must be the official ones (torchvision would fetch them anew)."""
    for name, md5 in kind.resources:  # type: ignore[attr-defined]
        archive, unpacked = raw / name, raw / Path(name).stem
        if not archive.is_file() or unpacked.is_file():
            continue
        if hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest() != md5:
            raise InputError(f"{where} holds a truncated or corrupt {name}; its MD5 sum must be {md5}.")


def _images(pixels: Tensor, labels: Tensor, name: str, part: str, where: str) -> Images:
    expected = {"train": TRAIN_SAMPLES, "test": TEST_SAMPLES}[part][name]
    sound = tuple(pixels.shape) == (expected, IMAGE_SIDE, IMAGE_SIDE) and len(labels) == expected
    sound = sound and int(labels.min()) >= 0 and int(labels.max()) < CLASSES
    if sound and name == "mnist":
        content = hashlib.sha256(pixels.numpy().tobytes())
        content.update(labels.to(torch.uint8).numpy().tobytes())
        sound = content.hexdigest() == _MNIST_SHA256[part]
    if not sound:
        raise InputError(
            f"{where} holds a truncated or corrupt {part} set of {name}; it must be the official one: "
            f"delete its unpacked files to have them unpacked or downloaded again."
        )
    return Images(pixels.unsqueeze(1).float() / 255, labels.long())
