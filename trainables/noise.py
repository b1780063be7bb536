"""Gaussian noise on the layers' outputs: one draw a layer and step, made ahead in parallel streams.

PyTorch's CPU generator uses one thread, so on a CPU the draw would be the largest cost of a step. The steps
of an epoch therefore take turns at a fixed number of generators, and a block of steps is drawn at once, each
step by one thread. The numbers do not depend on the number of threads or on the blocks.
"""

import math
from concurrent.futures import ThreadPoolExecutor
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
    """Standard normals for the layers of every step, times `std`; a context that ends its threads."""

    def __init__(
        self, std: float, shapes: dict[str, tuple[int, int]], seed: int, run: int, device: torch.device
    ) -> None:
        """`shapes`: rows and features of each layer's outputs in one step."""
        self.std, self.shapes, self.device = std, shapes, device
        self._generators = {layer: generators(seed, run, layer, device) for layer in shapes} if std else {}
        on_cpu = device.type == "cpu"
        self._threads = min(torch.get_num_threads(), STREAMS) if on_cpu else 1
        self._pool = ThreadPoolExecutor(self._threads) if std and self._threads > 1 else None
        self._block = self._steps_at_once() if on_cpu else 1
        self._drawn: list[dict[str, Tensor]] = [
            {layer: torch.empty(shape, device=device) for layer, shape in shapes.items()}
            for _ in range(self._block if std else 0)
        ]

    def _steps_at_once(self) -> int:
        """Steps in a block: a multiple of the threads, at most one for each stream."""
        of_a_step = sum(math.prod(shape) for shape in self.shapes.values())
        rounds = math.ceil(_BLOCK / (of_a_step * self._threads))
        return min(rounds * self._threads, STREAMS)

    def add(self, layers: dict[str, Tensor], step: int, steps: int) -> None:
        """Add this step's noise in place.

        Args:
            layers: outputs by layer, the caller's own copies.
            step: the step in its epoch; steps are asked for in order, each once.
            steps: steps of the epoch.
        """
        if not self.std:
            return
        if step % self._block == 0:
            self._draw(range(step, min(step + self._block, steps)))
        for layer, outputs in layers.items():
            outputs.add_(self._drawn[step % self._block][layer], alpha=self.std)

    def _draw(self, steps: range) -> None:
        if self._pool is None:
            for step in steps:
                self._draw_step(step)
        else:
            # A list, so that an exception in a thread is raised here.
            list(self._pool.map(self._draw_step, steps))

    def _draw_step(self, step: int) -> None:
        # Always float32, so that a float64 reference sees the same noise.
        for layer, numbers in self._drawn[step % self._block].items():
            numbers.normal_(generator=self._generators[layer][step % STREAMS])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
