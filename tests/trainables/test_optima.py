"""Optima against quadrature: 1-D Gaussian pairs, two levels through noise, discrete codes."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from trainables import contrast, truth
from trainables.bounds import BOUNDS
from trainables.draws import generator
from trainables.optima import Known
from trainables.settings import MineConfig

MARGINALS = ("permutation", "derangement", "independent")


def optimum(known: Known, bound: str, **settings: object) -> tuple[float, float]:
    return BOUNDS[bound].optimum(known, MineConfig(bound=bound, **settings))


def expected(joint: np.ndarray, off: np.ndarray, bound: str, own: float, clip: float) -> float:
    """From the joint law and that of pairs of different samples, as weights of the same cells."""
    marginal = own * joint + (1 - own) * off
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.where(joint > 0, np.log(joint) - np.log(marginal), -math.inf)
        mean = np.where(joint > 0, joint * log_ratio, 0).sum()
    if bound == "smile":
        return float(mean - math.log((marginal * np.exp(np.clip(log_ratio, -clip, clip))).sum()))
    return float(mean)


def check_against_cells(joint: np.ndarray, off: np.ndarray, samples: float, repeat: np.ndarray, ratio: np.ndarray):
    """Draws are the cells, each as often as `repeat` says, with the log ratio of P to pairs of different samples."""
    drawn = np.repeat(ratio, repeat)
    marginal = off if samples == math.inf else joint / samples + (1 - 1 / samples) * off
    information = expected(joint, marginal, "donsker_varadhan", 0.0, 5.0)
    known = Known(drawn, (information, 0.0), samples, lambda b: (math.nan, math.nan))
    shares = {"permutation": 1 / 8, "derangement": 0.0, "independent": 1 / samples}
    for bound, kind, clip in itertools.product(("donsker_varadhan", "nwj", "js", "smile"), MARGINALS, (0.5, 2.0, 5.0)):
        found, _ = optimum(known, bound, marginals=kind, batch_size=8, clip=clip)
        assert found == pytest.approx(expected(joint, off, bound, shares[kind], clip), abs=1e-3)


@pytest.mark.parametrize("rho", [0.3, -0.9])
def test_gaussians(rho):
    """Cells of equal probability of X and of the noise as draws; for the laws a grid over (x, z)."""
    x, z = np.meshgrid(np.linspace(-7, 7, 1201), np.linspace(-7, 7, 1201))
    joint = np.exp(-(x**2 - 2 * rho * x * z + z**2) / (2 * (1 - rho**2)))
    off = np.exp(-(x**2 + z**2) / 2)
    at = stats.norm.ppf((np.arange(800) + 0.5) / 800)
    own, noise = (part.ravel() for part in np.meshgrid(at, at))
    value = rho * own + math.sqrt(1 - rho**2) * noise
    rest = 1 - rho**2
    ratio = -0.5 * math.log(rest) - (rho**2 * (own**2 + value**2) - 2 * rho * own * value) / (2 * rest)
    check_against_cells(joint / joint.sum(), off / off.sum(), math.inf, np.ones(len(ratio), int), ratio)


def test_two_levels_through_noise():
    z, std = np.linspace(-5, 5, 20_001), math.sqrt(0.2)
    given = np.stack([stats.norm.pdf(z, level, std) for level in (-1, 1)])
    joint = given / given.sum()
    off = np.broadcast_to(given.sum(axis=0) / given.sum() / 2, joint.shape)
    at = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000, 1, std)
    ratio = math.log(2) - np.log1p(np.exp(-2 * at / std**2))
    check_against_cells(joint, off, math.inf, np.ones(len(ratio), int), ratio)


def test_discrete_codes():
    """A layer that repeats one of four codes, three samples of each: every sample is a draw."""
    labels = torch.arange(4).repeat_interleave(3)
    found = truth.compute(labels[:, None].double(), labels, [0.0], generator(0, "truth"))[0.0]
    joint = np.repeat(np.eye(4), 3, axis=0) / 12  # of (sample, code)
    off = (np.repeat(joint.sum(axis=0)[None], 12, axis=0) - joint) / 11
    check_against_cells(joint, off, 12, np.ones(12, int), found.log_ratio_x)


def test_the_clip_takes_from_above_and_adds_from_below():
    """A label that the layer determines: ln rho is ln 10 at all draws, and 9 of 10 marginal samples have rho = 0."""
    known = Known(np.full(100, math.log(10)), (math.log(10), 0.0), math.inf, lambda b: (0, 0))
    value, error = optimum(known, "smile", marginals="independent", clip=5.0)
    assert value == pytest.approx(math.log(10) - math.log(1 + 0.9 * math.exp(-5))) == pytest.approx(2.297, abs=1e-3)
    assert error == pytest.approx(0, abs=1e-12)
    assert optimum(known, "smile", marginals="independent", clip=1.0)[0] > math.log(10)
    infinite = Known(np.full(9, math.inf), (2.0, 0.0), 9, lambda b: (0, 0))
    assert optimum(infinite, "smile", marginals="derangement")[0] == math.inf
    assert math.isnan(optimum(infinite, "smile", marginals="derangement")[1])


def test_stated_errors_are_those_of_repeated_draws():
    random = np.random.default_rng(0)
    for bound in ("donsker_varadhan", "smile"):
        drawn = [
            optimum(Known(random.normal(1, 1.4, 400), (1, 0), math.inf, lambda b: (0, 0)), bound, clip=1.0)
            for _ in range(400)
        ]
        values, errors = np.array(drawn).T
        assert errors.mean() == pytest.approx(values.std(), rel=0.15)


@pytest.mark.parametrize("batch_size", [2, 5, 12])
def test_contrast_of_codes_without_noise(batch_size):
    """Of which variables made an output, those of equal code are equally likely: an exact sum over their number."""
    labels = torch.arange(4).repeat(3)
    outputs = labels[:, None].double()
    equal = np.arange(3)
    chance = stats.hypergeom.pmf(equal, 11, 2, batch_size - 1)
    expected = math.log(batch_size) - float((chance * np.log1p(equal)).sum())
    for variable in "XY":
        value, error = contrast.optimum(variable, outputs, labels, 0.0, batch_size, generator(0, "contrast"))
        assert value == pytest.approx(expected, abs=max(1e-9, 4 * error))
        assert error <= contrast.STANDARD_ERROR


def test_contrast_through_noise():
    """Two samples at distance 2, both in every batch: the information of two levels, by quadrature."""
    outputs, labels, std = torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), math.sqrt(0.2)
    z = np.linspace(-6, 6, 20_001)
    given = np.stack([stats.norm.pdf(z, level, std) for level in (-1, 1)])
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(given > 0, given * np.log(given / given.mean(axis=0)), 0)
    information = float(np.trapezoid(terms.mean(axis=0), z))
    for variable in "XY":
        value, error = contrast.optimum(variable, outputs, labels, std, 2, generator(0, "contrast"))
        assert value == pytest.approx(information, abs=4 * error)


def test_contrast_of_labels_in_large_batches_nears_the_information():
    source = generator(0, "points")
    labels = torch.arange(600) % 3
    outputs = labels[:, None] + 0.3 * torch.randn(600, 1, generator=source)
    known = truth.compute(outputs, labels, [0.5], generator(0, "truth"))[0.5]
    small, large = (contrast.optimum("Y", outputs, labels, 0.5, b, generator(0, "contrast")) for b in (2, 300))
    assert small[0] < large[0] == pytest.approx(known.y, abs=0.02)
