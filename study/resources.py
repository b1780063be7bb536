"""Where trials run, and what each of them gets."""

import math
import re
from dataclasses import dataclass

from trainables.errors import require


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
        known = self.address in ("local", "auto") or (port is not None and 0 < int(port[1]) < 65536)
        require(known, "address", self.address, "local, auto, or HOST:PORT of a Ray head")
        cpus, gpus, most = self.cpus_per_trial, self.gpus_per_trial, self.max_concurrent
        usable = math.isfinite(cpus) and cpus > 0 and (cpus <= 1 or cpus == int(cpus))
        require(usable, "cpus_per_trial", cpus, "above 0, and a whole number from 1 on")
        require(0 <= gpus <= 1, "gpus_per_trial", gpus, "from 0 to 1: a trial computes on one GPU")
        require(most is None or most >= 1, "max_concurrent", most, "at least 1, or None")
        require(self.max_failures >= 0, "max_failures", self.max_failures, "at least 0")

    @property
    def threads(self) -> int:
        """Threads of one trial."""
        return max(1, int(self.cpus_per_trial))
