"""The resources of a trial."""

import math
from dataclasses import dataclass

from trainables.settings import InputError


@dataclass(frozen=True)
class Resources:
    """What one trial gets."""

    cpus_per_trial: float = 1.0
    """Processors per trial; also the trial's threads (at least one)."""
    gpus_per_trial: float = 0.0
    """Share of a GPU per trial: 0, the CPU alone; 1, a whole one; between, so many trials share one."""
    max_concurrent: int | None = None
    """Most trials at the same time; None: as many as fit."""
    max_failures: int = 3
    """How often a trial starts again whose worker or node was lost; spot machines may need more."""

    def __post_init__(self) -> None:
        cpus, gpus = self.cpus_per_trial, self.gpus_per_trial
        if not (math.isfinite(cpus) and cpus > 0 and (cpus <= 1 or cpus == int(cpus))):
            raise InputError(f"cpus_per_trial is {cpus}; it must be above 0, and a whole number from 1 on.")
        if not 0 <= gpus <= 1:
            raise InputError(f"gpus_per_trial is {gpus}; it must be from 0 to 1: a trial computes on one GPU.")
        if self.max_concurrent is not None and self.max_concurrent < 1:
            raise InputError(f"max_concurrent is {self.max_concurrent}; it must be at least 1, or None.")
        if self.max_failures < 0:
            raise InputError(f"max_failures is {self.max_failures}; it must be at least 0.")

    @property
    def threads(self) -> int:
        """Threads of one trial."""
        return max(1, int(self.cpus_per_trial))
