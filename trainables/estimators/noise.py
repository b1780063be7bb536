"""Gaussian noise on the layers' outputs: standard normals, drawn again for every layer and step.

Always float32, so that a float64 reference sees the same noise, and shared by all fits of a step. A layer's numbers
depend on the seed, the run, its own shape and the kind of device: not on the other layers, nor on how many steps are
drawn at once by how many threads.

On a CPU PyTorch's generator uses one thread, so the draw would be the largest cost of a step. The steps of an epoch
therefore take turns at a fixed number of generators, and a block of steps is drawn at once, each step by one thread.

On a GPU all processors draw together, and what costs is each call: a layer has one generator, and one call draws for
as many steps as its shape allows. There an element's number depends on its place in the draw and, above a size that
depends on the GPU's model, on that model: the noise is the same on GPUs of one model, and everywhere else another draw
of the same law.
"""

import itertools
import math
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from trainables import draws

Step = Mapping[str, Tensor]
"""A step's normals by layer, float32, (rows, features)."""

STREAMS = 16
"""Generators of a layer on a CPU; step s of an epoch draws from number s modulo STREAMS."""

_BLOCK = 2**21
"""Normals to draw at once on a CPU: enough to outweigh the hand-over to threads, few enough for the cache."""

GPU_NORMALS, GPU_STEPS = 2**22, 256
"""On a GPU one call draws for as many steps of a layer as have so many normals (16 MB), at most for so many steps and
at least for one. Both are part of the law there: with other numbers it is another draw."""


def add(layers: Mapping[str, Tensor], numbers: Step, std: float) -> None:
    """Add a step's noise in place to outputs by layer; of fewer rows, the first of its numbers.

    Args:
        std: in activation units.
    """
    outputs, normals = list(layers.values()), [numbers[layer] for layer in layers]
    if len(outputs[0]) < len(normals[0]):  # an epoch's last batch
        normals = [values[: len(outputs[0])] for values in normals]
    torch._foreach_add_(outputs, normals, alpha=std)  # one kernel for all layers on a GPU


def generators(seed: int, run: object, layer: str) -> list[torch.Generator]:
    """The streams of a layer's noise in one run on a CPU."""
    return [draws.generator(seed, "noise", run, layer, stream) for stream in range(STREAMS)]


def on_cpu(
    shapes: Mapping[str, tuple[int, int]], seed: int, run: object, *, steps: int, epochs: int, ahead: bool = False
) -> Generator[Step]:
    """Step after step of a run; each step's tensors hold until the next is asked for.

    Args:
        shapes: rows and features of each layer's outputs in one step.
        steps: steps of each epoch.
        epochs: epochs of the run.
        ahead: draw the next block by half of PyTorch's threads, which the caller then does without; else by all of
            them when it is asked for.
    """
    everything = torch.get_num_threads()
    ahead = ahead and everything > 1
    threads = min(everything // 2 if ahead else everything, STREAMS)
    streams = {layer: generators(seed, run, layer) for layer in shapes}
    # Steps of a block are a multiple of the threads, in one epoch, and no two share a stream.
    rounds = math.ceil(_BLOCK / (sum(map(math.prod, shapes.values())) * threads))
    block = min(rounds * threads, STREAMS)

    def new_block() -> list[dict[str, Tensor]]:
        return [{layer: torch.empty(shape) for layer, shape in shapes.items()} for _ in range(block)]

    def draw(step: int, numbers: dict[str, Tensor]) -> Step:
        for layer, values in numbers.items():
            values.normal_(generator=streams[layer][step % STREAMS])
        return numbers

    def begin(first: int, memory: list[dict[str, Tensor]]) -> list[Future[Step]]:
        of_block = range(first, min(first + block, steps))
        return [pool.submit(draw, step, numbers) for step, numbers in zip(of_block, memory, strict=False)]

    memories = [new_block() for _ in range(1 + ahead)]
    firsts = itertools.chain.from_iterable(itertools.repeat(range(0, steps, block), epochs))
    torch.set_num_threads(everything - threads if ahead else everything)
    try:
        with ThreadPoolExecutor(threads) as pool:
            drawing: list[Future[Step]] = []
            for first, memory in zip(firsts, itertools.cycle(memories), strict=False):
                drawn = [step.result() for step in drawing]
                drawing = begin(first, memory)
                if not ahead:
                    drawn, drawing = [step.result() for step in drawing], []
                yield from drawn
            yield from [step.result() for step in drawing]
    finally:
        torch.set_num_threads(everything)


def on_gpu(shapes: Mapping[str, tuple[int, int]], seed: int, run: object, device: torch.device) -> Generator[Step]:
    """The same on a GPU; the last draw may reach past the end of the run."""
    layers = {layer: _layer_on_gpu(shape, seed, run, layer, device) for layer, shape in shapes.items()}
    while True:
        yield {layer: next(steps) for layer, steps in layers.items()}


def _layer_on_gpu(shape: tuple[int, int], seed: int, run: object, layer: str, device: torch.device) -> Iterator[Tensor]:
    stream = draws.generator(seed, "noise", run, layer, device=device)
    drawn = torch.empty(min(max(1, GPU_NORMALS // math.prod(shape)), GPU_STEPS), *shape, device=device)
    while True:
        yield from drawn.normal_(generator=stream)
