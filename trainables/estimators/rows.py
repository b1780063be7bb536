"""Samples of a layer or an input as they came, and in the precisions in which MINE and truth work."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainables import truth
from trainables.settings import InputError

_FAR = 16
"""A feature this many times its own range away from 0 is moved towards 0 before float32 rounds it."""

_LOST = 0.01
"""Share of a feature's values beside which float32 may lose the noise."""

_MERGED = 0.05
"""Nats of the rows' entropy that float32 may take."""

_FARTHEST = 1e12
"""Spread over noise std up to which float64 holds the exponents of `truth` to a few thousandths."""


@dataclass(frozen=True)
class Rows:
    """N samples of real, finite numbers.

    Attributes:
        name: what people call the array, such as `x` or `activations['relu']`.
        values: in the type in which they came, at most 8 bytes each, shape (N, features).
        shape: of one sample as it came; (1,) where it came as one number.
    """

    name: str
    values: NDArray[Any]
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.values)

    def groups(self) -> NDArray[np.int64]:
        """A number for each row, the same for rows that are equal as they came, shape (N,)."""
        return truth.groups(self.values)

    def single(self, noise_std: float = 0.0) -> torch.Tensor:
        """The rows in float32, in which MINE works, shape (N, features).

        A feature that is far from 0 beside its own range, of which float32 would keep few digits, is moved towards 0 by
        its value nearest to 0: that changes neither information nor a sign.

        Raises:
            InputError: if float32 does not hold the rows even so.
        """
        low, high = (np.asarray(one, dtype=np.float64) for one in (self.values.min(axis=0), self.values.max(axis=0)))
        nearest = np.where(low > 0, low, np.where(high < 0, high, 0.0))
        with np.errstate(over="ignore", under="ignore"):
            far = (high > low) & (np.abs(nearest) > _FAR * (high - low))
            rows = (self.values - far * nearest if far.any() else self.values).astype(np.float32, order="C")
        if not np.isfinite(rows).all():
            raise InputError(
                f"{self.name} has values up to {np.abs([low, high]).max():.3g}; they must be at most 3.4e+38, what "
                "float32 holds, in which MINE works: divide it, and noise_std, by a common number."
            )
        step = np.spacing(np.abs(rows).max())
        if noise_std and step > noise_std and ((np.spacing(np.abs(rows)) > noise_std).mean(axis=0) > _LOST).any():
            raise InputError(
                f"mine.noise_std is {noise_std}; it must be 0 or at least about {step:.1g}, since float32, in which "
                f"MINE works, loses less beside {self.name}, whose values differ by up to {float(np.ptp(rows)):.2g}."
            )
        if not noise_std and not np.can_cast(self.values.dtype, np.float32):
            came, kept = (truth.entropy(torch.from_numpy(groups)) for groups in (self.groups(), truth.groups(rows)))
            if came - kept > _MERGED:
                raise InputError(
                    f"{self.name} has an entropy of {came:.2f} nats, and {abs(kept):.2f} in float32, in which MINE "
                    "works; float32 must keep it: change the scale or the offset."
                )
        return torch.from_numpy(rows)

    def in_stds(self, noise_std: float) -> torch.Tensor:
        """The rows in units of the noise std, float64, (N, features).

        Each feature is moved before it is rounded, so that its lowest value is 0: a large offset costs no digits.

        Raises:
            InputError: if float64 does not hold the rows' distances beside this noise.
        """
        low = self.values.min(axis=0)
        with np.errstate(over="ignore", under="ignore"):
            if self.values.dtype.kind == "f":
                rows = self.values.astype(np.float64) - low
            else:  # modulo 2^64, in which the difference of any two integers of 64 bits is exact
                rows = (self.values.astype(np.uint64) - low.astype(np.uint64)).astype(np.float64)
            rows /= noise_std
            reach = float(np.sqrt(np.square(rows.max(axis=0)).sum()))
        if not reach <= _FARTHEST:
            raise InputError(
                f"noise_std is {noise_std}; it must be 0 or at least about {reach / _FARTHEST * noise_std:.1g}, since "
                f"float64 loses less beside {self.name}, whose values differ by up to {reach * noise_std:.2g}."
            )
        return torch.from_numpy(rows)
