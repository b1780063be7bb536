import math

import pytest
import torch
from torch import nn

from trainables.draws import generator
from trainables.settings import DataConfig, LeNetConfig
from trainables.subjects import data, lenet


def test_layers_are_the_papers():
    network = lenet.LeNet5(generator(0, "t"))
    plain = nn.Sequential(
        network.conv1, nn.ReLU(), nn.MaxPool2d(2), network.conv2, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        network.fc1, nn.ReLU(), network.fc2, nn.Softmax(dim=1),
    )  # fmt: skip
    pixels = torch.rand(5, 1, 28, 28, generator=generator(0, "pixels"))
    outputs, expected = network.layers(pixels), pixels
    positions = {2: "maxpool1", 5: "maxpool2", 8: "relu3", 10: "sm1"}
    for position, layer in enumerate(plain):
        expected = layer(expected)
        if position in positions:
            name = positions[position]
            torch.testing.assert_close(outputs[name], expected)
            assert outputs[name].shape[1:] == lenet.LAYER_SHAPES[name]
    assert sum(p.numel() for p in network.parameters()) == 520 + 25_050 + 400_500 + 5_010


def test_log_softmax_is_the_logarithm_of_sm1_and_nothing_else():
    pixels = torch.rand(5, 1, 28, 28, generator=generator(0, "pixels"))
    plain, logs = (lenet.LeNet5(generator(0, "t"), output).layers(pixels) for output in ("softmax", "log_softmax"))
    torch.testing.assert_close(logs["sm1"].exp(), plain["sm1"])
    assert (logs["sm1"] < 0).all()
    assert all(torch.equal(logs[name], plain[name]) for name in ("maxpool1", "maxpool2", "relu3", "logits"))


def test_gradients_are_those_of_relu_before_pooling():
    networks = [lenet.LeNet5(generator(0, "t")) for _ in range(2)]
    pixels = torch.rand(5, 1, 28, 28, generator=generator(0, "pixels"))
    networks[0](pixels).square().sum().backward()
    n, f = networks[1], torch.nn.functional
    hidden = f.max_pool2d(f.relu(n.conv2(f.max_pool2d(f.relu(n.conv1(pixels)), 2))), 2).flatten(1)
    n.fc2(f.relu(n.fc1(hidden))).square().sum().backward()
    for found, expected in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-4, atol=1e-5)


def test_activations_are_rows_in_the_images_order():
    network = lenet.LeNet5(generator(0, "t"))
    images = data.load(DataConfig(name="digits")).train
    rows = lenet.activations(network, images, ("maxpool1", "sm1"))
    assert {name: tuple(r.shape) for name, r in rows.items()} == {"maxpool1": (1_437, 2_880), "sm1": (1_437, 10)}
    single = network.layers(images.pixels[1_200:1_201])
    torch.testing.assert_close(rows["maxpool1"][1_200], single["maxpool1"].flatten())
    torch.testing.assert_close(rows["sm1"].sum(dim=1), torch.ones(1_437))


def test_a_kept_last_batch_is_one_more_step():
    pixels = torch.rand(10, 1, 28, 28, generator=generator(0, "pixels"))
    images, weights, losses = data.Images(pixels, torch.arange(10)), [], []
    for last_batch in ("dropped", "kept"):
        network = lenet.LeNet5(generator(0, "t"))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        losses.append(lenet.train_epoch(network, optimizer, images, 4, generator(0, "o"), last_batch))
        weights.append(network.fc2.bias.detach().clone())
    rows, plain = torch.randperm(10, generator=generator(0, "o")), lenet.LeNet5(generator(0, "t"))
    optimizer, expected = torch.optim.SGD(plain.parameters(), lr=0.1), []
    for batch in rows.split(4):
        loss = torch.nn.functional.cross_entropy(plain(pixels[batch]), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    torch.testing.assert_close(weights[1], plain.fc2.bias.detach())
    assert losses == pytest.approx([sum(expected[:2]) / 2, sum(expected) / 3])
    assert not torch.equal(*weights)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_it_learns_digits(optimizer):
    digits, config = data.load(DataConfig(name="digits")), LeNetConfig(optimizer=optimizer, learning_rate=3e-3)
    network = lenet.LeNet5(generator(0, "t"))
    optimizer = lenet.make_optimizer(network, config)
    before = lenet.accuracy(network, digits.test)
    losses = [lenet.train_epoch(network, optimizer, digits.train, 16, generator(0, "order", e)) for e in range(5)]
    assert losses[0] < math.log(10) + 0.1
    assert losses[-1] < 0.5 * losses[0]
    assert before < 0.3
    assert lenet.accuracy(network, digits.test) > 0.85


@pytest.mark.slow
def test_default_lenet_reaches_the_expected_accuracy_on_mnist(mnist_root):
    """One seed of the default settings; the paper's Table 3 has 94, 96 and 97 %."""
    torch.set_num_threads(2)
    mnist, config = data.load(DataConfig(root=mnist_root)), LeNetConfig()
    network = lenet.LeNet5(generator(0, "lenet weights"))
    optimizer = lenet.make_optimizer(network, config)
    accuracy = {}
    for epoch in range(config.epochs):
        lenet.train_epoch(network, optimizer, mnist.train, config.batch_size, generator(0, "lenet batches", epoch))
        if epoch in (12, 16, 20):
            accuracy[epoch] = lenet.accuracy(network, mnist.test)
    assert 0.94 <= accuracy[12] <= 0.96
    assert 0.95 <= accuracy[16] <= 0.97
    assert 0.96 <= accuracy[20] <= 0.98
