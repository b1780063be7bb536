import dataclasses
import itertools
import math

import pytest
import torch

from trainables.bounds import BOUNDS
from trainables.draws import generator
from trainables.estimators import problems, validate
from trainables.estimators.mine import Samples
from trainables.estimators.problems import PROBLEMS, Expectation
from trainables.settings import InputError

TRUTHS = {
    ("Gaussians, d = 1", "X;rho-0.99"): -0.5 * math.log(1 - 0.99**2),
    ("Gaussians, d = 1", "X;rho0.5"): 0.14384,
    ("Gaussians, d = 1", "X;independence"): 0.0,
    **{("Gaussians, d = 20", f"X;{nats}nats"): float(nats) for nats in (2, 4, 6, 8, 10)},
    ("one-hot 16x16", "X;copy"): math.log(16),
    ("BPSK, noise variance 0.2", "X;level"): 0.65873,
}


def test_truths_are_the_known_ones():
    found = {(p.name, pair): value for p in PROBLEMS for pair, value in p.truths.items()}
    for name, value in TRUTHS.items():
        assert found[name] == pytest.approx(value, abs=2e-3), name


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_the_mean_log_ratio_of_samples_is_the_truth(problem):
    """Draws, densities and truths of a problem belong together."""
    source = generator(0, "test")
    clean = problem.draw(200_000, source)
    layers = {name: z + problem.noise_std * torch.randn(z.shape, generator=source) for name, z in clean.layers.items()}
    for pair, ratio in problem.log_ratio(Samples(clean.x, clean.y, layers)).items():
        assert ratio.mean().item() == pytest.approx(problem.truths[pair], abs=0.03)
        shuffled = Samples(clean.x, clean.y, {name: z.roll(1, dims=0) for name, z in layers.items()})
        if problem.truths[pair] < 2.5 and not problem.name.startswith("one-hot"):
            # Under the product distribution the density ratio has mean 1.
            assert problem.log_ratio(shuffled)[pair].exp().mean().item() == pytest.approx(1, abs=0.3)


def test_every_expectation_excludes_something():
    for problem in PROBLEMS:
        for pair in problem.truths:
            for marginals, bound in itertools.product(("permutation", "derangement", "independent"), BOUNDS):
                assert len(problem.expectation(pair, marginals, bound).allowed) < 4


def quick(name: str, **changes) -> problems.Problem:
    return dataclasses.replace(validate.chosen([name])[0], **changes)


def test_an_answer_stands_beside_its_truth_and_optimum():
    ((_, answer),) = validate.run(quick("BPSK, noise variance 0.2", epochs=6), "permutation")
    assert answer.truth == pytest.approx(0.65873, abs=1e-4)
    assert 0.60 < answer.optimum < answer.truth
    assert answer.bias == "within" and answer.passed
    ((_, independent),) = validate.run(quick("BPSK, noise variance 0.2", epochs=2), "independent")
    assert independent.optimum == independent.truth


def test_an_answer_that_is_not_expected_fails(monkeypatch, capsys):
    wrong = Expectation(("over",), "for the test")
    kinds = ("permutation", "derangement", "independent")
    expected = {("Y;level", kind, "donsker_varadhan"): wrong for kind in kinds}
    problem = quick("labels through noise", epochs=1, expected=expected)
    monkeypatch.setattr(validate, "PROBLEMS", (problem,))
    assert not validate.report(())
    out = capsys.readouterr().out
    assert out.count("FAILED: expected over") == 3
    assert "0 of 3 answers as expected" in out


def test_unknown_problems_are_named():
    with pytest.raises(InputError, match="only is 'BSPK'; it must be one of Gaussians, d = 1; "):
        validate.chosen(["BSPK"])


@pytest.mark.slow
def test_mine_does_what_is_expected_on_every_problem(capsys):
    torch.set_num_threads(2)
    assert validate.report(()), capsys.readouterr().out
