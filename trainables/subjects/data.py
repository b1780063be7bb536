"""A data set as tensors on a device."""

import functools
import pkgutil
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainables.subjects.datasets import DATASETS


@dataclass(frozen=True)
class Examples:
    """Labelled inputs on one device.

    Attributes:
        inputs: float32, shape (samples, *shape); in [0, 1] unless they are standardized.
        labels: int64 from 0, shape (samples,).
    """

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Examples":
        return Examples(self.inputs.to(device), self.labels.to(device))

    def subset(self, samples: int | None) -> "Examples":
        """The fixed stratified subset of this size; None: all. A smaller subset is part of a larger one."""
        if samples is None or samples == len(self):
            return self
        rows = stratified_rows(self.labels.cpu().numpy(), samples)
        chosen = torch.from_numpy(rows).to(self.labels.device)
        return Examples(self.inputs[chosen], self.labels[chosen])

    def standardized(self, mean: float, std: float) -> "Examples":
        """The same samples with each value less the mean, over the standard deviation."""
        return Examples(self.inputs.sub(mean).div_(std), self.labels)


@dataclass(frozen=True)
class DataSet:
    """The samples to learn from and to test with."""

    train: Examples
    test: Examples

    def to(self, device: torch.device | str) -> "DataSet":
        return DataSet(self.train.to(device), self.test.to(device))


@functools.lru_cache(maxsize=1)
def load(name: str, root: str | None = None, scaling: str = "unit") -> DataSet:
    """A data set, on the CPU; downloaded first where it is not there yet. The last one stays, for the next trial.

    Args:
        name: one of `DATASETS`.
        root: folder of the data sets.
        scaling: `unit` or `standardized` values.

    Raises:
        InputError: if it is missing and cannot be downloaded, or a file is not the official one.
    """
    described = DATASETS[name]
    train, train_labels, test, test_labels = map(torch.from_numpy, pkgutil.resolve_name(described.load)(root))
    loaded = DataSet(Examples(train, train_labels), Examples(test, test_labels))
    if scaling == "unit":
        return loaded
    return DataSet(*(part.standardized(described.mean, described.std) for part in (loaded.train, loaded.test)))


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
