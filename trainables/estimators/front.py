"""The redrawn front: random maps that nobody trains, as the paper's authors ran architectures 2 and 3.

At every step each pair has a new map, a Linear or a convolution with PyTorch's default law for weights and bias, then
a ReLU; the step's joint and marginal samples and all replicates share it, as they share the noise, and no optimizer
holds it. It takes one side of the pair: X of X;L, to the size of L; the layer, with its noise, of Y;L, to the number of
classes. The other side enters as it is, both are flattened and concatenated, and the head is architecture 1's.

A mapped side is named as its pair. T sees one side through a random map only, so the optimum, which allows any T, is
an upper bound.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from trainables import draws
from trainables.settings import InputError, MineConfig

Shape = tuple[int, ...]


def sides(config: MineConfig, pair: str) -> tuple[str, str]:
    """What the head of a pair concatenates: the variable or the map in its place, and the layer or its map.

    >>> sides(MineConfig(architecture=3, front="redrawn"), "X;relu3"), sides(MineConfig(), "X;relu3")
    (('X;relu3', 'relu3'), ('X', 'relu3'))
    """
    variable, layer = pair.split(";")
    if not config.redraws_front:
        return variable, layer
    return (pair, layer) if variable == "X" else (variable, pair)


def weight_shape(config: MineConfig, pair: str, shapes: Mapping[str, Shape]) -> Shape:
    """Shape of a pair's map: (1, channels, height, width) of a filter, else (outputs, inputs) of a Linear.

    Args:
        shapes: of one sample of "X", "Y" (the classes) and each layer.

    Raises:
        InputError: if a filter would have to enlarge an image.
    """
    variable, layer = pair.split(";")
    if variable == "Y":
        return math.prod(shapes["Y"]), math.prod(shapes[layer])
    x, output = shapes["X"], shapes[layer]
    if config.architecture == 2 and len(x) == len(output) == 3:
        height, width = (of_x - of_layer + 1 for of_x, of_layer in zip(x[1:], output[1:], strict=True))
        if min(height, width) < 1:
            raise InputError(
                f"mine.front is 'redrawn' and {layer}'s images are of {output[1:]}; with architecture 2 they must be "
                f"at most as high and as wide as X's, {x[1:]}."
            )
        return 1, x[0], height, width
    return math.prod(output), math.prod(x)


def mapped_shape(config: MineConfig, pair: str, shapes: Mapping[str, Shape]) -> Shape:
    """Shape of a pair's mapped side, flattened; arguments as in `weight_shape`.

    >>> shapes = {"X": (1, 28, 28), "Y": (10,), "maxpool1": (20, 12, 12)}
    >>> [mapped_shape(MineConfig(architecture=a, front="redrawn"), "X;maxpool1", shapes) for a in (2, 3)]
    [(144,), (2880,)]
    """
    weight = weight_shape(config, pair, shapes)
    return (math.prod(shapes[pair[2:]][1:]),) if len(weight) == 4 else weight[:1]


class Front:
    """The maps of a run, drawn again at every call; none where the configuration has no redrawn front."""

    def __init__(
        self,
        config: MineConfig,
        pairs: tuple[str, ...],
        shapes: Mapping[str, Shape],
        seed: int,
        run: object,
        device: torch.device,
    ) -> None:
        """Nothing is drawn yet; every pair has a generator of its own, on the device, and memory for its map."""
        self._shapes = shapes
        self._maps = {
            pair: (
                draws.generator(seed, "front", run, pair, device=device),
                torch.empty(weight := weight_shape(config, pair, shapes), device=device),
                torch.empty(weight[0], device=device),
            )
            for pair in (pairs if config.redraws_front else ())
        }

    @torch.no_grad()
    def __call__(
        self, variables: dict[str, Tensor], layers: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The step's variables and layers, each (rows, features), and beside them the mapped sides."""
        variables, layers = dict(variables), dict(layers)
        for pair, (source, weight, bias) in self._maps.items():
            limit = 1 / math.sqrt(weight[0].numel())
            for numbers in (weight, bias):
                # In float32 whatever the dtype, so that a float64 reference sees the same map.
                numbers.uniform_(-limit, limit, generator=source)
            variable, layer = pair.split(";")
            if variable == "X":
                variables[pair] = self._mapped(variables["X"], weight, bias)
            else:
                layers[pair] = self._mapped(layers[layer], weight, bias)
        return variables, layers

    def _mapped(self, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        weight, bias = weight.to(values.dtype), bias.to(values.dtype)
        if weight.dim() == 4:
            return functional.conv2d(values.view(-1, *self._shapes["X"]), weight, bias).relu_().flatten(1)
        return functional.linear(values, weight, bias).relu_()
