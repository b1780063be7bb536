"""The bounds on mutual information that a statistics network T can be trained on, each a description: to add one, add
it here. No torch but by the tensors that are given.

A bound is a function of T on joint samples and on marginal samples. Marginal samples that are made inside a batch of b
do not follow the product of the marginals but a law Q_b of their own, so a bound does not aim at the information but at
its *optimum*: its value in expectation with the best possible T. Truth gives the log ratios that this takes. All values
are in nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Ascent = Callable[["Tensor"], "tuple[Tensor, Tensor]"]
"""What is ascended, as its gradients: from T of joint, then of marginal samples, shape (2, batch, pairs, replicates),
to the gradients for the one and for the other, each (batch, pairs, replicates).

It is taken for T alone and per fit: no loss is summed over fits, so one fit's overflow cannot reach another."""


class Settings(Protocol):
    """What bounds read of MINE's settings (`settings.MineConfig`)."""

    @property
    def log_mean_exp(self) -> str: ...
    @property
    def gradient_correction(self) -> str: ...
    @property
    def moving_average_rate(self) -> float: ...


@dataclass(frozen=True)
class Bound:
    """A bound.

    Attributes:
        source: where it was proposed.
        value: from T on n joint and on n marginal samples, both (..., n, pairs, replicates), to nats per fit.
        ascent: makes a run's gradient; it may keep what a run has seen.
        optimum: from the log ratios of draws, the information, the kind of marginal samples and the batch size, as
            `divergence`.
    """

    source: str
    value: Callable[[Tensor, Tensor, Settings], Tensor]
    ascent: Callable[[Settings], Ascent]
    optimum: Callable[[NDArray[np.float64], float, str, int], float]


def log_mean_exp(t: Tensor, kind: str, dim: int = 0) -> Tensor:
    """ln mean exp(t) along an axis; `naive` overflows in float32 past t = 88, `stable` does not.

    >>> import torch
    >>> log_mean_exp(torch.tensor([100.0, 100.0]), "naive"), log_mean_exp(torch.tensor([100.0, 100.0]), "stable")
    (tensor(inf), tensor(100.))
    """
    if kind == "naive":
        return t.exp().mean(dim).log()
    return t.logsumexp(dim) - math.log(t.shape[dim])


def divergence(log_ratio: NDArray[np.float64], information: float, marginals: str, batch_size: int) -> float:
    """KL(P || Q_b) of the joint law and that of the marginal samples; infinite where these miss the joint.

    A permutation pairs a sample with itself with probability 1/b, so Q_b = P/b + (1 - 1/b) Q_off, with Q_off the pairs
    of different samples, and the divergence is at most ln b; a derangement draws from Q_off; independent draws follow
    the product of the marginals, and the divergence is the information itself.

    Args:
        log_ratio: ln of the joint density over that of Q_off at draws of the joint law, shape (draws,).
        information: in nats.
    """
    if marginals == "independent":
        return information
    if marginals == "derangement":
        return float(log_ratio.mean())
    own, other = -math.log(batch_size), math.log1p(-1 / batch_size)
    return float(-np.logaddexp(own, other - log_ratio).mean())


def _donsker_varadhan(joint: Tensor, marginal: Tensor, config: Settings) -> Tensor:
    partition = log_mean_exp(marginal, config.log_mean_exp, dim=-3)
    return joint.double().mean(dim=-3) - partition.double()


class _DonskerVaradhanAscent:
    """d/dT(joint) = 1/b; d/dT(marginal) = -exp(T) / sum exp(T).

    gradient_correction = moving_average puts b times the moving average of mean exp(T) in place of the sum (Belghazi et
    al. 2018, eq. 12). In closed form: autograd takes more kernels.
    """

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.average: Tensor | None = None

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        marginal, batch = t[1], t.shape[1]
        if self.config.gradient_correction == "moving_average":
            to_marginal = self._corrected(marginal)
        elif self.config.log_mean_exp == "stable":
            to_marginal = -marginal.softmax(dim=0)
        else:
            weights = marginal.exp()
            to_marginal = weights / -weights.sum(dim=0)
        return marginal.new_full(marginal.shape, 1 / batch), to_marginal

    def _corrected(self, marginal: Tensor) -> Tensor:
        """The moving average starts at the first batch's value; in logarithms if log_mean_exp is stable."""
        rate, batch = self.config.moving_average_rate, len(marginal)
        if self.config.log_mean_exp == "stable":
            newest = log_mean_exp(marginal, "stable")
            if self.average is None or rate == 1:
                self.average = newest
            else:
                self.average = (self.average + math.log(1 - rate)).logaddexp(newest + math.log(rate))
            return -(marginal - self.average).exp() / batch
        weights = marginal.exp()
        newest = weights.mean(dim=0)
        self.average = newest if self.average is None else self.average.lerp(newest, rate)
        return -weights / (batch * self.average)


BOUNDS: Mapping[str, Bound] = {
    "donsker_varadhan": Bound(
        source="Belghazi et al. 2018, arXiv:1801.04062, eq. 10; the paper's",
        value=_donsker_varadhan,
        ascent=_DonskerVaradhanAscent,
        optimum=divergence,
    ),
}
"""By `mine.bound`."""
