"""Samples of a layer or an input as they came, and in the precisions in which MINE and truth work."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainables import truth
from trainables.settings import InputError

_SOME = 1_000
"""Rows by which it is decided whether float32 holds a feature."""

_LOST = 0.01
"""Share of a feature's distinct values, or of its values beside the noise, that float32 may lose."""

_FINE = 16
"""float32 numbers per noise std from which on their rounding is as nothing beside the noise."""

_MERGED = 0.05
"""Nats of the rows' entropy that float32 may take."""

_FARTHEST = 1e12
"""Spread over noise std up to which float64 holds the exponents of `truth` to a few thousandths."""


@dataclass(frozen=True)
class Rows:
    """N samples of real, finite numbers.

    Attributes:
        name: what people call the array, such as `x` or `activations['relu']`.
        values: in the dtype in which they came, shape (N, features).
        shape: of one sample as it came; (1,) where it came as one number.
    """

    name: str
    values: NDArray[Any]
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.values)

    def groups(self) -> NDArray[np.int64]:
        """A number for each row, the same for rows that are equal as they came, shape (N,)."""
        values = self.values
        if values.dtype == np.longdouble:  # some of its bytes mean nothing
            high = values.astype(np.float64)
            values = np.concatenate([high, (values - high).astype(np.float64)], axis=1)
        return truth.groups(values)

    def single(self, noise_std: float = 0.0) -> torch.Tensor:
        """The rows in float32, in which MINE works, shape (N, features).

        A feature of which float32 would merge values, or round them to steps that show beside the noise, is moved
        towards 0 by its value nearest to 0: that changes neither information nor a sign.

        Raises:
            InputError: if float32 does not hold the rows even so.
        """
        own = self.values[:: max(1, len(self) // _SOME)]
        with np.errstate(over="ignore", under="ignore"):
            rows = np.array(self.values, dtype=np.float32, order="C")
            some = own.astype(np.float32)
            moved = _coarse(some, noise_std / _FINE) if noise_std else _merges(own, some)
            if moved.any():
                part = self.values[:, moved]
                low, high = part.min(axis=0), part.max(axis=0)
                rows[:, moved] = _less(part, np.where(low > 0, low, np.where(high < 0, high, np.zeros_like(low))))
        self._check_finite(rows)
        if moved.any():
            self._check_held(rows, noise_std)
        return torch.from_numpy(rows)

    def _check_finite(self, rows: NDArray[np.float32]) -> None:
        if not np.isfinite(rows).all():
            largest = max(abs(float(self.values.min())), abs(float(self.values.max())))
            raise InputError(
                f"{self.name} has values up to {largest:.3g}; they must be at most 3.4e+38, what float32 holds, in "
                "which MINE works: divide it, and noise_std, by a common number."
            )

    def _check_held(self, rows: NDArray[np.float32], noise_std: float) -> None:
        if noise_std and _coarse(rows, noise_std).any():
            least = float(np.quantile(np.spacing(np.abs(rows)), 1 - _LOST, axis=0).max())
            raise InputError(
                f"mine.noise_std is {noise_std}; it must be 0 or at least about {least:.1g}, since float32, in which "
                f"MINE works, loses less beside {self.name}, whose values differ by up to {float(np.ptp(rows)):.2g}."
            )
        came, kept = (truth.entropy(torch.from_numpy(groups)) for groups in (self.groups(), truth.groups(rows)))
        if not noise_std and came - kept > _MERGED:
            raise InputError(
                f"{self.name} has an entropy of {came:.2f} nats, and {abs(kept):.2f} in float32, in which MINE works; "
                "float32 must keep it: change the scale or the offset."
            )

    def double(self, noise_std: float) -> tuple[torch.Tensor, float]:
        """The rows and the noise std in a unit in which the std is in [1/2, 1); rows in float64, (N, features).

        Each feature is moved before it is rounded, so that its lowest value is 0: a large offset costs no digits.

        Raises:
            InputError: if float64 does not hold the rows' distances beside this noise.
        """
        std, exponent = math.frexp(noise_std)
        with np.errstate(over="ignore", under="ignore"):
            rows = _less(self.values, self.values.min(axis=0), exponent)
            reach = math.sqrt(float(np.square(rows.max(axis=0) / std).sum()))
        if not reach <= _FARTHEST:
            raise InputError(
                f"noise_std is {noise_std}; it must be 0 or at least about {reach / _FARTHEST * noise_std:.1g}, since "
                f"float64 loses less beside {self.name}, whose values differ by up to {reach * noise_std:.2g}."
            )
        return torch.from_numpy(rows), std


def _coarse(rows: NDArray[np.float32], step: float) -> NDArray[np.bool_]:
    """Features whose values lie where float32's numbers are farther apart than a step."""
    return np.asarray((np.spacing(np.abs(rows)) > step).mean(axis=0) > _LOST)


def _merges(own: NDArray[Any], rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Features of which float32 makes fewer distinct values."""
    if np.can_cast(own.dtype, np.float32, casting="safe"):
        return np.zeros(rows.shape[1], dtype=bool)
    return np.asarray(_distinct(rows) < (1 - _LOST) * _distinct(own))


def _distinct(values: NDArray[Any]) -> NDArray[np.int64]:
    ordered = np.sort(values, axis=0)
    return np.asarray(1 + (ordered[1:] != ordered[:-1]).sum(axis=0))


def _less(values: NDArray[Any], reference: NDArray[Any], exponent: int = 0) -> NDArray[np.float64]:
    """(values - reference) / 2^exponent, rounded once to float64, shape (N, features)."""
    result = np.empty(values.shape)
    for start in range(0, len(values), _SOME):
        block = values[start : start + _SOME].astype(np.longdouble) - reference.astype(np.longdouble)
        result[start : start + _SOME] = np.ldexp(block, -exponent)
    return result
