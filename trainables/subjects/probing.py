"""The outputs of a network's layers, read by forward hooks, and their shapes."""

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainables import numerics
from trainables.errors import InputError
from trainables.subjects.networks import OUTPUT

EVALUATION_BATCH = 250
"""Inputs per forward pass where nothing is learnt; bounds the memory of the convolutions."""

_AS = {"softmax": torch.softmax, "log_softmax": torch.log_softmax}


@numerics.fixed("highest")
@torch.no_grad()
def activations(
    network: nn.Module, inputs: Tensor, layers: Mapping[str, str], output: str = "softmax"
) -> dict[str, Tensor]:
    """The layers' outputs for all inputs, in evaluation mode, one row per sample.

    Args:
        inputs: shape (samples, *shape).
        layers: the module whose output each layer is (`networks.Network`).
        output: what the layer of the network's own output is: the `softmax` of its logits, or the `log_softmax`.

    Returns:
        By layer, float32, shape (samples, features) on the inputs' device.

    Raises:
        InputError: if a layer is not there, or is not one tensor per forward pass.
        FloatingPointError: if an output is not finite: the network has diverged, and nothing can be said of it.
    """
    rows: dict[str, Tensor] = {}
    network.eval()
    with _read(network, layers, output) as outputs:
        for start in range(0, len(inputs), EVALUATION_BATCH):
            outputs.clear()
            network(inputs[start : start + EVALUATION_BATCH])
            for name, one in _each_once(outputs, layers).items():
                if name not in rows:
                    rows[name] = torch.empty(len(inputs), math.prod(one.shape[1:]), device=inputs.device)
                rows[name][start : start + EVALUATION_BATCH] = one.flatten(1)
    for name, of_layer in rows.items():
        if not torch.stack(of_layer.aminmax()).isfinite().all():  # makes no copy of the outputs
            raise FloatingPointError(f"the network has diverged: {name} is not finite; lower network.learning_rate.")
    return rows


@torch.no_grad()
def layer_shapes(network: nn.Module, shape: tuple[int, ...], layers: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """The shape of each layer's output without the sample axis, by one forward pass; raises as `activations`."""
    network.eval()
    with _read(network, layers, "softmax") as outputs:
        network(torch.zeros(2, *shape))
        return {name: tuple(one.shape[1:]) for name, one in _each_once(outputs, layers).items()}


def outputs(network: nn.Module, inputs: Tensor, layers: Mapping[str, str]) -> dict[str, Tensor]:
    """The same of a network of people's own, on its own device, each (samples, *shape of the layer) on the CPU.

    The network is left as it was: modes, gradients, hooks and random states.
    """
    modes = {module: module.training for module in network.modules()}
    place = next(itertools.chain(network.parameters(), network.buffers()), torch.empty(0)).device
    try:
        with torch.random.fork_rng():
            network.eval()
            with torch.no_grad(), _read(network, layers, "softmax") as read:
                network(inputs[:2].to(place))
            shapes = {name: one.shape[1:] for name, one in _each_once(read, layers).items()}
            found = activations(network, inputs.to(place), layers)
            return {name: one.cpu().reshape(-1, *shapes[name]) for name, one in found.items()}
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _read(network: nn.Module, layers: Mapping[str, str], output: str) -> Iterator[dict[str, list[Tensor]]]:
    """Under this, every forward pass adds what the layers' modules return, by layer."""
    outputs: dict[str, list[Tensor]] = {}
    modules = dict(network.named_modules())

    def note(layer: str, module: nn.Module, given: object, returned: object) -> None:
        if not isinstance(returned, Tensor):
            raise InputError(f"layer {layer!r} returns a {type(returned).__name__}; it must return a tensor.")
        # A copy, since the next module may work in place.
        values = _AS[output](returned, dim=1) if layers[layer] == OUTPUT else returned.clone()
        outputs.setdefault(layer, []).append(values)

    hooks = []
    try:
        for layer, name in layers.items():
            if name not in modules:
                raise InputError(f"layer is {layer!r}; it must be a module of the network: {', '.join(modules)}.")
            hooks.append(modules[name].register_forward_hook(functools.partial(note, layer)))
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _each_once(outputs: Mapping[str, list[Tensor]], layers: Mapping[str, str]) -> dict[str, Tensor]:
    """One tensor per layer, in the layers' order."""
    for layer in layers:
        found = outputs.get(layer, [])
        if len(found) != 1:
            raise InputError(
                f"layer {layer!r} has {len(found)} outputs per forward pass; it must have one: give each use of a "
                "module a module of its own."
            )
    return {layer: outputs[layer][0] for layer in layers}
