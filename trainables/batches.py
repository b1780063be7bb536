"""Which rows each step of MINE reads: of its batch, and of the marginal samples."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from trainables import draws
from trainables.config import MineConfig


def of_epochs(
    config: MineConfig, samples: int, seed: int, run: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each epoch the rows of its batches, and of their marginal samples: int64, (steps, batch), on the device.

    They are drawn on the CPU whatever the device. For a GPU a thread draws the next epoch's while this epoch's steps
    are queued, and they are copied from pinned memory, so that the GPU waits for neither.
    """
    order = draws.generator(seed, "mine batches", run)
    shuffles = draws.generator(seed, "mine marginals", config.marginals, run)

    def draw() -> tuple[Tensor, Tensor]:
        rows = draws.batches(samples, config.batch_size, order)
        return rows, _marginal_rows(config, len(rows), samples, shuffles)

    if device.type == "cpu":
        for _ in range(config.epochs):
            yield draw()
        return
    with ThreadPoolExecutor(1) as thread:
        ahead = thread.submit(draw)
        for left in reversed(range(config.epochs)):
            rows, marginal_rows = (drawn.pin_memory() for drawn in ahead.result())
            if left:
                ahead = thread.submit(draw)
            yield rows.to(device, non_blocking=True), marginal_rows.to(device, non_blocking=True)


def _marginal_rows(config: MineConfig, steps: int, samples: int, source: torch.Generator) -> Tensor:
    """For each step the rows of the marginal samples: within the batch, or of all samples if independent."""
    if config.marginals == "independent":
        return draws.independent_rows(steps, config.batch_size, samples, source)
    draw = draws.permutations if config.marginals == "permutation" else draws.derangements
    return draw(steps, config.batch_size, source)
