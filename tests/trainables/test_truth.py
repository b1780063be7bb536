import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch.utils._python_dispatch import TorchDispatchMode

from trainables import truth
from trainables.draws import generator
from trainables.optima import Known, divergence
from trainables.settings import MineConfig


def compute(outputs, labels=None, stds=(0.3,), seed=0, **kwargs) -> truth.Truth | dict:
    outputs = torch.as_tensor(outputs)
    outputs = outputs[:, None] if outputs.dim() == 1 else outputs
    labels = torch.arange(len(outputs)) % 2 if labels is None else torch.as_tensor(labels)
    found = truth.compute(outputs, labels, stds, generator(seed, "truth"), **kwargs)
    return found[stds[0]] if len(stds) == 1 else found


def optimum(found: truth.Truth, variable: str, marginals: str, batch_size: int) -> float:
    information, error, log_ratio = found.of(variable)
    known = Known(log_ratio, (information, error), len(log_ratio), lambda b: (math.nan, math.nan))
    return divergence(known, MineConfig(marginals=marginals, batch_size=batch_size))[0]


@pytest.mark.parametrize("points", [2, 3, 16])
@pytest.mark.parametrize("std", [0.0, 0.01, 1.0, 30.0])
def test_well_separated_points_are_told_apart(points, std):
    found = compute(torch.arange(points).float()[:, None] * 1e3 * max(std, 1), stds=(std,))
    assert found.x == pytest.approx(math.log(points), abs=1e-9)
    expected = math.log(2) if points != 3 else -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert found.y == pytest.approx(expected, abs=1e-9)


def test_points_far_closer_than_the_noise_are_not():
    source = generator(0, "points")
    found = compute(1e-4 * torch.randn(200, 5, generator=source), stds=(1.0,))
    assert abs(found.x) < 1e-3
    assert abs(found.y) < 1e-3
    for marginals in ("permutation", "derangement", "independent"):
        assert abs(optimum(found, "X", marginals, 100)) < 0.01


def test_duplicates_count_once():
    outputs = torch.tensor([[0.0], [0.0], [100.0], [100.0]])
    for std in (0.0, 1.0):
        found = compute(outputs, [0, 0, 1, 1], stds=(std,))
        assert (found.x, found.y) == (pytest.approx(math.log(2)), pytest.approx(math.log(2)))
        found = compute(outputs, [0, 1, 0, 1], stds=(std,))
        assert (found.x, found.y) == (pytest.approx(math.log(2)), pytest.approx(0, abs=1e-9))


@pytest.mark.parametrize("std", [1e-4, 1e-6, 1e-9])
def test_duplicates_at_tiny_noise(std):
    """Their distance is 0, whatever the products' rounding, times a huge number."""
    outputs = 100 + torch.randn(100, 50, generator=generator(0, "points"))
    assert compute(outputs.repeat(2, 1), stds=(std,)).x == pytest.approx(math.log(100), abs=1e-9)


def test_outputs_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not all finite"):
        compute(torch.tensor([[0.0], [math.nan]]))


def test_labels_constant_within_clusters_are_all_of_the_label_entropy():
    source = generator(0, "clusters")
    labels = torch.arange(300) % 3
    found = compute(labels[:, None] * 100.0 + torch.randn(300, 4, generator=source), labels, stds=(0.5,))
    assert found.y == pytest.approx(math.log(3), abs=1e-9)
    assert found.x > math.log(3)


def test_minus_zero_is_zero():
    assert truth.entropy(torch.tensor([[0.0], [-0.0], [1.0], [1.0]])) == pytest.approx(math.log(2))
    assert compute(torch.tensor([[0.0], [-0.0]]), stds=(0.0,)).x == 0


def quadrature(points, labels, std, b):
    """Truth and optima of a one-dimensional mixture by integration over z, straight from the definitions."""
    points, labels = np.asarray(points, float), np.asarray(labels)
    n = len(points)
    z = np.linspace(min(points) - 9 * std, max(points) + 9 * std, 4_001)
    density = stats.norm.pdf(z, points[:, None], std)
    off = np.array([density[np.arange(n) != i].mean(axis=0) for i in range(n)])
    joint = {"X": [(1 / n, density[i], off[i]) for i in range(n)], "Y": []}
    for y in np.unique(labels):
        members = labels == y
        # The marginal sample of an i of class y is any j but i itself.
        joint["Y"].append((members.mean(), density[members].mean(axis=0), off[members].mean(axis=0)))

    def kl(p, q):
        return integrate.trapezoid(special.rel_entr(p, q), z)

    values = {}
    for variable, parts in joint.items():
        values[variable, "independent"] = sum(w * kl(p, density.mean(axis=0)) for w, p, _ in parts)
        values[variable, "derangement"] = sum(w * kl(p, q) for w, p, q in parts)
        values[variable, "permutation"] = sum(w * kl(p, p / b + (1 - 1 / b) * q) for w, p, q in parts)
    return values


def test_truth_and_optima_equal_quadrature_in_one_dimension():
    points, labels, b = [0.0, 0.5, 0.9, 2.0, 2.2, 4.0], [0, 0, 1, 1, 1, 2], 4
    expected = quadrature(points, labels, 0.6, b)
    with pytest.MonkeyPatch.context() as patch:  # far finer than what a study asks for
        patch.setattr(truth, "STANDARD_ERROR_X", 5e-4)
        patch.setattr(truth, "STANDARD_ERROR_SMALL", 5e-4)
        patch.setattr(truth, "_BLOCK", 50_000)
        found = compute(torch.tensor(points), labels, stds=(0.6,), most_draws=5_000_000)
    for (variable, marginals), value in expected.items():
        assert optimum(found, variable, marginals, b) == pytest.approx(value, abs=4e-3), (variable, marginals)


def test_the_linear_gaussian_layer_for_large_n():
    """1/2 ln det(I + W W^T / sigma^2), where the mixture of N components is close to the Gaussian."""
    source = generator(0, "linear")
    weight = torch.randn(2, 3, generator=source)
    x = torch.randn(20_000, 3, generator=source)
    found = compute(x @ weight.T, stds=(1.0,))
    expected = 0.5 * torch.logdet(torch.eye(2) + weight @ weight.T).item()
    assert found.x == pytest.approx(expected, abs=4 * found.x_standard_error + 0.01)


def test_standard_errors_are_reached_and_honest():
    source = generator(0, "points")
    outputs, labels = torch.randn(400, 3, generator=source), torch.arange(400) % 10
    found = [compute(outputs, labels, stds=(0.7,), seed=seed) for seed in range(30)]
    assert all(one.x_standard_error <= truth.STANDARD_ERROR_X and one.draws >= truth.LEAST_DRAWS for one in found)
    assert all(one.y_standard_error <= truth.STANDARD_ERROR_SMALL for one in found)
    for values, error in (
        ([one.x for one in found], found[0].x_standard_error),
        ([one.y for one in found], found[0].y_standard_error),
    ):
        assert 0.6 < np.std(values, ddof=1) / error < 1.5


def test_the_cap_on_draws_holds():
    outputs = torch.randn(300, 2, generator=generator(0, "points"))
    found = compute(outputs, torch.arange(300) % 10, stds=(0.5,), most_draws=1_250)
    assert found.draws == 1_250
    assert found.y_standard_error > truth.STANDARD_ERROR_SMALL


def test_a_noise_std_asked_for_alone_or_among_others_gives_the_same_numbers():
    outputs = torch.randn(300, 2, generator=generator(0, "points"))
    together = compute(outputs, stds=(0.0, 0.1, 0.5, 3.0))
    for std, found in together.items():
        alone = compute(outputs, stds=(std,))
        assert (alone.x, alone.y, alone.draws) == (found.x, found.y, found.draws)
        assert np.array_equal(alone.log_ratio_x, found.log_ratio_x)


@pytest.mark.parametrize("std", [0.01, 0.1, 1.0])
def test_float32_outputs_agree_with_float64(std):
    """Points with close neighbours far from the origin, where the naive float32 form fails."""
    source = generator(0, "points")
    outputs = 5 + torch.randn(500, 200, generator=source)
    outputs[250:] = outputs[:250] + 0.002 * torch.randn(250, 200, generator=source)
    single, double = compute(outputs, stds=(std,)), compute(outputs.double(), stds=(std,))
    assert single.x == pytest.approx(double.x, abs=1e-6)
    assert single.y == pytest.approx(double.y, abs=1e-6)


def kolchinsky_tracey(outputs, std: float) -> tuple[float, float]:
    """Pairwise lower and upper bounds on I(X;Z) in nats (Kolchinsky and Tracey 2017, arXiv:1706.02419, eq. 10, 14)."""
    distance = torch.cdist(outputs.double(), outputs.double()).square()
    within = [(-distance / (factor * std**2)).logsumexp(dim=1).mean().item() for factor in (8.0, 2.0)]
    return math.log(len(outputs)) - within[0], math.log(len(outputs)) - within[1]


def test_kolchinsky_tracey_bounds_bracket_the_truth():
    outputs = torch.randn(600, 4, generator=generator(0, "points"))
    for std in (0.2, 0.5, 1.0, 2.0):
        lower, upper = kolchinsky_tracey(outputs, std)
        assert lower - 0.05 <= compute(outputs, stds=(std,)).x <= upper + 0.05 and lower < upper


def test_the_permutations_optimum_is_below_ln_b_and_nears_the_truth():
    outputs = torch.randn(2_000, 3, generator=generator(0, "points"))
    sharp, blurred = compute(outputs, stds=(0.01, 4.0)).values()
    for b in (2, 10, 100, 1_000):
        assert optimum(sharp, "X", "permutation", b) <= math.log(b) + 1e-9
    near = [abs(optimum(blurred, "X", "permutation", b) - blurred.x) for b in (2, 10, 100, 1_000)]
    assert near == sorted(near, reverse=True)
    assert near[-1] < 0.002


def test_optima_without_noise():
    found = compute(torch.arange(50).float(), stds=(0.0,))
    assert optimum(found, "X", "permutation", 10) == pytest.approx(math.log(10))
    assert optimum(found, "X", "derangement", 10) == math.inf
    assert optimum(found, "X", "independent", 10) == pytest.approx(math.log(50))
    assert optimum(found, "Y", "derangement", 10) > found.y


def test_entropy_by_counting():
    assert truth.entropy(torch.tensor([[1, 2], [1, 2], [1, 3], [4, 4]])) == pytest.approx(1.5 * math.log(2))
    assert truth.entropy(torch.arange(7)) == pytest.approx(math.log(7))


def test_no_copy_of_a_layer_in_float64_is_made(monkeypatch):
    """At full size one of maxpool1 takes 1.4 GB of a GPU; a mean in float64 copies what it is taken of, too."""
    monkeypatch.setitem(truth.CHUNK, "cpu", 50)
    sizes: list[int] = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            made = args[0] if "mean" in str(func) else result
            if isinstance(result, torch.Tensor) and result.dtype == torch.float64:
                sizes.append(made.numel())
            return result

    outputs, labels = torch.rand(2_000, 256, generator=generator(0, "t")), torch.arange(2_000) % 10
    with Sizes():
        truth.compute(outputs, labels, [0.0, 1.0], generator(0, "draws"), most_draws=1)
    assert 0 < max(sizes) <= outputs.numel() / 2
