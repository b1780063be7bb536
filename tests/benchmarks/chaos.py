"""A sweep on real Ray nodes under random kill -9, compared with an undisturbed one, table by table.

    python -m tests.benchmarks.chaos --kills 20

A head and two nodes of one processor on this machine; twelve short trials on digits. Killed are, at random: a
worker process of a trial, a whole node (which is then replaced), the driver (which is then started again with
the same command). The last line is `rows equal: yes` or `rows equal: no` after the differences; the exit code
is 0 or 1.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests import row_comparison
from tests.ray_nodes import Nodes, kill_all, start_sweep

TRIALS = (
    "--network.epochs", "3", "--schedule.probe-every", "1", "--mine.samples", "400", "--mine.epochs", "150",
    "--seeds", "0", "1", "--mine.marginals", "permutation", "derangement", "--mine.noise-std", "0", "0.3", "1",
)  # fmt: skip
"""Twelve trials of three probes, so three checkpoints, each."""

_TICKS = os.sysconf("SC_CLK_TCK")


class Meter(threading.Thread):
    """CPU seconds of every process that ran a task or a trial, sampled from /proc."""

    def __init__(self, nodes: Nodes) -> None:
        super().__init__(daemon=True)
        self.nodes, self.seconds, self.ended = nodes, dict[int, float](), threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.3):
            for node in list(self.nodes.all):
                for pid in node.workers():
                    try:
                        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                    except OSError:
                        continue
                    self.seconds[pid] = (int(fields[11]) + int(fields[12])) / _TICKS

    def stop(self) -> tuple[int, float]:
        """Processes, and their CPU seconds in all."""
        self.ended.set()
        self.join()
        return len(self.seconds), sum(self.seconds.values())


class Driver:
    """The sweep's process, and what it has said; started again as often as it is killed."""

    def __init__(self, results: str, address: str, options: tuple[str, ...]) -> None:
        self.arguments = (results, "--address", address, "--max-failures", "100", *options)
        self.lines: list[str] = []
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.process = start_sweep(*self.arguments)
        self.starts += 1
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, output: object) -> None:
        self.lines += output  # type: ignore[arg-type]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def disturb(nodes: Nodes, driver: Driver, kills: int, source: random.Random, pauses: tuple[float, float]) -> list[str]:
    """Kill at random until `kills` are done or the sweep has ended; returns what was killed."""
    workers = [node for node in nodes.all if node is not nodes.head]
    done: list[str] = []
    while len(done) < kills:
        deadline = time.monotonic() + source.uniform(*pauses)
        while time.monotonic() < deadline and driver.process.poll() is None:
            time.sleep(0.1)
        if driver.process.poll() is not None:
            break
        kind = source.choice(("worker", "worker", "node", "driver"))
        if kind == "worker":
            busy = [pid for node in workers for pid in node.workers()]
            if not busy:
                continue
            kill_all([source.choice(busy)])
        elif kind == "node":
            place = source.randrange(len(workers))
            workers[place].kill()
            workers[place] = nodes.add(cpus=1)
        else:
            driver.kill()
            driver.start()
        done.append(kind)
        print(f"kill {len(done)}: {kind}", flush=True)
    return done


def run(
    folder: Path, kills: int, seed: int, options: tuple[str, ...] = TRIALS, pauses: tuple[float, float] = (2, 6)
) -> bool:
    """Both sweeps and their comparison; True if their rows are equal and all kills were done."""
    seconds, busy, done = {}, {}, []
    for name in ("undisturbed", "disturbed"):
        with Nodes() as nodes:
            for _ in range(2):
                nodes.add(cpus=1)
            meter, start = Meter(nodes), time.monotonic()
            meter.start()
            driver = Driver(str(folder / name), nodes.address, options)
            try:
                if name == "disturbed":
                    done = disturb(nodes, driver, kills, random.Random(seed), pauses)
                code = driver.process.wait()
            finally:
                driver.kill()
            seconds[name], busy[name] = time.monotonic() - start, meter.stop()
            if code:
                print("".join(driver.lines[-20:]))
            print(f"{name} sweep: exit code {code} after {seconds[name]:.0f} s", flush=True)
    counts = ", ".join(f"{done.count(kind)} {kind}s" for kind in ("worker", "node", "driver"))
    print(f"kills: {len(done)} ({counts})")
    print(
        f"restarts: {driver.starts - 1} drivers, {done.count('node')} nodes, "
        f"{busy['disturbed'][0] - busy['undisturbed'][0]} worker processes more than undisturbed"
    )
    repeated = busy["disturbed"][1] - busy["undisturbed"][1]
    print(
        f"repeated work: {repeated:.0f} CPU seconds of workers, their starts included "
        f"({busy['undisturbed'][1]:.0f} undisturbed)"
    )
    found = row_comparison.differences(str(folder / "disturbed"), str(folder / "undisturbed"))
    if len(done) < kills:
        found.append(f"only {len(done)} of {kills} kills were done before the sweep ended")
    print("\n".join([*found, f"rows equal: {'no' if found else 'yes'}"]))
    return not found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        sys.exit(0 if run(Path(folder), options.kills, options.seed) else 1)


if __name__ == "__main__":
    main()
