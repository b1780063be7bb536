import pytest
import torch

from tests.lenet5 import PAIRS
from trainables import draws
from trainables.estimators.plain import PlainNetwork
from trainables.estimators.statistics_network import LastProduct, StatisticsNetworks
from trainables.settings import MineConfig

SHAPES = {"X": (1, 6, 6), "Y": (10,), "maxpool1": (3, 5, 5), "maxpool2": (4, 4, 4), "relu3": (12,), "sm1": (10,)}
BATCH = 7
KINDS = [
    {"architecture": 1},
    {"architecture": 1, "hidden_layers": 3},
    {"architecture": 2, "conv_channels": 2, "conv_kernel": 3},
    {"architecture": 3, "branch_units": 5},
    {"architecture": 3, "branch_units": 0},
    {"architecture": 1, "pairs": ("Y;relu3", "X;relu3", "X;sm1", "Y;sm1")},
    {"architecture": 1, "pairs": ("X;maxpool1", "X;sm1", "Y;sm1")},
]


def make(dtype=torch.float64, run=1, seed=0, **settings) -> StatisticsNetworks:
    settings = {"hidden_units": 6, "replicates": 2, **settings}
    return StatisticsNetworks(MineConfig(**settings), SHAPES, seed=seed, run=run, dtype=dtype)


def batch_of(dtype=torch.float64):
    source = draws.generator(0, "test batch")
    layers = {
        name: torch.randn(BATCH, torch.Size(shape).numel(), generator=source, dtype=dtype)
        for name, shape in SHAPES.items()
    }
    labels = torch.randint(10, (BATCH,), generator=source)
    return {"X": layers.pop("X"), "Y": labels}, layers


def gradients(networks, joint, marginal):
    """Of the sum over fits of mean T(joint) - log mean exp T(marginal)."""
    (joint.mean(dim=0) - marginal.exp().mean(dim=0).log()).sum().backward()
    return {name: tensor.grad for name, tensor in networks.parameters.items()}


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize("within_batch", [True, False])
@pytest.mark.parametrize("looks_up", [True, False], ids=["labels looked up", "labels multiplied, as on a GPU"])
def test_values_and_gradients_equal_the_plain_network(settings, within_batch, looks_up):
    networks = make(**settings)
    networks._looks_up = looks_up
    variables, layers = batch_of()
    layers = {name: layers[name] for name in networks.layers}
    shuffle = torch.tensor([3, 1, 0, 2, 6, 4, 5])
    if within_batch:
        (joint, marginal), _ = networks(variables, layers, shuffle)
    else:
        both = {name: torch.cat([outputs, outputs[shuffle]]) for name, outputs in layers.items()}
        (joint, marginal), _ = networks(variables, both, None)
    found = gradients(networks, joint, marginal)
    for position, pair in enumerate(networks.pairs):
        for replicate in range(2):
            plain = PlainNetwork(networks, pair, replicate)
            variable, layer = pair.split(";")
            plain_joint = plain(variables[variable], layers[layer])
            plain_marginal = plain(variables[variable], layers[layer][shuffle])
            torch.testing.assert_close(joint[:, position, replicate], plain_joint)
            torch.testing.assert_close(marginal[:, position, replicate], plain_marginal)
            (plain_joint.mean() - plain_marginal.exp().mean().log()).backward()
            for name, gradient in found.items():
                pairs = networks.pairs_with[name]
                if pair in pairs:
                    expected = plain.weights[name.replace(".", "_")].grad
                    torch.testing.assert_close(gradient[pairs.index(pair), replicate], expected)


@pytest.mark.parametrize("settings", KINDS[:5])
def test_a_fit_that_is_nan_leaves_its_siblings_bit_for_bit(settings):
    variables, layers = batch_of(torch.float32)
    shuffle = torch.tensor([3, 1, 0, 2, 6, 4, 5])
    clean, broken = make(torch.float32, **settings), make(torch.float32, **settings)
    with torch.no_grad():
        for name, tensor in broken.parameters.items():
            if "X;maxpool1" in broken.pairs_with[name]:
                tensor[broken.pairs_with[name].index("X;maxpool1"), 0] = float("nan")
    outputs = [networks(variables, layers, shuffle)[0] for networks in (clean, broken)]
    found = [gradients(n, *out) for n, out in zip((clean, broken), outputs, strict=True)]
    sound = torch.ones(8, 2, dtype=torch.bool)
    sound[clean.pairs.index("X;maxpool1"), 0] = False
    for kind in range(2):
        assert outputs[1][kind][:, ~sound].isnan().all()
        assert torch.equal(outputs[0][kind][:, sound], outputs[1][kind][:, sound])
    for name in found[0]:
        rows = sound[[clean.pairs.index(pair) for pair in clean.pairs_with[name]]]
        assert torch.equal(found[0][name][rows], found[1][name][rows]), name


def test_initial_weights_do_not_depend_on_pairs_or_replicates():
    whole, part = make(replicates=3), make(replicates=1, pairs=("Y;relu3", "X;sm1"))
    for name, tensor in part.parameters.items():
        for row, pair in enumerate(part.pairs_with[name]):
            assert torch.equal(whole.parameters[name][whole.pairs_with[name].index(pair), 0], tensor[row, 0])


def test_initial_weights_differ_between_seeds_runs_and_replicates():
    first = make().parameters["first.X.weight"]
    assert not torch.equal(first, make(seed=1).parameters["first.X.weight"])
    assert not torch.equal(first, make(run=2).parameters["first.X.weight"])
    assert not torch.equal(first[:, 0], first[:, 1])


def test_initial_weights_follow_the_fan_in_of_the_concatenation():
    networks = make(hidden_units=50, pairs=PAIRS)
    weight = networks.parameters["first.X.weight"][networks.pairs_of("X").index("X;maxpool1")]
    bound = (36 + 75) ** -0.5
    assert weight.abs().max() <= bound
    assert weight.abs().max() > 0.99 * bound


def test_loading_keeps_only_the_fits_that_are_marked():
    source, target, fresh = make(seed=1), make(), make()
    keep = torch.zeros(8, 2, dtype=torch.bool)
    keep[2, 1] = True
    target.load(source.state(), keep)
    for name, tensor in target.parameters.items():
        for row, pair in enumerate(target.pairs_with[name]):
            for replicate in range(2):
                taken = keep[target.pairs.index(pair), replicate]
                expected = (source if taken else fresh).parameters[name][row, replicate]
                assert torch.equal(tensor[row, replicate], expected)


def test_per_fit_sums_over_each_fit_alone():
    networks = make(architecture=3, branch_units=5, hidden_layers=2)
    total = networks.per_fit({name: torch.ones_like(p) for name, p in networks.parameters.items()})
    for position, pair in enumerate(networks.pairs):
        count = sum(p.numel() for p in PlainNetwork(networks, pair, 0).parameters())
        assert total[position].tolist() == [count, count]


def test_the_last_product_and_its_gradients():
    shapes = (2, 5, 3, 2, 4), (3, 2, 4)
    hidden, weight = (
        torch.randn(*shape, generator=draws.generator(0, "test", *shape), dtype=torch.float64, requires_grad=True)
        for shape in shapes
    )
    torch.testing.assert_close(LastProduct.apply(hidden, weight), torch.einsum("sbprh,prh->sbpr", hidden, weight))
    assert torch.autograd.gradcheck(LastProduct.apply, (hidden, weight))
