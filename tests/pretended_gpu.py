"""A GPU that is not there: PyTorch's fake tensors on it, what would make it wait, and torch.cuda without a driver.

Fake tensors have shapes and devices and no numbers; PyTorch refuses operations on tensors of two devices as it would
on a real GPU, and any that must know a number.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from trainables import draws

GPU = torch.device("cuda", 0)
NAME = "NVIDIA Pretended"


class Watch(TorchDispatchMode):
    """Notes every operation, and apart those for which the host or the GPU must wait.

    Attributes:
        operations: how often each operation was called, and each function of the graph (`IndexSelectBackward0`).
        waits: copies to the host, and copies to the GPU that block.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.waits: list[str] = []

    def forget(self) -> None:
        self.operations.clear()
        self.waits.clear()

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = str(func).removeprefix("aten.")
        self.operations[name] += 1
        if name == "_fused_sgd_.default":
            return None  # PyTorch has no fake of it
        result = func(*args, **kwargs)
        if name == "_to_copy.default":
            self._note(args[0], result, kwargs.get("non_blocking", False), name)
        elif name == "copy_.default":
            self._note(args[1], args[0], args[2] if len(args) > 2 else False, name)
        elif name in ("index.Tensor", "index_put_.default"):
            for index in args[1]:
                if index is not None and args[0].is_cuda and (index.device.type == "cpu" or index.dtype == torch.bool):
                    self.waits.append(f"{name} by an index on the host, or by a mask")
        return result

    def _note(self, source: Tensor, target: Tensor, non_blocking: bool, name: str) -> None:
        way = source.device.type, target.device.type
        if way == ("cuda", "cpu") or (way == ("cpu", "cuda") and not non_blocking):
            self.waits.append(f"{name} of {tuple(source.shape)} from {way[0]} to {way[1]}")


@contextmanager
def pretended() -> Iterator[Watch]:
    """Fake tensors on a GPU; random numbers come from generators on the CPU, and gradients from `by_hand`."""
    watch, generator = Watch(), draws.generator
    with (
        mock.patch.object(draws, "generator", lambda *purpose, device="cpu": generator(*purpose)),
        mock.patch.object(torch.Tensor, "pin_memory", lambda tensor: tensor),
        mock.patch.object(torch.Tensor, "backward", lambda root, gradient=None: by_hand(root, gradient, watch)),
        FakeTensorMode(allow_non_fake_inputs=True),  # a thread of ours makes real ones, on the CPU
        watch,
    ):
        yield watch


@torch.no_grad()
def by_hand(root: Tensor, gradient: Tensor | None, watch: Watch) -> None:
    """`root.backward(gradient)` by the graph's own functions: PyTorch's engine, which calls them, needs a real GPU."""
    given: dict[Any, dict[int, Tensor]] = {
        root.grad_fn: {root.output_nr: torch.ones_like(root) if gradient is None else gradient}
    }
    for function in _outermost_first(root.grad_fn):
        watch.operations[function.name()] += 1
        inputs = given.pop(function)
        if hasattr(function, "variable"):
            function.variable.grad = inputs[0] if function.variable.grad is None else function.variable.grad + inputs[0]
            continue
        call = getattr(function, "apply", function)  # of a Function written in Python; else PyTorch's own
        outputs = call(*(inputs.get(number) for number in range(len(function._input_metadata))))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        # A Function's arguments that are no tensors, ours come last, have a gradient of None and no function.
        for (following, number), output in zip(function.next_functions, outputs, strict=False):
            if following is not None:
                shape = following._input_metadata[number].shape
                output = output if output.shape == shape else output.sum_to_size(shape)  # what was broadcast
                found = given.setdefault(following, {})
                found[number] = found[number] + output if number in found else output


def _outermost_first(root: Any) -> list[Any]:
    """The functions of a graph, each before those that take its gradients."""
    order: list[Any] = []
    seen: set[Any] = set()
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        function, done = stack.pop()
        if done:
            order.append(function)
        elif function not in seen:
            seen.add(function)
            stack.append((function, True))
            stack += [(following, False) for following, _ in function.next_functions if following is not None]
    return order[::-1]


def share(calls: list[tuple[Any, ...]]) -> float:
    """The share of memory that was set last."""
    return next((fraction for name, fraction, *_ in calls[::-1] if name == "_cuda_setMemoryFraction"), 1.0)


@contextmanager
def driverless(names: tuple[str, ...] = (NAME,)) -> Iterator[list[tuple[Any, ...]]]:
    """torch.cuda's Python, with its checks of arguments, above pretended calls of the driver, which are listed."""
    calls: list[tuple[Any, ...]] = []

    def note(name: str, answer: Any = None) -> Any:
        return mock.patch.object(torch._C, name, lambda *given: calls.append((name, *given)) or answer, create=True)

    peak = {"allocated_bytes": {"all": {"peak": 1_000}}}
    properties = [SimpleNamespace(name=name, total_memory=24 * 2**30) for name in names]
    with (
        mock.patch.object(torch.cuda, "_initialized", True),
        mock.patch.object(torch.cuda, "_cached_device_count", len(names)),
        mock.patch.object(torch.cuda, "_get_device_properties", properties.__getitem__, create=True),
        mock.patch.object(torch._C, "_cuda_getDeviceCount", lambda: len(names)),
        mock.patch.object(torch._C, "_cuda_getDevice", lambda: 0),
        mock.patch.object(torch._C, "_cuda_memoryStats", lambda device: peak),
        note("_cuda_setMemoryFraction"),
        mock.patch.object(torch._C, "_cuda_getMemoryFraction", lambda device: share(calls), create=True),
        note("_cuda_resetPeakMemoryStats"),
    ):
        yield calls
