"""The networks that can be studied, each a description: to add one, add it here. No torch until one is made."""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

OUTPUT = ""
"""In place of a module: the network's output, as class probabilities or their logarithms (`network.output`)."""


@dataclass(frozen=True)
class Network:
    """A network that can be studied.

    Attributes:
        make: `module:name` of what makes it, called with the shape of one input and the number of classes. It returns
            a module from inputs, shape (batch, *shape), to logits, shape (batch, classes), with initial weights from
            PyTorch's global generator, which is seeded before.
        layers: the probed layers in the network's order, each with the module whose output it is, named as in
            `named_modules`, or `OUTPUT`.
    """

    make: str
    layers: Mapping[str, str]


NETWORKS: Mapping[str, Network] = {
    # The paper's Table 1; its maxpool layers end in the ReLU.
    "lenet5": Network(
        "trainables.subjects.lenet:LeNet5",
        {"maxpool1": "maxpool1", "maxpool2": "maxpool2", "relu3": "relu3", "sm1": OUTPUT},
    ),
    "mlp": Network(
        "trainables.subjects.networks:mlp", {"tanh1": "tanh1", "tanh2": "tanh2", "tanh3": "tanh3", "sm1": OUTPUT}
    ),
    # Shwartz-Ziv and Tishby 2017 (arXiv:1703.00810), section 3.1: 10-7-5-4-3 tanh units.
    "tanh_mlp": Network(
        "trainables.subjects.networks:tanh_mlp", {f"tanh{n}": f"tanh{n}" for n in range(1, 6)} | {"sm1": OUTPUT}
    ),
    "vgg": Network(
        "trainables.subjects.convolutional:vgg",
        {"pool1": "pool1", "pool2": "pool2", "pool3": "pool3", "relu7": "relu7", "sm1": OUTPUT},
    ),
    "resnet": Network(
        "trainables.subjects.convolutional:ResNet",
        {"stage1": "stage1", "stage2": "stage2", "stage3": "stage3", "pool": "pool", "sm1": OUTPUT},
    ),
}
"""By `network.name`."""


def mlp(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Three hidden layers of 64, 32 and 16 tanh units."""
    return _tanh((math.prod(shape), 64, 32, 16), classes)


def tanh_mlp(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Five hidden layers of 10, 7, 5, 4 and 3 tanh units."""
    return _tanh((math.prod(shape), 10, 7, 5, 4, 3), classes)


def _tanh(widths: tuple[int, ...], classes: int) -> nn.Module:
    """Layers linear1, tanh1, linear2, ... of these widths, the first the input's, and a last linear one."""
    from torch import nn

    modules = OrderedDict[str, nn.Module](flat=nn.Flatten())
    for number, (before, after) in enumerate(itertools.pairwise(widths), start=1):
        modules[f"linear{number}"] = nn.Linear(before, after)
        modules[f"tanh{number}"] = nn.Tanh()
    modules[f"linear{len(widths)}"] = nn.Linear(widths[-1], classes)
    return nn.Sequential(modules)


def described(name: str, layers: tuple[str, ...] = ()) -> Network:
    """A network of `NETWORKS`, or `package.module:name`, with these layers probed; none: those of its description.

    Layers are named as in `named_modules`; `output` is the network's output. Raises nothing: what a name stands for is
    found when the network is made.
    """
    known = NETWORKS.get(name, Network(name, {"output": OUTPUT}))
    return Network(known.make, {one: known.layers.get(one, one) for one in layers}) if layers else known


def pairs(layers: Mapping[str, str]) -> tuple[str, ...]:
    """The pairs variable;layer of a network, X the input and Y the label.

    >>> pairs(NETWORKS["lenet5"].layers)[3:5]
    ('X;sm1', 'Y;maxpool1')
    """
    return tuple(f"{variable};{layer}" for variable in "XY" for layer in layers)
