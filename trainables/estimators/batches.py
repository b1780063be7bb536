"""Which rows each step of MINE reads: of its batch, and of the marginal samples."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from trainables import draws
from trainables.settings import MineConfig


def of_epochs(
    config: MineConfig, samples: int, seed: int, run: int, device: torch.device
) -> Iterator[tuple[Sequence[Tensor], Sequence[Tensor]]]:
    """For each epoch the rows of each batch, and of its marginal samples: int64, (batch,), on the device.

    They are drawn on the CPU whatever the device. For a GPU a thread draws the next epoch's while this epoch's steps
    are queued, and they are copied from pinned memory, so that the GPU waits for neither.
    """
    order = draws.generator(seed, "mine batches", run)
    shuffles = draws.generator(seed, "mine marginals", config.marginals, run)

    def draw() -> tuple[Tensor, Tensor]:
        rows = draws.epoch_rows(samples, config.batch_size, config.last_batch, order)
        return rows, _marginal_rows(config, len(rows), samples, shuffles)

    def split(rows: Tensor, marginal_rows: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        return rows.split(config.batch_size), marginal_rows.split(config.batch_size)

    if device.type == "cpu":
        for _ in range(config.epochs):
            yield split(*draw())
        return
    with ThreadPoolExecutor(1) as thread:
        ahead = thread.submit(draw)
        for left in reversed(range(config.epochs)):
            rows, marginal_rows = (drawn.pin_memory() for drawn in ahead.result())
            if left:
                ahead = thread.submit(draw)
            yield split(rows.to(device, non_blocking=True), marginal_rows.to(device, non_blocking=True))


def _marginal_rows(config: MineConfig, rows: int, samples: int, source: torch.Generator) -> Tensor:
    """The rows of an epoch's marginal samples: each within its batch, or of all samples if independent."""
    if config.marginals == "independent":
        return draws.independent_rows(rows, samples, source)
    draw = draws.permutations if config.marginals == "permutation" else draws.derangements
    full, last = divmod(rows, config.batch_size)
    shuffled = draw(full, config.batch_size, source).flatten()
    return torch.cat([shuffled, draw(1, last, source)[0]]) if last else shuffled
