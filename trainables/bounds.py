"""The bounds on mutual information that a statistics network T can be trained on, each a description: to add one, add
it here. No torch but by the tensors that are given.

A bound is a function of T on joint samples and on marginal samples: mean T(joint) less a *second term* of T(marginal).
Marginal samples that are made inside a batch of b do not follow the product of the marginals but a law Q_b of their
own, so a bound does not aim at the information but at its *optimum* (`optima`). All values are in nats.

Sources: DV, Belghazi et al. 2018, arXiv:1801.04062, eq. 10 and 12; NWJ, Nguyen, Wainwright and Jordan 2010,
arXiv:0809.0853; Jensen-Shannon training read out by NWJ, and InfoNCE, Poole et al. 2019, arXiv:1905.06922, section 2;
SMILE, Song and Ermon 2020, arXiv:1910.06222, section 4; ReMINE, Choi and Lee 2020, arXiv:2011.07932.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from trainables import optima
from trainables.optima import Known

if TYPE_CHECKING:
    from torch import Tensor

Ascent = Callable[["Tensor"], "Tensor"]
"""What is ascended, as its gradient: from T to the gradient for each, of the same shape.

T is of shape (2, batch, pairs, replicates), of joint, then of marginal samples; of a bound on all pairs of a batch
(batch, batch, pairs, replicates), of the i-th variable with the j-th layer. The gradient is taken for T alone and
written out (autograd takes more kernels), and no loss is summed over fits: one fit's overflow cannot reach another."""

SecondTerm = Callable[["Tensor", "Settings", str], "Tensor"]
"""From T less its offset on n marginal samples, (..., n, pairs, replicates), the settings and the kind of log-mean-exp,
to nats per fit."""


class Settings(optima.Settings, Protocol):
    """What bounds read of MINE's settings (`settings.MineConfig`)."""

    @property
    def log_mean_exp(self) -> str: ...
    @property
    def gradient_correction(self) -> str: ...
    @property
    def moving_average_rate(self) -> float: ...
    @property
    def penalty(self) -> float: ...


@dataclass(frozen=True)
class Bound:
    """A bound.

    Attributes:
        source: where it was proposed.
        second_term: what its value takes from mean T(joint), of T(marginal).
        ascent: makes a run's gradient; it may keep what a run has seen.
        optimum: value and standard error, from what truth knows and the settings; NaN of an infinite one.
        offset: by how much the best T exceeds ln of the ratio of the two laws; None: training leaves that free.
        all_pairs: whether it takes T of all pairs of a batch, and no marginal samples.
    """

    source: str
    second_term: SecondTerm
    ascent: Callable[[Settings], Ascent]
    optimum: Callable[[Known, Settings], tuple[float, float]]
    offset: float | None = None
    all_pairs: bool = False

    def value(self, joint: Tensor, marginal: Tensor, config: Settings) -> Tensor:
        """Nats per fit, from T on n joint and on n marginal samples, both (..., n, pairs, replicates)."""
        if self.offset:
            joint, marginal = joint - self.offset, marginal - self.offset
        return joint.double().mean(dim=-3) - self.second_term(marginal, config, config.log_mean_exp).double()

    @property
    def read_outs(self) -> tuple[str, ...]:
        """Names in `READ_OUTS` of the values that this bound's T allows."""
        if self.all_pairs:
            return ("donsker_varadhan", "infonce")
        return ("donsker_varadhan", "smile") + (() if self.offset is None else ("nwj",))


def log_mean_exp(t: Tensor, kind: str, dim: int = 0) -> Tensor:
    """ln mean exp(t) along an axis; `naive` overflows in float32 past t = 88, `stable` does not.

    >>> import torch
    >>> log_mean_exp(torch.tensor([100.0, 100.0]), "naive"), log_mean_exp(torch.tensor([100.0, 100.0]), "stable")
    (tensor(inf), tensor(100.))
    """
    if kind == "naive":
        return t.exp().mean(dim).log()
    return t.logsumexp(dim) - math.log(t.shape[dim])


def _shares(t: Tensor, kind: str) -> Tensor:
    """exp(t) over its sum along the first axis: the gradient of ln mean exp(t)."""
    if kind == "stable":
        return t.softmax(dim=0)
    weights = t.exp()
    return weights / weights.sum(dim=0)


def joint_and_marginal(t: Tensor) -> tuple[Tensor, Tensor]:
    """Of T of all pairs, (batch, batch, pairs, replicates), what a value is made of, each (batch, pairs, replicates).

    Joint: T of each output's own variable. Marginal: ln mean exp T of all the batch's variables with an output, whose
    own log-mean-exp is that of all pairs. Always stable, as everybody has it.
    """
    return t.diagonal(dim1=0, dim2=1).movedim(-1, 0), log_mean_exp(t, "stable")


def _log_mean_ratio(t: Tensor, config: Settings, kind: str) -> Tensor:
    return log_mean_exp(t, kind, dim=-3)


def _log_mean_clipped_ratio(t: Tensor, config: Settings, kind: str) -> Tensor:
    return log_mean_exp(t.clamp(-config.clip, config.clip), kind, dim=-3)


def _mean_ratio(t: Tensor, config: Settings, kind: str) -> Tensor:
    return t.exp().mean(dim=-3) - 1


def _mean_log(t: Tensor, config: Settings, kind: str) -> Tensor:
    return t.mean(dim=-3)


READ_OUTS: Mapping[str, SecondTerm] = {
    "donsker_varadhan": _log_mean_ratio,
    "smile": _log_mean_clipped_ratio,
    "nwj": _mean_ratio,
    "infonce": _mean_log,
}
"""Second terms by which a trained T is read out, whatever it was trained on (`Bound.read_outs`)."""


class _DonskerVaradhanAscent:
    """d/dT(joint) = 1/b; d/dT(marginal) = -exp(T) / sum exp(T).

    gradient_correction = moving_average puts b times the moving average of mean exp(T) in place of the sum (Belghazi et
    al. 2018, eq. 12).
    """

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.average: Tensor | None = None

    def __call__(self, t: Tensor) -> Tensor:
        corrected = self.config.gradient_correction == "moving_average"
        return _from(t, -(self._corrected(t[1]) if corrected else _shares(t[1], self.config.log_mean_exp)))

    def _corrected(self, marginal: Tensor) -> Tensor:
        """The moving average starts at the first batch's value; in logarithms if log_mean_exp is stable."""
        rate, batch = self.config.moving_average_rate, len(marginal)
        if self.config.log_mean_exp == "stable":
            newest = log_mean_exp(marginal, "stable")
            if self.average is None or rate == 1:
                self.average = newest
            else:
                self.average = (self.average + math.log(1 - rate)).logaddexp(newest + math.log(rate))
            return (marginal - self.average).exp() / batch
        weights = marginal.exp()
        newest = weights.mean(dim=0)
        self.average = newest if self.average is None else self.average.lerp(newest, rate)
        return weights / (batch * self.average)


def _from(t: Tensor, to_marginal: Tensor, to_joint: Tensor | None = None) -> Tensor:
    """The gradient from its halves; of joint samples 1/b where they enter by their mean."""
    gradient = t.new_full(t.shape, 1 / t.shape[1])
    gradient[1] = to_marginal
    if to_joint is not None:
        gradient[0] = to_joint
    return gradient


def _nwj_ascent(config: Settings) -> Ascent:
    """Of mean T(joint) - mean exp(T(marginal) - 1)."""
    return lambda t: _from(t, (t[1] - 1).exp() / -t.shape[1])


def _jensen_shannon_ascent(config: Settings) -> Ascent:
    """Of -mean softplus(-T(joint)) - mean softplus(T(marginal)): a classifier of joint and marginal samples."""
    return lambda t: _from(t, t[1].sigmoid() / -t.shape[1], (-t[0]).sigmoid() / t.shape[1])


def _penalised_ascent(config: Settings) -> Ascent:
    """Of the Donsker-Varadhan bound - penalty (ln mean exp T(marginal))^2: the constant of T is drawn to ln rho's."""

    def ascent(t: Tensor) -> Tensor:
        drift = log_mean_exp(t[1], config.log_mean_exp)
        return _from(t, _shares(t[1], config.log_mean_exp) * -(1 + 2 * config.penalty * drift))

    return ascent


def _contrast_ascent(config: Settings) -> Ascent:
    """Of the mean over outputs j of T_jj - ln mean_i exp T_ij."""

    def ascent(t: Tensor) -> Tensor:
        gradient = t.softmax(dim=0).neg_()
        gradient.diagonal(dim1=0, dim2=1).add_(1)
        return gradient.div_(len(t))

    return ascent


BOUNDS: Mapping[str, Bound] = {
    "donsker_varadhan": Bound(
        source="Belghazi et al. 2018; the paper's",
        second_term=_log_mean_ratio,
        ascent=_DonskerVaradhanAscent,
        optimum=optima.divergence,
    ),
    "nwj": Bound(
        source="Nguyen, Wainwright and Jordan 2010",
        second_term=_mean_ratio,
        ascent=_nwj_ascent,
        optimum=optima.divergence,
        offset=1.0,
    ),
    "js": Bound(
        source="Poole et al. 2019: trained on the Jensen-Shannon divergence, read out by NWJ",
        second_term=_mean_ratio,
        ascent=_jensen_shannon_ascent,
        optimum=optima.divergence,
        offset=0.0,
    ),
    "infonce": Bound(
        source="van den Oord et al. 2018, arXiv:1807.03748; Poole et al. 2019",
        second_term=_mean_log,
        ascent=_contrast_ascent,
        optimum=optima.contrast,
        all_pairs=True,
    ),
    "smile": Bound(
        source="Song and Ermon 2020: trained as js, read out with exp(T) clipped",
        second_term=_log_mean_clipped_ratio,
        ascent=_jensen_shannon_ascent,
        optimum=optima.clipped_divergence,
        offset=0.0,
    ),
    "remine": Bound(
        source="Choi and Lee 2020",
        second_term=_log_mean_ratio,
        ascent=_penalised_ascent,
        optimum=optima.divergence,  # nearly: a penalty on each batch's value, which fluctuates, also makes T smaller
    ),
}
"""By `mine.bound`."""
