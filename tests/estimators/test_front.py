import math

import pytest
import torch

from tests import lenet5
from tests.lenet5 import PAIRS
from trainables.estimators import front
from trainables.estimators.front import Front
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import InputError, MineConfig

SHAPES = lenet5.SHAPES
CPU = torch.device("cpu")


def settings(architecture, **others) -> MineConfig:
    return MineConfig(architecture=architecture, front="redrawn", hidden_units=3, replicates=1, **others)


def mapped(config, pairs, seed=0, run=1, steps=1):
    """What each pair's map makes of ones, step after step."""
    redraw = Front(config, pairs, SHAPES, seed, run, CPU)
    layers = {layer: torch.ones(2, math.prod(shape)) for layer, shape in lenet5.SHAPES.items() if layer not in "XY"}
    found = []
    for _ in range(steps):
        variables, outputs = redraw({"X": torch.ones(2, 784)}, layers)
        found.append({pair: (variables if pair[0] == "X" else outputs)[pair] for pair in pairs})
    return found


@pytest.mark.parametrize("architecture", [2, 3])
def test_the_maps_are_the_authors(architecture):
    weights = {pair: front.weight_shape(settings(architecture), pair, SHAPES) for pair in PAIRS}
    filters = {"X;maxpool1": (1, 1, 17, 17), "X;maxpool2": (1, 1, 25, 25)} if architecture == 2 else {}
    assert weights == {
        "X;maxpool1": (2880, 784), "X;maxpool2": (800, 784), "X;relu3": (500, 784), "X;sm1": (10, 784),
        "Y;maxpool1": (10, 2880), "Y;maxpool2": (10, 800), "Y;relu3": (10, 500), "Y;sm1": (10, 10),
    } | filters  # fmt: skip
    widths = {pair: outputs.shape[1] for pair, outputs in mapped(settings(architecture), PAIRS)[0].items()}
    assert widths == {pair: math.prod(front.mapped_shape(settings(architecture), pair, SHAPES)) for pair in PAIRS}
    assert widths["X;maxpool1"] == (144 if architecture == 2 else 2880)


def test_no_parameter_belongs_to_a_map():
    networks = StatisticsNetworks(settings(3), lenet5.SHAPES, seed=0)
    assert {name.split(".")[0] for name in networks.parameters} == {"first", "last"}
    assert networks.parameters["first.X;relu3.weight"].shape == (1, 1, 3, 500)
    assert networks.parameters["first.Y.weight"].shape == (4, 1, 3, 10)
    assert networks.pairs_of("relu3") == ("X;relu3",) and networks.pairs_of("Y") == PAIRS[4:]


def test_a_map_is_new_at_every_step_and_its_pairs_own():
    first, second = mapped(settings(3), PAIRS, steps=2)
    alone = mapped(settings(3), ("Y;relu3",), steps=2)
    other = mapped(settings(3), ("Y;relu3",), seed=1) + mapped(settings(3), ("Y;relu3",), run=2)
    for pair in PAIRS:
        assert not torch.equal(first[pair], second[pair]), pair
    assert torch.equal(alone[0]["Y;relu3"], first["Y;relu3"]) and torch.equal(alone[1]["Y;relu3"], second["Y;relu3"])
    assert all(not torch.equal(one["Y;relu3"], first["Y;relu3"]) for one in other)
    assert torch.equal(first["Y;relu3"][0], first["Y;relu3"][1])  # one map for all samples of a step


def test_weights_and_bias_have_pytorchs_default_law():
    """A Linear of 784 inputs: uniform in +-1/28."""
    redraw = Front(settings(3), ("X;maxpool2",), SHAPES, 0, 1, CPU)
    redraw({"X": torch.ones(1, 784)}, {})
    _, *numbers = redraw._maps["X;maxpool2"]
    for values in numbers:
        assert values.abs().max() <= 1 / 28 < 1.01 * values.abs().max()
        assert values.std() == pytest.approx(1 / 28 / math.sqrt(3), rel=0.05)


def test_there_are_no_maps_without_a_redrawn_front():
    for config in (MineConfig(architecture=3), MineConfig(architecture=1, front="redrawn")):
        assert not Front(config, PAIRS, SHAPES, 0, 1, CPU)._maps
    shapes = {"X": (6,), "relu3": (4,)}
    trained, redrawn = (
        StatisticsNetworks(MineConfig(front=kind, pairs=("X;relu3",)), shapes, seed=0)
        for kind in ("trained", "redrawn")
    )
    assert trained.parameters.keys() == redrawn.parameters.keys()


def test_a_layer_larger_than_x_has_no_filter():
    with pytest.raises(InputError, match="mine.front is 'redrawn' and conv's images are of"):
        front.weight_shape(settings(2), "X;conv", {"X": (1, 4, 4), "conv": (2, 5, 5)})
