"""InfoNCE's optimum on a finite population seen through noise, by Monte Carlo over its batches.

A batch takes b of the N samples without replacement. The best T is ln p(z|i) plus any function of the output z: its
softmax over the batch's variables is the exact posterior of which of them made z, whatever else is in the batch. So the
optimum is ln b less the mean entropy of that posterior. Values in nats.
"""

import math

import numpy as np
import torch
from torch import Tensor

from trainables.optima import Known
from trainables.truth import Mixture, Truth

STANDARD_ERROR = 0.005
"""To which optima are computed, in nats ..."""

LEAST_DRAWS, MOST_DRAWS = 1_000, 20_000
"""... of at least and at most so many outputs."""


def optimum(
    variable: str, outputs: Tensor, labels: Tensor, noise_std: float, batch_size: int, source: torch.Generator
) -> tuple[float, float]:
    """The optimum of "X" or "Y" and its standard error.

    Args:
        outputs: a layer's outputs without noise, shape (N, features).
        labels: int64, shape (N,).
        source: CPU generator of batches and noise.
    """
    everything = Mixture.of(outputs, labels) if variable == "Y" else None
    each = torch.arange(batch_size, device=outputs.device)
    found: list[float] = []
    while True:
        batch = torch.randperm(len(outputs), generator=source)[:batch_size].to(outputs.device)
        noise = torch.randn(batch_size, outputs.shape[1], generator=source).to(outputs.device, torch.float64)
        if everything is None:
            given = _given_class(Mixture.of(outputs[batch], each), each, noise, noise_std)
        else:
            given = _given_class(everything, batch, noise, noise_std) - everything.sizes.log()
            given = given[:, everything.classes[batch]]
        found.append(value(given.T))
        drawn = batch_size * len(found)
        error = float(np.std(found, ddof=1) / math.sqrt(len(found))) if len(found) > 1 else math.inf
        if drawn >= LEAST_DRAWS and (error <= STANDARD_ERROR or drawn >= MOST_DRAWS):
            return float(np.mean(found)), error


def known(
    of: Truth, variable: str, outputs: Tensor, labels: Tensor, noise_std: float, source: torch.Generator
) -> Known:
    """What optima of a pair are computed from; InfoNCE's is drawn where it is asked for. Arguments as in `optimum`."""
    information, error, log_ratio = of.of(variable)

    def contrast(batch_size: int) -> tuple[float, float]:
        return optimum(variable, outputs, labels, noise_std, batch_size, source)

    return Known(log_ratio, (information, error), len(outputs), contrast)


def value(log_densities: Tensor) -> float:
    """Of one batch: ln b less the mean entropy of each output's posterior.

    Args:
        log_densities: ln p(z_j | i) up to a function of j, shape (b, outputs).

    >>> round(value(torch.zeros(4, 4)), 6), round(value(torch.zeros(2, 2).fill_diagonal_(100)), 6)
    (0.0, 0.693147)
    """
    posterior = log_densities.double().softmax(dim=0)
    return math.log(len(posterior)) - float(torch.special.entr(posterior).sum(dim=0).mean())


def _given_class(mixture: Mixture, centres: Tensor, noise: Tensor, noise_std: float) -> Tensor:
    """ln of each class's summed density at draws, over the own component's; shape (draws, classes)."""
    if noise_std:
        others = mixture.log_densities(centres, noise, [noise_std])[noise_std]
    else:
        equal = mixture.groups == mixture.groups[centres][:, None]
        equal &= torch.arange(len(mixture.groups), device=equal.device) != centres[:, None]
        classes = torch.nn.functional.one_hot(mixture.classes, len(mixture.sizes)).double()
        others = (equal.double() @ classes).log()
    own = mixture.classes[centres][:, None]
    return others.scatter(1, own, torch.logaddexp(others.gather(1, own), others.new_zeros(1)))
