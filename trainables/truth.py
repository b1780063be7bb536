"""Truth: the exact mutual information of a finite population seen through noise.

The population is the empirical distribution on N samples. With noise, Z = f_i + sigma eps is a Gaussian
mixture with one component per sample, and I(X;Z), I(Y;Z) are computed by Monte Carlo to a stated standard
error (Goldfeld et al. 2019, arXiv:1810.11589, eq. 14-16). Without noise they are entropies, by counting.
All values are in nats.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

STANDARD_ERROR_X = 0.02
"""Standard error to which I(X;Z) is computed, in nats ..."""

STANDARD_ERROR_SMALL = 0.005
"""... and to which I(Y;Z), and I(X;Z) below `SMALL`, are."""

SMALL = 0.5
"""Truths below this many nats are computed to the smaller standard error."""

LEAST_DRAWS = 1_000
MOST_DRAWS = 40_000
"""Draws are added until the standard errors are reached, or to this cap; their number is recorded."""

_BLOCK = 250
"""Draws per block; the standard errors are looked at after each."""

CHUNK = {"cpu": 2_048, "cuda": 8_192}
"""Samples per product, by kind of device; with 2,880 features 2,048 of them in float64 take 47 MB. A GPU waits for the
launch of every small kernel, so it takes more at once."""

_FEATURES = 64
"""Features whose mean is taken at once, since PyTorch makes float64 of all that it averages."""

_PRODUCTS_HOLD = 1e-3
"""Error of an exponent up to which squared distances are taken from products ..."""

_ROUNDING = torch.finfo(torch.float64).eps
"""... that lose this share of the squares."""


@dataclass(frozen=True)
class Truth:
    """Exact information of one layer at one noise, and the log ratios that optima are computed from.

    Attributes:
        x, y: I(X;Z) and I(Y;Z) in nats.
        x_standard_error, y_standard_error: 0 without noise, where both are counted.
        log_ratio_x, log_ratio_y: for each draw z of sample i, ln p(z|i) - ln p_off(z), where p_off is the mixture
            of the other samples; for Y, ln p(z|y) - ln p_off(z|y). Shape (draws,).
    """

    x: float
    y: float
    x_standard_error: float
    y_standard_error: float
    log_ratio_x: np.ndarray
    log_ratio_y: np.ndarray

    def of(self, variable: str) -> tuple[float, float, NDArray[np.float64]]:
        """Information of "X" or "Y", its standard error, and the log ratios."""
        if variable == "X":
            return self.x, self.x_standard_error, self.log_ratio_x
        return self.y, self.y_standard_error, self.log_ratio_y

    @property
    def draws(self) -> int:
        """Monte Carlo draws, or samples where there is no noise."""
        return len(self.log_ratio_x)


def entropy(rows: Tensor) -> float:
    """Entropy in nats of the empirical distribution over rows, by counting distinct ones.

    Args:
        rows: shape (N,) or (N, features); equal means equal in every element.

    >>> round(entropy(torch.tensor([0, 0, 1, 1])), 4)
    0.6931
    """
    _, counts = np.unique(groups(rows.reshape(len(rows), -1).cpu().numpy()), return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log(share)).sum())


def groups(values: np.ndarray) -> np.ndarray:
    """A number for each row of an array (N, features), the same for equal rows, shape (N,)."""
    # A digest of 128 bits stands for its row: sorting whole rows would copy all of them. Adding 0 turns
    # -0.0 into 0.0, which compare equal but differ in their bytes.
    digests = b"".join(hashlib.blake2b((row + 0).tobytes(), digest_size=16).digest() for row in values)
    return np.unique(np.frombuffer(digests, dtype="V16"), return_inverse=True)[1]


def compute(
    outputs: Tensor,
    labels: Tensor,
    noise_stds: Sequence[float],
    source: torch.Generator,
    most_draws: int = MOST_DRAWS,
) -> dict[float, Truth]:
    """Truth at several noise stds from the same pairwise terms.

    A noise std's draws do not depend on the others asked for at once: each takes the first blocks of one
    stream until its own standard errors are reached.

    Args:
        outputs: a layer's outputs without noise, float32 or float64, shape (N, features), N at least 2.
        labels: int64, shape (N,).
        source: CPU generator of the draws.

    Returns:
        Truth by noise std.

    Raises:
        ValueError: if an output is not finite.
    """
    if not torch.stack(outputs.aminmax()).isfinite().all():  # makes no copy of the outputs
        raise ValueError("outputs are not all finite; there is no truth for them.")
    mixture = Mixture.of(outputs, labels)
    truths = {std: _without_noise(mixture) for std in noise_stds if std == 0}
    waiting = {std: _Draws() for std in noise_stds if std > 0}
    while waiting:
        centres = torch.randint(len(outputs), (_BLOCK,), generator=source).to(outputs.device)
        noise = torch.randn(_BLOCK, outputs.shape[1], generator=source).to(outputs.device, torch.float64)
        for std, log_off in mixture.log_densities(centres, noise, list(waiting)).items():
            waiting[std].add(log_off, mixture.classes[centres], mixture.sizes)
        for std in [std for std, drawn in waiting.items() if drawn.enough(most_draws)]:
            truths[std] = waiting.pop(std).truth(mixture)
    return {std: truths[std] for std in noise_stds}


@dataclass(frozen=True)
class Mixture:
    """The N components of Z, on one device.

    Attributes:
        outputs: shape (N, features), float32 or float64.
        groups: a number per row, equal for equal rows, shape (N,).
        classes: class of each row, from 0, shape (N,).
        sizes: rows of each class, float64, shape (classes,).
        mean: of the outputs, float64, shape (features,).
        squares: of the rows' distances from it, float64, shape (N,).
        largest: of these.
        chunks: the rows class by class, in parts: (class, their numbers).
    """

    outputs: Tensor
    groups: Tensor
    classes: Tensor
    sizes: Tensor
    mean: Tensor
    squares: Tensor
    largest: float
    chunks: list[tuple[int, Tensor]]

    @staticmethod
    def of(outputs: Tensor, labels: Tensor) -> "Mixture":
        """Everything that no draw changes, computed once, so that a draw has nothing to ask of a GPU."""
        equal = torch.from_numpy(groups(outputs.cpu().numpy())).to(outputs.device)
        found, classes = labels.unique(return_inverse=True)
        sizes, step = classes.bincount(minlength=len(found)), CHUNK[outputs.device.type]
        mean = outputs.new_empty(outputs.shape[1], dtype=torch.float64)
        for part, its_mean in zip(outputs.split(_FEATURES, dim=1), mean.split(_FEATURES), strict=True):
            torch.mean(part, dim=0, dtype=torch.float64, out=its_mean)
        squares = torch.cat([(part.double() - mean).square_().sum(dim=1) for part in outputs.split(step)])
        by_class = classes.argsort(stable=True).split(sizes.tolist())
        chunks = [(label, rows) for label, members in enumerate(by_class) for rows in members.split(step)]
        return Mixture(outputs, equal, classes, sizes.double(), mean, squares, float(squares.max()), chunks)

    @property
    def label_entropy(self) -> float:
        share = self.sizes / self.sizes.sum()
        return float(-(share * share.log()).sum())

    def log_densities(self, centres: Tensor, noise: Tensor, noise_stds: Sequence[float]) -> dict[float, Tensor]:
        """For draws z = f_i + sigma eps, ln of the other components' summed density over the own one's.

        With the own term (j = i) left out:

            ln sum_{j != i, y_j = y} exp(-(|f_i - f_j|^2 + 2 sigma eps.(f_i - f_j)) / (2 sigma^2))

        Products are taken in float64, chunk by chunk: at a small noise std the exponents are squared distances times a
        large number, and float32 loses them to the cancellation in |f_i|^2 + |f_j|^2 - 2 f_i.f_j (10.87 nats where
        11.00 is right, at 0.01). Where float64 might lose them too, beside outputs 10^6 noise stds away, distances are
        taken from differences.

        Args:
            centres: i of each draw, shape (draws,), on the outputs' device.
            noise: eps of each draw, standard normal, float64, shape (draws, features), on the outputs' device.

        Returns:
            By noise std, float64, shape (draws, classes); -inf where a class has no other component.
        """
        draws, shape = len(centres), (len(centres), len(self.sizes))
        own = self._rows(centres)
        both, own_square, own_noise = torch.cat([own, noise]), self.squares[centres], (noise * own).sum(dim=1)
        own_group, rounding = self.groups[centres][:, None], _ROUNDING * 2 * self.largest
        sums = {std: torch.full(shape, -math.inf, dtype=torch.float64, device=own.device) for std in noise_stds}
        for label, rows in self.chunks:
            others = self._rows(rows)
            products = both @ others.T
            square = products[:draws].mul_(-2).add_(own_square[:, None]).add_(self.squares[rows])
            along = own_noise[:, None] - products[draws:]
            is_own, is_equal = rows == centres[:, None], self.groups[rows] == own_group
            for std in noise_stds:
                squared = square
                if rounding > _PRODUCTS_HOLD * std**2:
                    squared = torch.cdist(own, others, compute_mode="donot_use_mm_for_euclid_dist").square_()
                exponent = torch.add(squared / (-2 * std**2), along, alpha=-1 / std)
                part = exponent.masked_fill_(is_equal, 0).masked_fill_(is_own, -math.inf).logsumexp(dim=1)
                sums[std][:, label] = torch.logaddexp(sums[std][:, label], part)
        return sums

    def _rows(self, rows: Tensor) -> Tensor:
        return self.outputs.index_select(0, rows).double().sub_(self.mean)


class _Draws:
    """What the draws at one noise std give, one number per draw: the rows of `values`.

    ln p(z|i) - ln p(z) and the entropy of the class given z, whose means are truths, and the two log ratios of `Truth`.
    """

    def __init__(self) -> None:
        self.values = np.empty((4, 0))

    def add(self, log_off: Tensor, classes: Tensor, sizes: Tensor) -> None:
        """Take in draws.

        Args:
            log_off: from `Mixture.log_densities`, shape (draws, classes).
            classes: class of each draw's own component, shape (draws,).
            sizes: number of samples in each class, shape (classes,).
        """
        samples, zero = sizes.sum(), log_off.new_zeros(())
        own = torch.nn.functional.one_hot(classes, len(sizes)).bool()
        own_class, own_size = log_off.gather(1, classes[:, None]).squeeze(1), sizes[classes]
        all_off = log_off.logsumexp(dim=1)
        everything = torch.logaddexp(all_off, zero)  # the own term is exp(0)
        posterior = (torch.where(own, torch.logaddexp(log_off, zero), log_off) - everything[:, None]).exp()
        # p(z|y) is the mean over the class, p_off(z|y) = (N p(z) - p(z|y)) / (N - 1).
        given_class = torch.logaddexp(own_class, zero) - own_size.log()
        other_classes = log_off.masked_fill(own, -math.inf).logsumexp(dim=1)
        rest_of_own = given_class + (own_size - 1).log()
        off_class = torch.logaddexp(other_classes, rest_of_own) - (samples - 1).log()
        found = (
            samples.log() - everything,
            torch.special.entr(posterior).sum(dim=1),
            (samples - 1).log() - all_off,
            given_class - off_class,
        )
        self.values = np.concatenate([self.values, torch.stack(found).cpu().numpy()], axis=1)  # one copy from a GPU

    def enough(self, most_draws: int) -> bool:
        """Whether the standard errors are reached, or the cap."""
        drawn = self.values.shape[1]
        x, error_x, _, error_y = self._means()
        small_enough = error_x <= (STANDARD_ERROR_X if x >= SMALL else STANDARD_ERROR_SMALL)
        return drawn >= most_draws or (drawn >= LEAST_DRAWS and small_enough and error_y <= STANDARD_ERROR_SMALL)

    def _means(self) -> tuple[float, float, float, float]:
        """Mean and standard error of I(X;Z), then of H(Y|Z)."""
        mean, deviation = self.values[:2].mean(axis=1), self.values[:2].std(axis=1, ddof=1)
        error = deviation / math.sqrt(self.values.shape[1])
        return float(mean[0]), float(error[0]), float(mean[1]), float(error[1])

    def truth(self, mixture: Mixture) -> Truth:
        x, error_x, given_z, error_y = self._means()
        return Truth(x, mixture.label_entropy - given_z, error_x, error_y, self.values[2], self.values[3])


def _without_noise(mixture: Mixture) -> Truth:
    """H(L) and H(Y) - H(Y|L), by counting: every sample is a draw, and only equal outputs reach it."""
    equal = mixture.groups
    counts = torch.zeros(int(equal.max()) + 1, len(mixture.sizes), dtype=torch.float64, device=equal.device)
    counts.index_put_((equal, mixture.classes), torch.ones_like(equal, dtype=torch.float64), accumulate=True)
    own = torch.nn.functional.one_hot(mixture.classes, len(mixture.sizes))
    drawn = _Draws()
    drawn.add((counts[equal] - own).log(), mixture.classes, mixture.sizes)
    return replace(drawn.truth(mixture), x_standard_error=0.0, y_standard_error=0.0)
