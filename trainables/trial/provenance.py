"""Where a trial's numbers come from: the code's commit, versions, the device, and what it cost."""

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from trainables.records import schemas

COMMIT_VARIABLE = "MINE_STUDY_COMMIT"
"""Environment variable that names the code's commit where its packages were shipped without their checkout."""

_PACKAGES = ("mine-study", "torch", "torchvision", "numpy", "pyarrow", "ray")


class Stopwatch:
    """Seconds spent in each phase of a trial, and before it was resumed."""

    def __init__(self, device: torch.device, before: Mapping[str, float] | None = None) -> None:
        self.device = device
        self.seconds = {**dict.fromkeys(("data", "network", "truth", "probe", "mine"), 0.0), **(before or {})}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time spent inside to a phase; work queued on a GPU counts where it was queued."""
        start = time.perf_counter()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def device_name(device: torch.device) -> str:
    """The model of GPU, or the kind of CPU, that a trial's numbers were made on."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})"


def columns(device: torch.device, seconds: Mapping[str, float]) -> dict[str, Any]:
    """The provenance columns of `trials`, except `state`, `error` and `started_at`."""
    return {
        "git_commit": git_commit(),
        "versions": schemas.versions_json({"python": platform.python_version(), **dict(_versions())}),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        **{f"seconds_{phase}": spent for phase, spent in seconds.items()},
        "peak_memory_bytes": peak_memory_bytes(),
        "peak_device_bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
    }


def forget_device_peak(device: torch.device) -> None:
    """Count the peak of a GPU's memory from here on: a worker may have run another trial before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_bytes() -> int:
    """Peak resident memory of this process since it started."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def git_commit() -> str | None:
    """Commit of this file's checkout, with `+changes` if files differ from it; None if there is no checkout or git."""
    if shipped := os.environ.get(COMMIT_VARIABLE):
        return shipped
    try:
        return _git("rev-parse", "HEAD") + ("+changes" if _git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _versions() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # a trial needs no Ray, and runs from a checkout that is not installed
