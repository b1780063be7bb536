"""Gaussian noise on the layers' outputs: one draw a layer and step, made ahead in parallel streams.

PyTorch's CPU generator uses one thread, so on a CPU the draw would be the largest cost of a step. The steps
of an epoch therefore take turns at a fixed number of generators, and a block of steps is drawn at once, each
step by one thread: either by all threads between the products of two blocks, or by half of them, at most one a
stream, while the others multiply. The numbers depend neither on that, nor on the number of threads, nor on the blocks.
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
"""Generators of a layer; step s of an epoch draws from number s modulo STREAMS."""

_BLOCK = 2**21
"""Normals to draw at once: enough to outweigh the hand-over to threads, few enough for the cache."""


def generators(seed: int, run: int, layer: str, device: torch.device | str = "cpu") -> list[torch.Generator]:
    """The streams of a layer's noise in one run."""
    return [draws.generator(seed, "noise", run, layer, stream, device=device) for stream in range(STREAMS)]


class Noise:
    """Standard normals for the layers of every step of a run, times `std`; a context that ends its threads.

    While the context of an overlapped draw is open, PyTorch has only the other threads.
    """

    def __init__(
        self,
        std: float,
        shapes: dict[str, tuple[int, int]],
        seed: int,
        run: int,
        device: torch.device,
        *,
        steps: int,
        epochs: int,
        overlap: bool = False,
    ) -> None:
        """Nothing is drawn yet.

        Args:
            shapes: rows and features of each layer's outputs in one step.
            steps: steps of each epoch.
            epochs: epochs of the run.
            overlap: draw while the caller works, where there are two threads or more.
        """
        self.std, self.shapes, self.device = std, shapes, device
        self.steps, self.epochs = steps, epochs
        self._generators = {layer: generators(seed, run, layer, device) for layer in shapes} if std else {}
        self._all_threads = torch.get_num_threads()
        on_cpu = device.type == "cpu"
        self._overlap = bool(std) and overlap and on_cpu and self._all_threads > 1
        self._threads = min(self._all_threads // 2 if self._overlap else self._all_threads, STREAMS)
        self._pool = ThreadPoolExecutor(self._threads) if std and on_cpu else None
        self._block = self._steps_at_once() if on_cpu else 1
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
        return [
            {layer: torch.empty(shape, device=self.device) for layer, shape in self.shapes.items()}
            for _ in range(self._block)
        ]

    def add(self, layers: dict[str, Tensor]) -> None:
        """Add the next step's noise in place to outputs by layer, the caller's own copies."""
        if not self.std:
            return
        if not self._drawn:
            self._next_block()
        numbers = self._drawn.popleft()
        for layer, outputs in layers.items():
            outputs.add_(numbers[layer], alpha=self.std)

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
        self._drawing = [self._submit(step, numbers) for step, numbers in zip(block, memory, strict=False)]

    def _submit(self, step: int, numbers: dict[str, Tensor]) -> Future[dict[str, Tensor]]:
        if self._pool is not None:
            return self._pool.submit(self._draw, step, numbers)
        done: Future[dict[str, Tensor]] = Future()
        done.set_result(self._draw(step, numbers))
        return done

    def _draw(self, step: int, numbers: dict[str, Tensor]) -> dict[str, Tensor]:
        # Always float32, so that a float64 reference sees the same noise.
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
        if self._pool is not None:
            self._pool.shutdown()
        if self._overlap:
            torch.set_num_threads(self._all_threads)
