"""Everything random comes from here: explicit generators by purpose, and the index draws of MINE.

The same rows: a trial gives the same rows bit for bit, alone, in a sweep or resumed, on one model of device with one
version of PyTorch, as many replicates and, on a CPU, as many threads. Index draws and initial weights are made on the
CPU whatever the trial's device, so they are the same everywhere. Noise is drawn where it is used: on another model of
GPU it is another draw of the same law, and sums are rounded in another order. So a checkpoint carries its device and
is not used on another (`trial.recorded`), and every trial's row names it (`provenance`). A network's training and its
truths are published once for all trials of a results folder, whatever device made them.
"""

import hashlib

import torch
from torch import Tensor


def derive_seed(seed: int, *purpose: object) -> int:
    """A 63-bit seed for one purpose of one trial; different purposes give unrelated streams.

    >>> derive_seed(0, "noise", 1) == derive_seed(0, "noise", 2)
    False
    """
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for one purpose of one trial.

    >>> a, b = (torch.rand(1, generator=generator(0, "noise", run)) for run in (1, 2))
    >>> bool(a == b)
    False
    """
    return torch.Generator(device).manual_seed(derive_seed(seed, *purpose))


def steps(samples: int, batch_size: int, last_batch: str) -> int:
    """Batches of an epoch; `last_batch` says whether one that is not full is `dropped` or `kept`.

    >>> steps(60_000, 256, "dropped"), steps(60_000, 256, "kept")
    (234, 235)
    """
    return samples // batch_size if last_batch == "dropped" else -(-samples // batch_size)


def epoch_rows(samples: int, batch_size: int, last_batch: str, source: torch.Generator) -> Tensor:
    """Rows of one epoch's batches, one batch after the other, without replacement; all full but the last if kept.

    Returns:
        Indices, int64, shape (rows,).
    """
    return torch.randperm(samples, generator=source)[: steps(samples, batch_size, last_batch) * batch_size]


def permutations(count: int, batch_size: int, source: torch.Generator) -> Tensor:
    """Uniform permutations of the batch axis (Algorithm 1's shuffle), shape (count, batch_size)."""
    return torch.rand(count, batch_size, generator=source, dtype=torch.float64).argsort(dim=1)


def derangements(count: int, batch_size: int, source: torch.Generator) -> Tensor:
    """Uniform permutations without fixed points, by rejection, shape (count, batch_size); batch_size at least 2."""
    drawn = permutations(count, batch_size, source)
    own = torch.arange(batch_size)
    while (rejected := (drawn == own).any(dim=1)).any():
        drawn[rejected] = permutations(int(rejected.sum()), batch_size, source)
    return drawn


def independent_rows(rows: int, samples: int, source: torch.Generator) -> Tensor:
    """Rows drawn from all samples with replacement, shape (rows,)."""
    return torch.randint(samples, (rows,), generator=source)
