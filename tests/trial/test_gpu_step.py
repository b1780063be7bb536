"""MINE's step and LeNet-5's on a pretended GPU: one device throughout, and nothing to wait for."""

import math
from dataclasses import replace
from itertools import cycle, product

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException

from tests import lenet5
from tests.lenet5 import PAIRS
from tests.pretended_gpu import GPU, Watch, by_hand, pretended
from trainables import truth
from trainables.draws import generator
from trainables.estimators import mine
from trainables.estimators.mine import Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import MineConfig, NetworkConfig
from trainables.subjects import probing, training
from trainables.subjects.data import Examples

SHAPES = {
    "X": (1, 6, 6),
    "Y": (10,),
    "maxpool1": (3, 5, 5),
    "maxpool2": (4, 4, 4),
    "relu3": (12,),
    "sm1": (10,),
}
SIZE, BATCH, EPOCHS = 16, 8, 2

STEPS = SIZE // BATCH * (EPOCHS - 1)
"""After the first epoch."""

ARCHITECTURES = [
    {"architecture": 1},
    {"architecture": 1, "hidden_layers": 2},
    {"architecture": 2, "conv_channels": 2, "conv_kernel": 3},
    {"architecture": 3, "branch_units": 5},
    {"architecture": 3, "branch_units": 0},
    {"architecture": 2, "front": "redrawn"},
    {"architecture": 3, "front": "redrawn"},
]
SHAPED = list(product(ARCHITECTURES, ("permutation", "derangement", "independent"), (0.0, 0.5)))
OTHERS = ("log_mean_exp", "gradient_correction", "matmul_precision", "optimizer")
BOUNDS = cycle(product(("naive", "stable"), ("none", "moving_average"), ("highest", "high", "medium"), ("adam", "sgd")))
"""Every architecture meets all marginals, with noise and without; the other settings take turns along them."""


def samples_on(device: torch.device, variables: str = "XY") -> Samples:
    def values(side: str) -> torch.Tensor:
        return torch.rand(SIZE, math.prod(SHAPES[side]), device=device)

    x = values("X") if "X" in variables else None
    y = torch.zeros(SIZE, dtype=torch.int64, device=device) if "Y" in variables else None
    return Samples(x, y, {layer: values(layer) for layer in SHAPES if layer != "X"})


def train(watch: Watch, **settings) -> mine.Curves:
    """A run; the watch has seen what is after its first epoch, in which indices are made, and before its end."""
    chosen = MineConfig(**{"hidden_units": 6, "replicates": 1, "epochs": EPOCHS, "batch_size": BATCH, **settings})
    networks = StatisticsNetworks(chosen, SHAPES, seed=0, device=GPU)
    samples = samples_on(GPU)

    def population(epoch: int) -> Samples:
        if epoch == 1:
            watch.forget()
        return samples

    with pytest.MonkeyPatch.context() as patch:
        seen: list[str] = []
        finish = mine._Recorder.curves
        patch.setattr(mine._Recorder, "curves", lambda self: seen.extend(watch.waits) or finish(self))
        curves = mine.train(networks, population, seed=0)
    watch.waits[:] = seen
    for parameter in networks.parameters.values():
        assert parameter.grad is not None and parameter.grad.device == parameter.device == GPU
        assert parameter.grad.shape == parameter.shape
    return curves


@pytest.mark.parametrize(
    ("architecture", "marginals", "noise_std", "others"),
    [(*shaped, dict(zip(OTHERS, bound, strict=True))) for shaped, bound in zip(SHAPED, BOUNDS, strict=False)],
    ids=map(str, range(len(SHAPED))),
)
def test_a_step_stays_on_the_gpu_and_nothing_waits_or_is_added_up_in_any_order(
    architecture, marginals, noise_std, others
):
    """A look-up's gradient is: labels repeat, and a GPU adds equal rows by atomics. All else adds each row once."""
    with pretended() as watch:
        curves = train(watch, **architecture, marginals=marginals, noise_std=noise_std, **others)
        assert watch.waits == []
        assert not {"IndexBackward0", "GatherBackward0"} & set(watch.operations)
        # Of the marginal samples' rows, which are distinct.
        assert watch.operations["IndexSelectBackward0"] == (0 if marginals == "independent" else STEPS)
        assert watch.operations[f"_fused_{others['optimizer']}_.default"] == STEPS
        assert curves.bound.shape == (EPOCHS, 8, 1) and curves.dead_units.shape == (8, 1)


@pytest.mark.parametrize("pairs", [("X;relu3", "X;sm1"), ("Y;sm1",), ("Y;relu3", "X;relu3", "X;sm1")])
def test_some_pairs_alone_do(pairs):
    with pretended() as watch:
        train(watch, pairs=pairs, noise_std=0.5)
        assert watch.waits == []


@pytest.mark.parametrize("front", ["trained", "redrawn"])
@pytest.mark.parametrize("marginals", ["permutation", "derangement", "independent"])
def test_a_last_batch_that_is_kept_does(marginals, front):
    with pretended() as watch:
        train(watch, architecture=3, front=front, marginals=marginals, noise_std=0.5, batch_size=6, last_batch="kept")
        assert watch.waits == []
        assert watch.operations["_fused_adam_.default"] == 3 * (EPOCHS - 1)


def test_noise_costs_a_step_one_kernel_and_no_draw_of_its_own():
    with pretended() as watch:
        train(watch)
        without = +watch.operations
    with pretended() as watch:
        train(watch, noise_std=0.5)
        more = watch.operations - without
    assert more == {"_foreach_add_.List": STEPS}


def test_what_waits_is_found():
    """Each kind, as it stood in this code or might."""
    for wait in (
        lambda on_gpu: on_gpu.cpu(),
        lambda on_gpu: torch.empty(4).copy_(on_gpu),
        lambda on_gpu: torch.empty(4).to(GPU),
        lambda on_gpu: torch.tensor([1, 2], device=GPU),
        lambda on_gpu: on_gpu[[1, 2]],
        lambda on_gpu: on_gpu.index_put_((on_gpu > 0,), torch.zeros((), device=GPU)),
    ):
        with pretended() as watch:
            wait(torch.empty(4, device=GPU))
            assert watch.waits
    with pretended() as watch:
        torch.empty(4).pin_memory().to(GPU, non_blocking=True)
        assert watch.waits == []
        with pytest.raises(DataDependentOutputException):
            torch.empty(4, device=GPU).sum().item()


def test_lenet_learns_and_is_probed_on_the_gpu():
    """Its epoch waits twice: for the order of the images, and for the loss."""
    network = lenet5.make(generator(0, "t"))
    with pretended() as watch:
        for module in network.modules():
            for name, parameter in module._parameters.items():
                module._parameters[name] = nn.Parameter(torch.empty_like(parameter, device=GPU))
        images = Examples(torch.rand(SIZE, 1, 28, 28, device=GPU), torch.zeros(SIZE, dtype=torch.int64, device=GPU))
        optimizer = training.make_optimizer(network, NetworkConfig())
        watch.forget()
        with pytest.raises(DataDependentOutputException):
            training.train_epoch(network, optimizer, images, BATCH, generator(0, "order"))
        assert (
            len(watch.waits) == 1 and watch.operations["max_pool2d_with_indices_backward.default"] == 2 * SIZE // BATCH
        )
        with probing._read(network, lenet5.LAYERS, "softmax") as outputs:
            network(images.inputs)
        assert {values.device for (values,) in outputs.values()} == {GPU}


@pytest.mark.parametrize("noise_stds", [[0.3], [1e-9, 2.0]], ids=str)
def test_truth_stays_on_the_gpu_and_waits_once_per_block(noise_stds):
    """For the draws; 1e-9 takes distances from differences."""
    source = generator(0, "t")
    outputs, labels = torch.rand(SIZE, 6, generator=source), torch.arange(SIZE) % 3
    known = truth.Mixture.of(outputs, labels)
    with pretended() as watch:
        there = {name: value.to(GPU) for name, value in vars(known).items() if isinstance(value, torch.Tensor)}
        chunks = [(label, rows.to(GPU)) for label, rows in known.chunks]
        mixture = replace(known, **there, chunks=chunks)
        centres, noise = torch.zeros(5, dtype=torch.int64, device=GPU), torch.rand(5, 6, device=GPU).double()
        watch.forget()
        for log_off in mixture.log_densities(centres, noise, noise_stds).values():
            assert log_off.device == GPU and log_off.shape == (5, 3) and watch.waits == []
            with pytest.raises(RuntimeError, match="numpy"):  # where the draws are copied to the host, at once
                truth._Draws().add(log_off, mixture.classes[centres], mixture.sizes)
            assert len(watch.waits) == 1
            watch.forget()


def test_truth_takes_more_samples_at_once_on_a_gpu(monkeypatch):
    """And is the same: how many go into a product changes its rounding alone."""
    source = generator(0, "t")
    outputs, labels = torch.rand(300, 6, generator=source), torch.arange(300) % 3
    found = []
    for chunk in (7, 2_048):
        monkeypatch.setitem(truth.CHUNK, "cpu", chunk)
        found.append(truth.compute(outputs, labels, [0.1], generator(0, "draws"), most_draws=500)[0.1])
    assert found[0].x == pytest.approx(found[1].x, abs=1e-12) and found[0].y == pytest.approx(found[1].y, abs=1e-12)
    assert truth.CHUNK["cuda"] > 2_048


def test_by_hand_gives_the_engines_gradients():
    """The graph's functions one by one, on numbers."""
    chosen = MineConfig(architecture=3, branch_units=5, hidden_layers=2, hidden_units=6, replicates=2, pairs=PAIRS)
    torch.manual_seed(0)
    samples, found = samples_on(torch.device("cpu")), []
    for backward in (torch.Tensor.backward, lambda root, gradient: by_hand(root, gradient, Watch())):
        networks = StatisticsNetworks(chosen, SHAPES, seed=0)
        t, _ = networks({"X": samples.x, "Y": samples.y}, samples.layers, torch.arange(SIZE).flip(0))
        backward(t, torch.ones_like(t))
        found.append({name: parameter.grad for name, parameter in networks.parameters.items()})
    assert all(torch.equal(found[1][name], gradient) for name, gradient in found[0].items())
