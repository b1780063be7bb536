"""What a bound aims at: its value in expectation with the best possible T, from truth's own log ratios.

P is the joint law of a pair and Q_b that of the marginal samples of a batch of b. All values are in nats, each with
its standard error.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Settings(Protocol):
    """What optima read of MINE's settings (`settings.MineConfig`)."""

    @property
    def marginals(self) -> str: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def clip(self) -> float: ...


@dataclass(frozen=True)
class Known:
    """What truth knows of a pair.

    Attributes:
        log_ratio: at draws of P, ln of its density over that of the pairs of different samples, shape (draws,).
        information: the mutual information, and its standard error.
        samples: size of the population; infinite where samples are always fresh.
        contrast: from b, ln b less the mean entropy of which of b variables made an output, and its standard error.
    """

    log_ratio: NDArray[np.float64]
    information: tuple[float, float]
    samples: float
    contrast: Callable[[int], tuple[float, float]]


def ratios(known: Known, config: Settings) -> NDArray[np.float64]:
    """ln of the joint density over that of the marginal samples, Q_b, at draws of the joint law, (draws,).

    A permutation pairs a sample with itself with probability 1/b, so Q_b = P/b + (1 - 1/b) Q_off, with Q_off the pairs
    of different samples; a derangement draws from Q_off; independent draws follow the product of the marginals, in
    which a sample meets itself with probability 1/N.
    """
    among = {"permutation": config.batch_size, "derangement": math.inf, "independent": known.samples}[config.marginals]
    if among == math.inf:
        return known.log_ratio
    return -np.logaddexp(-math.log(among), math.log1p(-1 / among) - known.log_ratio)


def _mean(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard error; without one where the mean is infinite."""
    mean = float(values.mean())
    return mean, float(values.std() / math.sqrt(len(values))) if math.isfinite(mean) else math.nan


def divergence(known: Known, config: Settings) -> tuple[float, float]:
    """KL(P || Q_b), infinite where the marginal samples miss the joint.

    Of a permutation it is at most ln b; of independent draws it is the information itself.
    """
    return known.information if config.marginals == "independent" else _mean(ratios(known, config))


def clipped_divergence(known: Known, config: Settings) -> tuple[float, float]:
    """E_P ln rho - ln E_Q clip(rho, e^-tau, e^tau), at T = ln rho, where rho is the density of P over that of Q = Q_b.

    Above KL(P || Q) where the upper clip takes mass from Q, below it where the lower one adds some. E_Q is taken at
    draws of P, by the weights 1 / rho, which the clip bounds: what they leave of Q's mass has rho below e^-tau.
    """
    log_ratio, tau = ratios(known, config), config.clip
    weights = np.exp(-np.maximum(log_ratio, -tau))
    clipped = np.where(log_ratio > -tau, np.exp(np.minimum(0, tau - log_ratio)) - np.exp(-tau) * weights, 0)
    clipped += math.exp(-tau)
    mean = clipped.mean()
    value, error = _mean(log_ratio - clipped / mean)  # to first order in the error of the second mean
    return value + 1 - math.log(mean), error


def contrast(known: Known, config: Settings) -> tuple[float, float]:
    """The best T is ln p(output | variable) + any function of the output: its shares are the exact posterior."""
    return known.contrast(config.batch_size)
