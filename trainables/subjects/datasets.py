"""The data sets that can be studied, each a description: to add one, add it here. No torch until one is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
