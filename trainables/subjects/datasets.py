"""The data sets that can be studied, each a description: to add one, add it here. No torch until one is loaded."""

import functools
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.errors import require
from trainables.subjects import own

Arrays = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]
"""Training inputs in [0, 1], shape (samples, *shape), and labels from 0, shape (samples,); the same to test with."""


@dataclass(frozen=True)
class Data:
    """A data set that can be studied.

    Attributes:
        load: `module:name` of what loads it, called with `data.root`; it returns `Arrays`.
        shape: of one input.
        classes: number of labels.
        train, test: samples to learn from and to test with.
        mean, std: of the training inputs' values, which `data.scaling` standardized takes.
    """

    load: str
    shape: tuple[int, ...]
    classes: int
    train: int
    test: int
    mean: float
    std: float


DATASETS: Mapping[str, Data] = {
    "mnist": Data("trainables.subjects.official:mnist", (1, 28, 28), 10, 60_000, 10_000, 0.1307, 0.3081),
    "fashion_mnist": Data(
        "trainables.subjects.official:fashion_mnist", (1, 28, 28), 10, 60_000, 10_000, 0.2860, 0.3530
    ),
    "cifar10": Data("trainables.subjects.official:cifar10", (3, 32, 32), 10, 50_000, 10_000, 0.4734, 0.2516),
    "binary_rule": Data("trainables.subjects.binary_rule:load", (12,), 2, 3_481, 615, 0.5, 0.5),
    "digits": Data("trainables.subjects.datasets:digits", (1, 28, 28), 10, 1_437, 360, 0.3054, 0.3247),
}
"""By `data.name`."""


@functools.cache
def described(name: str, root: str | None = None, bins: int | None = None) -> Data:
    """A data set of `DATASETS`, or of people's own, which takes loading it; raises as `load`."""
    if name in DATASETS:
        return DATASETS[name]
    train, labels, test, test_labels = load(name, root, bins)
    classes = 1 + int(max(labels.max(), test_labels.max()))
    return Data(name, train.shape[1:], classes, len(train), len(test), float(train.mean()), float(train.std()))


def load(name: str, root: str | None, bins: int | None = None) -> Arrays:
    """The arrays of a data set: of `DATASETS`, or what the function `package.module:name` returns.

    Args:
        bins: into how many bins of equal counts the labels of people's own data are put; None: they are classes.

    Raises:
        InputError: if it is missing and cannot be downloaded, a file is not the official one, or the function does not
            return inputs (N, ...) and N labels to learn from, and as many to test with.
    """
    if name in DATASETS:
        return pkgutil.resolve_name(DATASETS[name].load)(root)
    given = own.call(name, "data.name", root)
    four = "of a function that returns inputs and labels to learn from, and inputs and labels to test with"
    require(isinstance(given, tuple | list) and len(given) == 4, "data.name", name, four)
    train, test = (_inputs(name, values) for values in given[::2])
    labels, learnt, tested = [np.ravel(given[1]), np.ravel(given[3])], train.shape[1:], test.shape[1:]
    require(learnt == tested, f"{name}'s shape of inputs to test with", tested, f"{learnt}, as of those to learn from")
    for inputs, of in zip((train, test), labels, strict=True):
        require(len(inputs) == len(of), f"{name}'s number of labels", len(of), f"{len(inputs)}, as of inputs")
    numbered = classes(f"{name}'s labels", np.concatenate(labels), bins)
    return train, numbered[: len(train)], test, numbered[len(train) :]


def _inputs(name: str, values: Any) -> NDArray[np.float32]:
    array = np.asarray(values)
    usable = array.dtype.kind in "biuf" and array.ndim >= 2 and array.size > 0 and bool(np.isfinite(array).all())
    seen = f"{array.dtype} of shape {array.shape}"
    require(usable, f"{name}'s array of inputs", seen, "finite real numbers of shape (N, ...)")
    return np.ascontiguousarray(array, dtype=np.float32)


def classes(name: str, labels: NDArray[Any], bins: int | None = None) -> NDArray[np.int64]:
    """Class numbers from 0, int64, shape (N,), of labels of any kind; of real numbers by bins of equal counts.

    Raises:
        InputError: if labels are not finite, all the same, or real numbers without bins.
    """
    if labels.dtype.kind == "f":
        require(bool(np.isfinite(labels).all()), name, "not finite", "finite numbers")
        whole = bool((labels == np.round(labels)).all())
        require(bins is not None or whole, name, "real numbers", "classes; data.bins puts numbers into bins")
    if bins is not None:
        edges = np.quantile(labels, np.linspace(0, 1, bins + 1)[1:-1])
        labels = np.searchsorted(edges, labels, side="right")
    found, numbers = np.unique(labels, return_inverse=True)
    require(len(found) >= 2, name, found.tolist(), "of two classes or more")
    return numbers.astype(np.int64)


def digits(root: str | None) -> Arrays:
    """Scikit-learn's 1,797 handwritten digits of 8x8 pixels, enlarged to 28x28; 80 % train, 20 % test. No files."""
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    small = torch.from_numpy(pixels).float().view(-1, 1, 8, 8) / 16
    size = DATASETS["digits"].shape[1:]
    large = torch.nn.functional.interpolate(small, size=size, mode="bilinear", align_corners=False).numpy()
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    return large[train], labels[train].astype(np.int64), large[test], labels[test].astype(np.int64)
