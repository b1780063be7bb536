"""Every bound: value and gradient against autograd of its formula in float64, per fit."""

import itertools
import math

import pytest
import torch

from trainables.bounds import BOUNDS, joint_and_marginal
from trainables.draws import generator
from trainables.estimators import plain
from trainables.settings import MineConfig


def config(bound: str, kind: str) -> MineConfig:
    return MineConfig(bound=bound, log_mean_exp=kind, clip=2.0, penalty=0.3)


@pytest.mark.parametrize("kind", ["naive", "stable"])
@pytest.mark.parametrize("bound", BOUNDS)
def test_value_and_gradient_are_those_of_the_formula(bound, kind):
    described, settings = BOUNDS[bound], config(bound, kind)
    t = 3 * torch.randn(7 if described.all_pairs else 2, 7, 2, 3, generator=generator(0, "T"), dtype=torch.float64)
    gradient = described.ascent(settings)(t)
    value = described.value(*(joint_and_marginal(t) if described.all_pairs else t), settings)
    for pair, replicate in itertools.product(range(2), range(3)):
        own = t[..., pair, replicate].clone().requires_grad_()
        parts = (own.diagonal(), own) if described.all_pairs else tuple(own)
        (expected,) = torch.autograd.grad(plain.ASCENDED[bound](*parts, settings), own)
        torch.testing.assert_close(gradient[..., pair, replicate], expected)
        torch.testing.assert_close(value[pair, replicate], plain.VALUES[bound](*parts, settings).detach())


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_fit_that_is_not_finite_leaves_the_others_as_they_are(bound):
    described, settings = BOUNDS[bound], config(bound, "naive")
    t = torch.randn(5 if described.all_pairs else 2, 5, 2, 2, generator=generator(0, "T"))
    alone = described.ascent(settings)(t)
    t[..., 0, 1] = math.inf
    gradient = described.ascent(settings)(t)
    rest = torch.tensor([[True, False], [True, True]])
    assert torch.equal(gradient[..., rest], alone[..., rest])


def test_the_constant_of_T_is_free_where_training_leaves_it_free():
    t = torch.randn(2, 50, 1, 1, generator=generator(0, "T"), dtype=torch.float64)
    for bound, described in BOUNDS.items():
        if not described.all_pairs:
            free, ascent = bound == "donsker_varadhan", described.ascent(config(bound, "stable"))
            assert torch.allclose(ascent(t + 2), ascent(t)) == free
    read_outs = {bound: described.read_outs for bound, described in BOUNDS.items()}
    assert [bound for bound in BOUNDS if "nwj" in read_outs[bound]] == ["nwj", "js", "smile"]
    assert [bound for bound in BOUNDS if "infonce" in read_outs[bound]] == ["infonce"]


def test_the_log_mean_exp_of_marginals_is_that_of_all_pairs():
    t = torch.randn(6, 6, 1, 1, generator=generator(0, "T"), dtype=torch.float64)
    joint, marginal = joint_and_marginal(t)
    assert torch.equal(joint.flatten(), t[..., 0, 0].diagonal())
    assert marginal.exp().mean().item() == pytest.approx(t.exp().mean().item())
