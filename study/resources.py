"""Where trials run, and what each of them gets."""

import math
import re
from dataclasses import dataclass

from trainables.settings import InputError


@dataclass(frozen=True)
class Resources:
    """Where trials run, and what each of them gets."""

    address: str = "local"
    """Ray cluster: local (this machine), auto (the one that this machine belongs to), or HOST:PORT of its head."""
    autoscaling: bool = False
    """The cluster's autoscaler adds nodes when trials wait: do not refuse what no node has yet."""
    cpus_per_trial: float = 1.0
    """Processors per trial; also the trial's threads (at least one)."""
    gpus_per_trial: float = 0.0
    """Share of a GPU per trial: 0, the CPU alone; 1, a whole one; 0.25: four trials share one."""
    max_concurrent: int | None = None
    """Most trials at the same time; None: as many as fit."""
    max_failures: int = 3
    """How often a trial starts again after its worker or node was lost; spot machines may need more."""

    def __post_init__(self) -> None:
        port = re.fullmatch(r"[^:/\s]+:(\d+)", self.address)
        if self.address not in ("local", "auto") and not (port and 0 < int(port[1]) < 65536):
            raise InputError(f"address is {self.address!r}; it must be local, auto, or HOST:PORT of a Ray head.")
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
