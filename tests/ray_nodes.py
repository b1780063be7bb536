"""Real Ray nodes on this machine, each a process tree that is started and ended by its process ids."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from trainables.trial.ray_trainable import PRETENDED

ROOT = Path(__file__).parents[1]
RAY = str(Path(sys.executable).with_name("ray"))

# A lost node is noticed within seconds also where its connection is not reset.
HEALTH_CHECKS = {
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}

_NO_WORK = ("ray::IDLE", "ray::Dashboard", "ray::RuntimeEnv")
"""Titles of the processes on a node that run no task and no trial."""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def descendants(pid: int) -> list[int]:
    """Process ids below a process, by /proc; those that end meanwhile are left out."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def title(pid: int) -> str:
    """A process's command line; empty if it has ended."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def kill_all(pids: list[int], how: int = signal.SIGKILL) -> None:
    """Signal processes by id; those that have ended are passed over."""
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            continue


@dataclass
class Node:
    """One `ray start --block` and what runs below it."""

    process: subprocess.Popen
    log: Path

    def workers(self) -> list[int]:
        """Worker processes that run a task or a trial."""
        titles = {pid: title(pid) for pid in descendants(self.process.pid)}
        return [pid for pid, name in titles.items() if name.startswith("ray::") and not name.startswith(_NO_WORK)]

    def kill(self) -> None:
        """As a machine that loses its power: every process at once."""
        kill_all([self.process.pid, *descendants(self.process.pid)])
        self.process.wait()


class Nodes:
    """A head without processors, and worker nodes that come and go.

    >>> with Nodes() as nodes:  # doctest: +SKIP
    ...     node = nodes.add(cpus=1)
    ...     node.kill()
    """

    def __init__(self, head: tuple[str, ...] = (), port: int | None = None, **environment: str) -> None:
        """`head`: more options for the head; `port`: its port; `environment`: more variables for all nodes."""
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # sockets need a short path
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.environment = {**inherited, **HEALTH_CHECKS, "RAY_AUTH_MODE": "disabled", PRETENDED: "1", **environment}
        self.port = port or free_port()
        self.all: list[Node] = []
        self.head = self._start(
            "--head", f"--port={self.port}", "--num-cpus=0", "--num-gpus=0", "--include-dashboard=false",
            f"--temp-dir={self.folder}", *head,
        )  # fmt: skip
        self.address = f"{self._host()}:{self.port}"

    def _host(self) -> str:
        """The head's address, as it says itself."""
        found = re.search(r"Local node IP: (\S+)", self.head.log.read_text())
        if not found:
            self.stop()
            raise RuntimeError(f"a Ray head did not name its address:\n{self.head.log.read_text()}")
        return found[1]

    def add(self, cpus: int = 1, gpus: int = 0) -> Node:
        """A new worker node; its GPUs are pretended."""
        return self._start(f"--address={self.address}", f"--num-cpus={cpus}", f"--num-gpus={gpus}")

    def _start(self, *options: str) -> Node:
        log = self.folder / f"node-{len(self.all)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [RAY, "start", *options, "--object-store-memory=80000000", "--log-color=false", "--block"],
                stdout=file, stderr=subprocess.STDOUT, env=self.environment, cwd=self.folder,
            )  # fmt: skip
        node = Node(process, log)
        self.all.append(node)
        deadline = time.monotonic() + 90
        while "Ray runtime started" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"a Ray node did not start:\n{log.read_text()}")
            time.sleep(0.1)
        return node

    def stop(self) -> None:
        """End every process of every node, the head last."""
        for node in reversed(self.all):
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Nodes":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def sweep_command(results: object, *options: str) -> list[str]:
    return [sys.executable, "-m", "study.cli", "sweep", "demo", "--results", str(results), *options]


def start_sweep(results: object, *options: str, **environment: str) -> subprocess.Popen:
    """`mine-study sweep demo` as a process of its own; its output comes through a pipe."""
    variables = {"PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        sweep_command(results, *options),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env={**os.environ, **variables},
    )  # fmt: skip
