"""The parameters of one statistics network, by architecture and critic: their names, shapes and fan in."""

import math
from collections.abc import Mapping

from trainables.estimators import front
from trainables.settings import MineConfig

Shapes = Mapping[str, tuple[int, ...]]


ROLES = ("variable", "layer")
"""The sides of a pair, by which the heads of the separable critic are named."""


def parameters_of(config: MineConfig, shapes: Shapes, pair: str) -> dict[str, tuple[tuple[int, ...], int]]:
    """The parameters of one fit, by name, in the order in which they are drawn: shape and fan in.

    Args:
        shapes: as in `StatisticsNetworks`.
    """
    if config.redraws_front:
        shapes = {**shapes, pair: front.mapped_shape(config, pair, shapes)}
    sides, units, separable = front.sides(config, pair), config.hidden_units, config.critic == "separable"
    widths = [width_of(config, shapes[side]) for side in sides]
    found: dict[str, tuple[tuple[int, ...], int]] = {}
    for side, width in zip(sides, widths, strict=True):
        shape, features = shapes[side], math.prod(shapes[side])
        if is_convolved(config, shape):
            kernel = (shape[0], config.conv_kernel, config.conv_kernel)
            found[f"convolution.{side}.weight"] = (config.conv_channels, *kernel), math.prod(kernel)
            found[f"convolution.{side}.bias"] = (config.conv_channels,), math.prod(kernel)
        elif has_branch(config):
            found[f"branch.{side}.weight"] = (config.branch_units, features), features
            found[f"branch.{side}.bias"] = (config.branch_units,), features
        found[f"first.{side}.weight"] = (units, width), width if separable else sum(widths)
    heads = dict(zip([f"{role}." for role in ROLES], widths, strict=True)) if separable else {"": sum(widths)}
    for head, width in heads.items():
        found[f"{head}first.bias"] = (units,), width
        for depth in range(1, config.hidden_layers):
            found[f"{head}hidden{depth}.weight"] = (units, units), units
            found[f"{head}hidden{depth}.bias"] = (units,), units
        found[f"{head}last.weight"] = (units, units) if separable else (units,), units
        found[f"{head}last.bias"] = (units,) if separable else (), units
    return found


def width_of(config: MineConfig, shape: tuple[int, ...]) -> int:
    """Features that a side of this shape hands to the head's first Linear."""
    if is_convolved(config, shape):
        return config.conv_channels * shape[1] * shape[2]
    return config.branch_units if has_branch(config) else math.prod(shape)


def is_convolved(config: MineConfig, shape: tuple[int, ...]) -> bool:
    return config.architecture == 2 and len(shape) == 3 and not config.redraws_front


def has_branch(config: MineConfig) -> bool:
    return config.architecture == 3 and config.branch_units > 0 and not config.redraws_front
