"""The resources of a trial."""

import math
from dataclasses import dataclass

from trainables.config import InputError


@dataclass(frozen=True)
class Resources:
    """What one trial gets."""

    cpus_per_trial: float = 1.0
    """Processors per trial; also the trial's threads (at least one)."""
    gpus_per_trial: float = 0.0
    """GPUs per trial; a fraction lets several trials share one."""
    max_concurrent: int | None = None
    """Most trials at the same time; None: as many as fit."""
    max_failures: int = 3
    """How often a trial starts again whose worker or node was lost; spot machines may need more."""

    def __post_init__(self) -> None:
        for name in ("cpus_per_trial", "gpus_per_trial"):
            value = getattr(self, name)
            least = "above 0" if name == "cpus_per_trial" else "at least 0"
            whole = math.isfinite(value) and (value <= 1 or value == int(value))
            if not whole or value < 0 or (value == 0 and name == "cpus_per_trial"):
                raise InputError(f"{name} is {value}; it must be {least}, and a whole number from 1 on.")
        if self.max_concurrent is not None and self.max_concurrent < 1:
            raise InputError(f"max_concurrent is {self.max_concurrent}; it must be at least 1, or None.")
        if self.max_failures < 0:
            raise InputError(f"max_failures is {self.max_failures}; it must be at least 0.")

    @property
    def threads(self) -> int:
        """Threads of one trial."""
        return max(1, int(self.cpus_per_trial))
