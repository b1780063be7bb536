"""Everything random comes from here: explicit generators by purpose, and the index draws of MINE.

Index draws and initial weights are made on the CPU whatever the trial's device, so that they are the same
on every device; only noise is drawn where it is used.
"""

import torch
from torch import Tensor

from trainables.config import derive_seed


def generator(seed: int, *purpose: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for one purpose of one trial.

    >>> a, b = (torch.rand(1, generator=generator(0, "noise", run)) for run in (1, 2))
    >>> bool(a == b)
    False
    """
    return torch.Generator(device).manual_seed(derive_seed(seed, *purpose))


def batches(samples: int, batch_size: int, source: torch.Generator) -> Tensor:
    """Rows of one epoch's batches, without replacement; the last partial batch is dropped.

    Returns:
        Indices, int64, shape (samples // batch_size, batch_size).
    """
    steps = samples // batch_size
    return torch.randperm(samples, generator=source)[: steps * batch_size].view(steps, batch_size)


def permutations(steps: int, batch_size: int, source: torch.Generator) -> Tensor:
    """Uniform permutations of the batch axis (Algorithm 1's shuffle), shape (steps, batch_size)."""
    return torch.rand(steps, batch_size, generator=source, dtype=torch.float64).argsort(dim=1)


def derangements(steps: int, batch_size: int, source: torch.Generator) -> Tensor:
    """Uniform permutations without fixed points, by rejection, shape (steps, batch_size)."""
    drawn = permutations(steps, batch_size, source)
    own = torch.arange(batch_size)
    while (rejected := (drawn == own).any(dim=1)).any():
        drawn[rejected] = permutations(int(rejected.sum()), batch_size, source)
    return drawn


def independent_rows(steps: int, batch_size: int, samples: int, source: torch.Generator) -> Tensor:
    """Rows drawn from all samples with replacement, shape (steps, batch_size)."""
    return torch.randint(samples, (steps, batch_size), generator=source)
