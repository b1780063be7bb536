"""Gaussian noise on the layers' outputs: standard normals times `std`, drawn anew for every layer and step.

Always float32, so that a float64 reference sees the same noise, and shared by all fits of a step. A layer's numbers
depend on the seed, the run, its own shape and the kind of device: not on the other layers, nor on how many steps are
drawn at once by how many threads.

On a CPU (`CpuNoise`): PyTorch's generator uses one thread, so the draw would be the largest cost of a step. The steps
of an epoch therefore take turns at a fixed number of generators, and a block of steps is drawn at once, each
step by one thread: either by all threads between the products of two blocks, or by half of them, at most one a
stream, while the others multiply.

On a GPU (`GpuNoise`): all its processors draw together, and what costs is each call. A layer has one generator, and one
call draws for as many steps as its shape allows. There an element's number depends on its place in the draw and, above
a size that depends on the GPU's model, on that model: the noise is the same on GPUs of one model, and everywhere
else another draw of the same law.
"""

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from trainables import draws

STREAMS = 16
"""Generators of a layer on a CPU; step s of an epoch draws from number s modulo STREAMS."""

_BLOCK = 2**21
"""Normals to draw at once on a CPU: enough to outweigh the hand-over to threads, few enough for the cache."""

GPU_NORMALS, GPU_STEPS = 2**22, 256
"""On a GPU one call draws for as many steps of a layer as have so many normals (16 MB), at most for so many steps and
at least for one. Both are part of the law there: with other numbers it is another draw."""


def source(
    std: float,
    shapes: dict[str, tuple[int, int]],
    seed: int,
    run: object,
    device: torch.device,
    *,
    steps: int,
    epochs: int,
    overlap: bool = False,
) -> "CpuNoise | GpuNoise":
    """The noise of a run on its device; a context, in which `add` is called once for every step.

    Args:
        std: standard deviation, in activation units.
        shapes: rows and features of each layer's outputs in one step; a step of fewer rows takes the first of its
            numbers.
        steps: steps of each epoch.
        epochs: epochs of the run.
        overlap: on a CPU, draw while the caller works, where there are two threads or more.
    """
    if device.type != "cpu":
        return GpuNoise(std, shapes, seed, run, device)
    return CpuNoise(std, shapes, seed, run, steps=steps, epochs=epochs, overlap=overlap)


def generators(seed: int, run: object, layer: str) -> list[torch.Generator]:
    """The streams of a layer's noise in one run on a CPU."""
    return [draws.generator(seed, "noise", run, layer, stream) for stream in range(STREAMS)]


class CpuNoise:
    """The noise of a run on a CPU; a context that ends its threads.

    While the context of an overlapped draw is open, PyTorch has only the other threads.
    """

    def __init__(
        self,
        std: float,
        shapes: dict[str, tuple[int, int]],
        seed: int,
        run: object,
        *,
        steps: int,
        epochs: int,
        overlap: bool = False,
    ) -> None:
        """Nothing is drawn yet; arguments as in `source`."""
        self.std, self.shapes = std, shapes
        self.steps, self.epochs = steps, epochs
        self._generators = {layer: generators(seed, run, layer) for layer in shapes} if std else {}
        self._all_threads = torch.get_num_threads()
        self._overlap = bool(std) and overlap and self._all_threads > 1
        self._threads = min(self._all_threads // 2 if self._overlap else self._all_threads, STREAMS)
        self._pool = ThreadPoolExecutor(self._threads)
        self._block = self._steps_at_once()
        self._blocks = self._plan()
        self._memory = [self._empty_block() for _ in range(2 if self._overlap else 1)] if std else []
        self._drawing: list[Future[dict[str, Tensor]]] = []
        self._drawn: deque[dict[str, Tensor]] = deque()

    def _steps_at_once(self) -> int:
        """Steps in a block: a multiple of the threads, at most one for each stream."""
        of_a_step = sum(math.prod(shape) for shape in self.shapes.values())
        rounds = math.ceil(_BLOCK / (of_a_step * self._threads))
        return min(rounds * self._threads, STREAMS)

    def _plan(self) -> Iterator[range]:
        """The blocks of the run, each within an epoch, so that no two steps of a block share a stream."""
        for _ in range(self.epochs):
            for first in range(0, self.steps, self._block):
                yield range(first, min(first + self._block, self.steps))

    def _empty_block(self) -> list[dict[str, Tensor]]:
        return [{layer: torch.empty(shape) for layer, shape in self.shapes.items()} for _ in range(self._block)]

    def add(self, layers: dict[str, Tensor]) -> None:
        """Add the next step's noise in place to outputs by layer, the caller's own copies."""
        if not self.std:
            return
        if not self._drawn:
            self._next_block()
        numbers = self._drawn.popleft()
        for layer, outputs in layers.items():
            outputs.add_(numbers[layer][: len(outputs)], alpha=self.std)

    def _next_block(self) -> None:
        if not self._overlap or not self._drawing:
            self._start()
        self._drawn.extend(step.result() for step in self._drawing)
        if self._overlap:
            self._start()

    def _start(self) -> None:
        """Begin to draw the run's next block, in the memory that was used longest ago."""
        memory = self._memory.pop(0)
        self._memory.append(memory)
        block = next(self._blocks, range(0))
        pieces = zip(block, memory, strict=False)
        self._drawing = [self._pool.submit(self._draw, step, numbers) for step, numbers in pieces]

    def _draw(self, step: int, numbers: dict[str, Tensor]) -> dict[str, Tensor]:
        for layer, values in numbers.items():
            values.normal_(generator=self._generators[layer][step % STREAMS])
        return numbers

    def __enter__(self) -> Self:
        if self._overlap:
            torch.set_num_threads(self._all_threads - self._threads)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if self._overlap:
            torch.set_num_threads(self._all_threads)


class GpuNoise:
    """The noise of a run on a GPU: of every layer one generator and one buffer, drawn for many steps at once."""

    def __init__(
        self, std: float, shapes: dict[str, tuple[int, int]], seed: int, run: object, device: torch.device
    ) -> None:
        """Nothing is drawn yet; arguments as in `source`."""
        self.std = std
        self._steps = {layer: self._steps_of(shape, (seed, run, layer), device) for layer, shape in shapes.items()}

    @staticmethod
    def _steps_of(shape: tuple[int, int], purpose: tuple[int, object, str], device: torch.device) -> Iterator[Tensor]:
        """A layer's normals, step after step through all epochs; the last draw may reach past the end of the run."""
        seed, run, layer = purpose
        stream = draws.generator(seed, "noise", run, layer, device=device)
        steps = min(max(1, GPU_NORMALS // math.prod(shape)), GPU_STEPS)
        drawn = torch.empty(steps, *shape, device=device)
        while True:
            yield from drawn.normal_(generator=stream)

    def add(self, layers: dict[str, Tensor]) -> None:
        """Add the next step's noise in place to outputs by layer, the caller's own copies."""
        if self.std:
            numbers = [next(self._steps[layer]) for layer in layers]
            rows = len(next(iter(layers.values())))
            if rows < len(numbers[0]):  # an epoch's last batch
                numbers = [drawn[:rows] for drawn in numbers]
            torch._foreach_add_(list(layers.values()), numbers, alpha=self.std)  # one kernel for all layers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Nothing to end."""
