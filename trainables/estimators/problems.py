"""Problems whose mutual information is known: where MINE's engine can be held to account.

Continuous samples are drawn fresh for every epoch: on a fixed noiseless sample the truth would be ln N. Each
problem has one input X or label Y and one or more layers; noise of the layers is added by the engine.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from trainables.estimators.mine import Samples

_RHO_20 = {2: 0.4258, 4: 0.5742, 6: 0.6717, 8: 0.7421, 10: 0.7951}
"""Correlation of each of 20 dimensions, by the mutual information in nats that they make together."""


@dataclass(frozen=True)
class Expectation:
    """What MINE must do on a pair, and why."""

    allowed: tuple[str, ...]
    """Allowed answers: within, under, over or exploded."""
    why: str


WITHIN = Expectation(("within",), "a smooth log-ratio that a small network can fit, far below ln(batch)")

NEAR_LIMIT = Expectation(("within", "under"), "near ln(batch) = 4.6 a permutation's optimum falls below the truth")

LIMITED = Expectation(
    ("under", "exploded"),
    "a permutation's optimum is at most ln(batch); one batch in e holds no fixed point, so T may drift up",
)

DRIFTING = Expectation(
    ("within", "over", "exploded"),
    "exp(T) of marginal samples is dominated by rare ones that a batch seldom holds, so T drifts up",
)

UNBOUNDED = Expectation(("over", "exploded"), DRIFTING.why)

CAPPED = Expectation(("under",), "at most ln(batch) = 4.6, and no marginal samples by which T could drift")

SWINGING = Expectation(
    ("under", "exploded"), "mean exp(T) of marginal samples is that of rare ones; a batch that holds one throws T down"
)

CLASSIFIED = Expectation(
    ("within", "under"),
    "a classifier that is right of nearly every sample learns no more: T stays below ln rho",
)

CLIPPED = Expectation(("within", "over"), "the clip takes mass from the second term, so the optimum is above the truth")

HELD_DOWN = Expectation(("within", "over"), "the penalty stops the drift of T's constant, not that of its peaks")


@dataclass(frozen=True)
class Problem:
    """Pairs with known answers that share their samples.

    Attributes:
        draw: samples without noise, from their number and a generator.
        log_ratio: for samples whose layers have their noise, ln p(x,z) / (p(x) p(z)) of each, by pair.
        truths: mutual information by pair, in nats.
        ceiling: entropy of the variable in nats, infinite where it is continuous.
        expected: by (pair, marginals, bound), a bound on all pairs under permutation; what is not named is expected to
            be `WITHIN`.
    """

    name: str
    draw: Callable[[int, torch.Generator], Samples]
    log_ratio: Callable[[Samples], dict[str, Tensor]]
    truths: dict[str, float]
    ceiling: float
    noise_std: float = 0.0
    hidden_units: int = 64
    epochs: int = 20
    expected: Mapping[tuple[str, str, str], Expectation] = field(default_factory=dict)

    def expectation(self, pair: str, marginals: str, bound: str = "donsker_varadhan") -> Expectation:
        return self.expected.get((pair, marginals, bound), WITHIN)


def _correlated(x: Tensor, rho: float, source: torch.Generator) -> Tensor:
    return rho * x + math.sqrt(1 - rho**2) * torch.randn(x.shape, generator=source)


def _gaussian_log_ratio(x: Tensor, z: Tensor, rho: float) -> Tensor:
    """Of correlated standard normals, summed over dimensions."""
    rest = 1 - rho**2
    exponent = (z - rho * x).square() / (2 * rest) - z.square() / 2  # of small differences: float32 holds them
    return (-0.5 * math.log(rest) - exponent).sum(dim=1)


def _gaussians(name: str, dimensions: int, rhos: dict[str, float], **settings: object) -> Problem:
    def draw(samples: int, source: torch.Generator) -> Samples:
        x = torch.randn(samples, dimensions, generator=source)
        return Samples(x, None, {layer: _correlated(x, rho, source) for layer, rho in rhos.items()})

    def log_ratio(samples: Samples) -> dict[str, Tensor]:
        assert samples.x is not None
        return {f"X;{n}": _gaussian_log_ratio(samples.x, samples.layers[n], rho) for n, rho in rhos.items()}

    truths = {f"X;{layer}": -dimensions / 2 * math.log(1 - rho**2) for layer, rho in rhos.items()}
    return Problem(name, draw, log_ratio, truths, math.inf, **settings)  # type: ignore[arg-type]


def _linear_layer() -> Problem:
    """Z = W x + noise with normal x: I = 1/2 ln det(I + W W^T / sigma^2)."""
    std = 0.5
    weight = torch.tensor([[0.8, -0.4, 0.2], [0.3, 0.6, -0.7]])
    covariance = weight @ weight.T + std**2 * torch.eye(2)

    def draw(samples: int, source: torch.Generator) -> Samples:
        x = torch.randn(samples, 3, generator=source)
        return Samples(x, None, {"linear": x @ weight.T})

    def log_ratio(samples: Samples) -> dict[str, Tensor]:
        assert samples.x is not None
        z = samples.layers["linear"]
        given = torch.distributions.Normal(samples.x @ weight.T, std).log_prob(z).sum(dim=1)
        return {"X;linear": given - torch.distributions.MultivariateNormal(torch.zeros(2), covariance).log_prob(z)}

    truth = 0.5 * torch.logdet(covariance / std**2).item()
    return Problem("linear-Gaussian layer", draw, log_ratio, {"X;linear": truth}, math.inf, noise_std=std)


def _levels(name: str, variable: str, levels: tuple[float, ...], std: float) -> Problem:
    """Equally likely levels seen through normal noise: truth by quadrature over z."""
    points = torch.tensor(levels)
    z = np.linspace(min(levels) - 10 * std, max(levels) + 10 * std, 20_001)
    density = np.exp(-0.5 * ((z - np.array(levels)[:, None]) / std) ** 2) / (std * math.sqrt(2 * math.pi))
    mixture = density.mean(axis=0)
    integrand = np.where(density > 0, density * (np.log(np.maximum(density, 1e-300)) - np.log(mixture)), 0)
    truth = float(np.trapezoid(integrand.mean(axis=0), z))

    def draw(samples: int, source: torch.Generator) -> Samples:
        labels = torch.randint(len(levels), (samples,), generator=source)
        value = points[labels][:, None]
        x, y = (value, None) if variable == "X" else (None, labels)
        return Samples(x, y, {"level": value.clone()})

    def log_ratio(samples: Samples) -> dict[str, Tensor]:
        noisy = samples.layers["level"]
        exponent = -0.5 * ((noisy - points) / std).square()
        labels = samples.y if samples.x is None else (samples.x == points).int().argmax(dim=1)
        assert labels is not None
        given = exponent.gather(1, labels[:, None]).squeeze(1)
        return {f"{variable};level": given - exponent.logsumexp(dim=1) + math.log(len(levels))}

    pair = {f"{variable};level": truth}
    return Problem(name, draw, log_ratio, pair, math.log(len(levels)), noise_std=std)


def _one_hot(classes: int) -> Problem:
    """Z is X, one-hot: I = ln(classes)."""

    def draw(samples: int, source: torch.Generator) -> Samples:
        code = torch.eye(classes)[torch.randint(classes, (samples,), generator=source)]
        return Samples(code, None, {"copy": code.clone()})

    def log_ratio(samples: Samples) -> dict[str, Tensor]:
        return {"X;copy": torch.full((len(samples),), math.log(classes))}

    truth = math.log(classes)
    return Problem(f"one-hot {classes}x{classes}", draw, log_ratio, {"X;copy": truth}, truth)


def _of_large_information() -> dict[tuple[str, str, str], Expectation]:
    """Of the 20-dimensional Gaussians with 4 nats and more."""
    found = {}
    for nats in (4, 6, 8, 10):
        pair, large = f"X;{nats}nats", nats > 4
        off = {
            "donsker_varadhan": UNBOUNDED if large else DRIFTING,
            "nwj": SWINGING if large else CLASSIFIED,
            "js": CLASSIFIED if large else WITHIN,
            "smile": CLIPPED if large else WITHIN,
            "remine": HELD_DOWN,
        }
        found[pair, "permutation", "infonce"] = CAPPED if nats > 6 else NEAR_LIMIT
        for bound, expectation in off.items():
            found[pair, "permutation", bound] = LIMITED if nats > 6 else NEAR_LIMIT
            found |= {(pair, kind, bound): expectation for kind in ("derangement", "independent")}
    return found


PROBLEMS = (
    _gaussians("Gaussians, d = 1", 1, {"rho-0.99": -0.99, "rho0.5": 0.5, "independence": 0.0}),
    _gaussians(
        "Gaussians, d = 20",
        20,
        {f"{nats}nats": rho for nats, rho in _RHO_20.items()},
        hidden_units=100,
        epochs=30,
        expected=_of_large_information(),
    ),
    _one_hot(16),
    _levels("BPSK, noise variance 0.2", "X", (-1.0, 1.0), math.sqrt(0.2)),
    _linear_layer(),
    _levels("labels through noise", "Y", (0.0, 1.0, 2.0, 4.0), 0.5),
)
"""All problems; `mine-study validate` runs each under every kind of marginals."""

MUTINFO: Mapping[str, tuple[float, ...]] = {
    "donsker_varadhan": (0.98, 1.98, 2.95, 3.87, 4.70, 5.34, 5.69, 5.88, 6.00, 6.12),
    "nwj": (0.97, 1.97, 2.92, 3.79, 4.52, 4.99, 5.23, 5.34, 5.31, 5.41),
    "infonce": (0.98, 1.97, 2.94, 3.86, 4.70, 5.37, 5.81, 6.02, 6.09, 6.11),
}
"""What the package mutinfo (github.com/VanessB/mutinfo) published for Gaussians of 1 to 10 nats in 1 to 3 dimensions:
10,000 samples, half held out, batches of 512 with permutations, Adam at 1e-3, 10,000 steps, one hidden layer."""


def gaussians_of(dimensions: int, information: Iterable[float]) -> Problem:
    """Gaussian pairs of this mutual information, in nats."""
    rhos = {f"{nats}nats": math.sqrt(1 - math.exp(-2 * nats / dimensions)) for nats in information}
    return _gaussians(f"Gaussians, d = {dimensions}", dimensions, rhos)
