import math
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import pytest
import torch

from trainables import draws
from trainables.bounds import BOUNDS, log_mean_exp
from trainables.estimators import mine, noise, plain
from trainables.estimators.mine import Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import MineConfig

SHAPES = {"X": (6,), "Y": (10,), "relu3": (4,), "sm1": (3,)}
PAIRS = ("X;relu3", "X;sm1", "Y;relu3", "Y;sm1")
SETTINGS = [
    {},
    {"noise_std": 0.5},
    {"noise_std": 0.5, "marginals": "independent"},
    {"marginals": "derangement", "log_mean_exp": "stable"},
    {"optimizer": "sgd", "learning_rate": 0.05},
    {"gradient_correction": "moving_average", "moving_average_rate": 0.1},
    {"gradient_correction": "moving_average", "moving_average_rate": 0.1, "log_mean_exp": "stable"},
    {"architecture": 3, "branch_units": 5, "noise_std": 0.2},
    *(
        {"last_batch": "kept", "batch_size": 12, "noise_std": 0.5, "marginals": marginals}  # 12, 12, 12, 4
        for marginals in ("permutation", "derangement", "independent")
    ),
    {"last_batch": "kept", "batch_size": 12, "gradient_correction": "moving_average", "log_mean_exp": "stable"},
    {"architecture": 2, "front": "redrawn"},
    {"architecture": 3, "front": "redrawn", "noise_std": 0.2, "marginals": "independent"},
    {"architecture": 3, "front": "redrawn", "noise_std": 0.2, "last_batch": "kept", "batch_size": 12},
    *({"bound": bound, "noise_std": 0.3, "clip": 0.2} for bound in BOUNDS if bound != "donsker_varadhan"),
    {"bound": "nwj", "gradient_clip": 0.3, "marginals": "independent"},
    {"bound": "infonce", "last_batch": "kept", "batch_size": 12, "log_mean_exp": "stable", "hidden_layers": 2},
    {"bound": "infonce", "critic": "separable", "hidden_layers": 2, "architecture": 3, "branch_units": 5},
    {"critic": "separable", "noise_std": 0.5, "marginals": "independent", "bound": "js"},
    {"critic": "separable", "hidden_layers": 2, "marginals": "derangement"},
]


def config(**settings) -> MineConfig:
    defaults = {"pairs": PAIRS, "epochs": 3, "batch_size": 8, "learning_rate": 0.01, "hidden_units": 5, "replicates": 2}
    return MineConfig(**{**defaults, **settings})


def samples_of(size=40, dtype=torch.float32) -> Samples:
    source = draws.generator(0, "test samples")
    x = torch.randn(size, 6, generator=source)
    relu3 = (x @ torch.randn(6, 4, generator=source)).relu()
    y = x[:, :5].argmax(dim=1)
    layers = {"relu3": relu3.to(dtype), "sm1": relu3[:, :3].softmax(dim=1).to(dtype)}
    return Samples(x.to(dtype), y, layers)


def fit(settings: MineConfig, samples: Samples, dtype=torch.float32, seed=0, run=1, shapes=SHAPES):
    networks = StatisticsNetworks(settings, shapes, seed=seed, run=run, dtype=dtype)
    return mine.train(networks, samples, seed=seed, run=run), networks


def noise_of(pair: str, settings: MineConfig, samples: int) -> Iterator[torch.Tensor]:
    """The normals of a pair's layer on a CPU, step by step."""
    streams, layer = noise.generators(0, 1, pair[2:]), pair[2:]
    steps = draws.steps(samples, settings.batch_size, settings.last_batch)
    rows = settings.batch_size * (2 if settings.marginals == "independent" and not settings.all_pairs else 1)
    for step in cycle(range(steps)):
        yield torch.randn(rows, *SHAPES[layer], generator=streams[step % noise.STREAMS])


@pytest.mark.parametrize("settings", SETTINGS)
def test_curves_equal_algorithm_1_written_plainly(settings):
    chosen, samples = config(**settings), samples_of(dtype=torch.float64)
    curves, _ = fit(chosen, samples, torch.float64)
    for pair in PAIRS:
        for replicate in range(2):
            normals = noise_of(pair, chosen, len(samples))
            expected, _ = plain.fit(chosen, SHAPES, samples, pair, replicate, normals)
            found = curves.bound[:, curves.pairs.index(pair), replicate].numpy()
            np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_a_redrawn_front_of_images_equals_algorithm_1_written_plainly():
    """X and the first layer images, the second flat: a convolution for X;maxpool1, a Linear for the three others."""
    shapes = {"X": (1, 5, 6), "Y": (10,), "maxpool1": (2, 3, 3), "relu3": (4,)}
    source = draws.generator(0, "test images")
    x = torch.rand(40, 30, generator=source, dtype=torch.float64)
    layers = {name: x[:, : math.prod(shape)] ** 2 for name, shape in shapes.items() if name not in "XY"}
    samples = Samples(x, x[:, :5].argmax(dim=1), layers)
    pairs = ("X;maxpool1", "X;relu3", "Y;maxpool1", "Y;relu3")
    chosen = config(architecture=2, front="redrawn", pairs=pairs, replicates=1)
    curves, networks = fit(chosen, samples, torch.float64, shapes=shapes)
    widths = {name: tuple(p.shape) for name, p in networks.parameters.items() if name.endswith("maxpool1.weight")}
    assert widths == {
        "first.X;maxpool1.weight": (1, 1, 5, 9), "first.maxpool1.weight": (1, 1, 5, 18),
        "first.Y;maxpool1.weight": (1, 1, 5, 10),
    }  # fmt: skip
    for pair in pairs:
        expected, _ = plain.fit(chosen, shapes, samples, pair, 0, iter(()))
        np.testing.assert_allclose(curves.bound[:, curves.pairs.index(pair), 0].numpy(), expected, rtol=1e-7, atol=1e-9)


def test_float32_follows_float64():
    chosen = config(noise_std=0.3, matmul_precision="highest")
    single, double = fit(chosen, samples_of())[0], fit(chosen, samples_of(dtype=torch.float64), torch.float64)[0]
    torch.testing.assert_close(single.bound, double.bound, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_matmul_precision_follows_float64_and_is_the_runs_alone(precision, monkeypatch):
    """Products wide enough for their form in bfloat16, whose 8 digits allow a hundredth."""
    seen, plain = [], StatisticsNetworks.__call__
    monkeypatch.setattr(
        StatisticsNetworks,
        "__call__",
        lambda self, *inputs: seen.append(torch.get_float32_matmul_precision()) or plain(self, *inputs),
    )
    before = torch.get_float32_matmul_precision()
    chosen = config(noise_std=0.3, matmul_precision=precision, pairs=("X;relu3",), batch_size=64, learning_rate=1e-3)
    source = draws.generator(0, "test samples")
    x = torch.randn(256, 200, generator=source)
    z = (x @ torch.randn(200, 300, generator=source) / 10).relu()
    bounds = []
    for dtype in (torch.float32, torch.float64):
        networks = StatisticsNetworks(chosen, {"X": (200,), "relu3": (300,)}, seed=0, dtype=dtype)
        bounds.append(mine.train(networks, Samples(x.to(dtype), None, {"relu3": z.to(dtype)}), seed=0).bound)
    torch.testing.assert_close(*bounds, atol=1e-2 if precision == "medium" else 1e-4, rtol=1e-2)
    assert set(seen) == {precision}
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("units", [1, 100])
def test_light_and_heavy_products_give_the_same_curves(units, monkeypatch):
    """Whether the noise is drawn beside the products or between them changes no number of the draw."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = []
        for light in (0.0, math.inf):
            monkeypatch.setattr(mine, "_LIGHT", dict.fromkeys(mine._LIGHT, light))
            found.append(fit(config(noise_std=0.3, hidden_units=units), samples_of())[0].bound)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-5)


def test_one_seed_repeats_bit_for_bit_and_two_differ():
    chosen = config(noise_std=0.3)
    first, again, other = (fit(chosen, samples_of(), seed=seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first.bound, again.bound)
    assert torch.equal(first.gradient_norm, again.gradient_norm)
    assert not torch.equal(first.bound, other.bound)


def test_noise_and_marginals_change_the_curves():
    curves = [
        fit(config(**settings), samples_of())[0].bound
        for settings in (
            {}, {"noise_std": 1.0}, {"marginals": "derangement"}, {"marginals": "independent"}, {"optimizer": "sgd"},
            {"gradient_correction": "moving_average"}, {"hidden_layers": 2}, {"architecture": 3},
            {"architecture": 3, "front": "redrawn"},
        )
    ]  # fmt: skip
    for i, first in enumerate(curves):
        assert all(not torch.equal(first, second) for second in curves[i + 1 :])


def test_pooled_bound_is_the_formula_over_the_whole_epoch():
    """One epoch of one batch: pooled and mean bound are the same number."""
    curves, _ = fit(config(batch_size=40, epochs=2), samples_of())
    torch.testing.assert_close(curves.bound, curves.pooled_bound, atol=1e-6, rtol=1e-5)
    curves, _ = fit(config(batch_size=8, epochs=2), samples_of())
    assert (curves.bound >= curves.pooled_bound - 1e-6).all()  # Jensen
    assert (curves.bound > curves.pooled_bound + 1e-4).any()


def test_a_kept_last_batch_counts_as_a_batch_in_the_bound_and_by_its_samples_in_the_pooled_bound():
    """One epoch at a learning rate of next to nothing: T stays that of the initial networks."""
    samples, b = samples_of(), 12
    chosen = config(last_batch="kept", batch_size=b, epochs=1, learning_rate=1e-30)
    curves, networks = fit(chosen, samples)
    kept, _, marginals = next(mine.batches.of_epochs(chosen, 40, 0, 1, torch.device("cpu"), 1))
    assert [len(rows) for rows in kept] == [len(rows) for rows in marginals] == [12, 12, 12, 4]
    t = [
        networks({"X": samples.x[r], "Y": samples.y[r]}, {n: v[r] for n, v in samples.layers.items()}, m)[0].detach()
        for r, m in zip(kept, marginals, strict=True)
    ]
    bounds = torch.stack([joint.mean(0) - marginal.exp().mean(0).log() for joint, marginal in t])
    torch.testing.assert_close(curves.bound[0].float(), bounds.mean(0))
    joint, marginal = torch.cat(t, dim=1)
    torch.testing.assert_close(curves.pooled_bound[0].float(), joint.mean(0) - marginal.exp().mean(0).log())
    assert not torch.equal(curves.bound, fit(config(batch_size=b, epochs=1, learning_rate=1e-30), samples)[0].bound)


@pytest.mark.parametrize("marginals", ["permutation", "derangement", "independent"])
def test_without_a_partial_batch_keeping_it_changes_nothing(marginals):
    dropped, kept = (
        fit(config(noise_std=0.3, marginals=marginals, last_batch=last), samples_of())[0]
        for last in ("dropped", "kept")
    )
    assert torch.equal(dropped.bound, kept.bound) and torch.equal(dropped.pooled_bound, kept.pooled_bound)


def test_an_exploding_fit_is_recorded_and_leaves_its_siblings_bit_for_bit():
    chosen = config(epochs=4)
    clean, networks = fit(chosen, samples_of())
    broken = StatisticsNetworks(chosen, SHAPES, seed=0)
    hit = broken.pairs.index("X;relu3"), 1
    with torch.no_grad():
        broken.parameters["last.weight"][hit] *= 1e4  # T passes 88 in the first batch
    curves = mine.train(broken, samples_of(), seed=0)
    sound = torch.ones(4, 2, dtype=torch.bool)
    sound[hit] = False
    assert not curves.finite[:, *hit].any()
    assert curves.finite[:, sound].all()
    for name in ("bound", "pooled_bound", "log_mean_exp", "gradient_norm"):
        assert torch.equal(getattr(curves, name)[:, sound], getattr(clean, name)[:, sound]), name
    for name, tensor in broken.parameters.items():
        rows = sound[[broken.pairs.index(pair) for pair in broken.pairs_with[name]]]
        assert torch.equal(tensor[rows], networks.parameters[name][rows])


def test_stable_log_mean_exp_survives_where_naive_overflows():
    t = torch.tensor([[100.0], [90.0]])
    assert log_mean_exp(t, "naive").isinf().all()
    exact = math.log((math.exp(100) + math.exp(90)) / 2)
    assert log_mean_exp(t, "stable").item() == pytest.approx(exact)


def test_dead_units_are_counted():
    chosen = config(epochs=1, hidden_layers=2)
    networks = StatisticsNetworks(chosen, SHAPES, seed=0)
    with torch.no_grad():
        networks.parameters["first.bias"][0, 0] = -1e6  # all of one fit's first hidden layer is off
        networks.parameters["first.bias"][1, 1, :2] = -1e6  # two units of another's
    curves = mine.train(networks, samples_of(), seed=0)
    assert curves.dead_hidden_layers[0, 0] >= 1
    assert curves.dead_units[0, 0] >= 5
    assert curves.dead_hidden_layers[1, 1] == 0
    assert curves.dead_units[1, 1] >= 2


def test_dead_branches_of_architecture_3_are_counted():
    networks = StatisticsNetworks(config(epochs=1, architecture=3, branch_units=4), SHAPES, seed=0)
    with torch.no_grad():
        networks.parameters["branch.sm1.bias"][networks.pairs_of("sm1").index("Y;sm1"), 1] = -1e6
    curves = mine.train(networks, samples_of(), seed=0)
    assert curves.dead_hidden_layers[networks.pairs.index("Y;sm1"), 1] == 1
    assert curves.dead_hidden_layers.sum() == 1


def test_independent_one_hot_bits_are_estimated_at_ln_2():
    """X decides relu3 exactly, two equal halves: the mutual information is ln 2."""
    y = torch.arange(2_000) % 2
    x = torch.nn.functional.one_hot(y, 6).float()
    samples = Samples(x, y, {"relu3": x[:, :4].clone()})
    chosen = config(pairs=("X;relu3", "Y;relu3"), epochs=40, batch_size=100, marginals="independent", replicates=4)
    curves, _ = fit(chosen, samples)
    assert curves.bound[-4:].mean(dim=0).median().item() == pytest.approx(math.log(2), abs=0.05)
    unrelated = Samples(x, y, {"relu3": torch.randn(2_000, 4, generator=draws.generator(0, "unrelated"))})
    curves, _ = fit(chosen, unrelated)
    assert curves.bound[-4:].mean(dim=0).abs().max() < 0.1


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_trained_T_is_read_out_by_what_it_allows(bound):
    """Without noise and with next to no learning T of a pair is a fixed table: each value by the formula."""
    chosen = config(bound=bound, marginals="derangement", epochs=2, learning_rate=1e-30, clip=0.05, batch_size=40)
    samples = samples_of(dtype=torch.float64)
    curves, networks = fit(chosen, samples, torch.float64)
    rows, _, marginals = next(mine.batches.of_epochs(chosen, 40, 0, 1, torch.device("cpu"), 1))
    t = plain.PlainNetwork(networks, "X;sm1", 1)
    own, z = samples.x[rows[0]], samples.layers["sm1"][rows[0]]
    joint, other = t(own, z).detach(), t(own, z[marginals[0]]).detach()
    every = torch.stack([t(own, one.expand(40, -1)) for one in z], dim=1).detach()
    formulas = {"donsker_varadhan": plain.bound(joint, every.flatten() if bound == "infonce" else other)}
    if bound == "infonce":
        formulas["infonce"] = plain.VALUES["infonce"](joint, every, chosen)
    else:
        offset = 1 if bound == "nwj" else 0
        formulas["smile"] = plain.VALUES["smile"](joint - offset, other - offset, chosen)
    if bound in ("nwj", "js", "smile"):
        formulas["nwj"] = plain.VALUES["nwj"](joint + 1 - offset, other + 1 - offset, chosen)
    found = {name: values[0, curves.pairs.index("X;sm1"), 1].item() for name, values in curves.read_outs.items()}
    assert found == pytest.approx({name: value.item() for name, value in formulas.items()})
    assert mine.read_out(networks, samples, seed=0).keys() == found.keys()


def test_a_layer_shuffled_at_each_step_holds_nothing():
    samples = samples_of(400)
    for bound in ("donsker_varadhan", "infonce"):
        chosen = config(bound=bound, null="shuffled_each_step", epochs=30, batch_size=40, learning_rate=3e-3)
        curves, _ = fit(chosen, samples)
        assert curves.pooled_bound[-10:].mean(dim=0).abs().max() < 0.05
        plainly, _ = fit(config(bound=bound, epochs=30, batch_size=40, learning_rate=3e-3), samples)
        assert plainly.pooled_bound[-10:].mean(dim=0)[0].min() > 0.5
