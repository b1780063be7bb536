"""Which rows each step of MINE reads: of its batch, of the layers beside it, and of the marginal samples."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from trainables import draws
from trainables.settings import MineConfig


def of_epochs(
    config: MineConfig, samples: int, seed: int, run: object, device: torch.device, epochs: int
) -> Iterator[tuple[Sequence[Tensor], ...]]:
    """For each epoch the rows of each batch, of the layers beside it, and of its marginal samples: int64, (batch,), on
    the device. The layers' are the batch's own unless they are shuffled at each step.

    They are drawn on the CPU whatever the device. For a GPU a thread draws the next epoch's while this epoch's steps
    are queued, and they are copied from pinned memory, so that the GPU waits for neither.
    """
    order = draws.generator(seed, "mine batches", run)
    shuffles = draws.generator(seed, "mine marginals", config.marginals, run)
    others = draws.generator(seed, "null", run)

    def draw() -> tuple[Tensor, ...]:
        rows = draws.epoch_rows(samples, config.batch_size, config.last_batch, order)
        shuffled = config.null == "shuffled_each_step"
        of_layers = draws.independent_rows(len(rows), samples, others) if shuffled else rows
        return rows, of_layers, rows if config.all_pairs else _marginal_rows(config, len(rows), samples, shuffles)

    if device.type == "cpu":
        for _ in range(epochs):
            yield tuple(drawn.split(config.batch_size) for drawn in draw())
        return
    with ThreadPoolExecutor(1) as thread:
        ahead = thread.submit(draw)
        for left in reversed(range(epochs)):
            rows = [drawn.pin_memory() for drawn in ahead.result()]
            if left:
                ahead = thread.submit(draw)
            yield tuple(drawn.to(device, non_blocking=True).split(config.batch_size) for drawn in rows)


def _marginal_rows(config: MineConfig, rows: int, samples: int, source: torch.Generator) -> Tensor:
    """The rows of an epoch's marginal samples: each within its batch, or of all samples if independent."""
    if config.marginals == "independent":
        return draws.independent_rows(rows, samples, source)
    draw = draws.permutations if config.marginals == "permutation" else draws.derangements
    full, last = divmod(rows, config.batch_size)
    shuffled = draw(full, config.batch_size, source).flatten()
    return torch.cat([shuffled, draw(1, last, source)[0]]) if last else shuffled
