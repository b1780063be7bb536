"""Two sweeps, two packings and a reader at once on one results folder, killed at random (SIGKILL).

    python -m tests.benchmarks.store_chaos --kills 20

A head and two Ray nodes of one processor on this machine; short trials on digits. Killed are, at random: a sweep's
driver, a worker process of a trial, a process that merges files over and over; each is started again. Meanwhile this
process reads all tables over and over and holds them, bit for bit, to those of a sweep in which nothing happened. The
last line is `rows equal: yes` or `rows equal: no` after the differences; the exit code is 0 or 1.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import row_comparison
from tests.benchmarks.chaos import Driver
from tests.ray_nodes import ROOT, Nodes, kill_all
from trainables import records
from trainables.records.packing import pack
from trainables.settings import InputError

TRIALS = (
    "--network.epochs", "2", "--schedule.probe-every", "1", "--mine.samples", "200", "--mine.epochs", "60",
    "--mine.replicates", "1", "--seeds", "0", "1", "--mine.marginals", "permutation", "derangement", "independent",
    "--mine.noise-std", "0", "0.3", "1", "2",
)  # fmt: skip
"""Twenty-four trials of two probes each."""

PAUSE = 2.0
"""Most seconds from the end of a trial to the kill that it brings."""

_PACKING = (
    "import sys, time\n"
    "from trainables import settings\n"
    "from trainables.records import packing\n"
    "while True:\n"
    "    try: packing.pack(sys.argv[1])\n"
    "    except settings.InputError as error: print(error, file=sys.stderr)\n"  # before the first trial has ended
    "    time.sleep(0.1)\n"
)


class Packing:
    """A process that merges the parts of a folder over and over."""

    def __init__(self, results: str, log: Path) -> None:
        self.results, self.log = results, log
        self.start()

    def start(self) -> None:
        with self.log.open("a") as file:
            command = [sys.executable, "-c", _PACKING, self.results]
            self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=file)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Reader:
    """Reads all tables and holds them to what they must be."""

    def __init__(self, results: str, expected: row_comparison.Read) -> None:
        self.results, self.expected = results, expected
        self.reads = 0
        self.most = 0
        self.wrong: list[str] = []

    def read(self) -> None:
        try:
            done = records.trial_states(self.results)[0]
            self.wrong += row_comparison.differences(self.results, self.expected, so_far=True)
        except InputError as error:
            if "holds no trials" not in str(error):
                self.wrong.append(str(error))
            return
        if len(done) < self.most:
            self.wrong.append(f"{len(done)} trials where there were {self.most}")
        self.reads, self.most = self.reads + 1, max(self.most, len(done))


def run(folder: Path, kills: int, seed: int) -> bool:
    """Both sweeps and their comparison; True if no read and no row was wrong and all kills were done."""
    source, done, start = random.Random(seed), list[str](), time.monotonic()
    results = str(folder / "disturbed")
    with Nodes() as nodes:
        workers = [nodes.add(cpus=1), nodes.add(cpus=1)]
        alone = Driver(str(folder / "undisturbed"), nodes.address, TRIALS)
        if code := alone.process.wait():
            print("".join(alone.lines[-20:]), f"the undisturbed sweep ended with {code}")
            return False
        reader = Reader(results, row_comparison.read(str(folder / "undisturbed")))
        print(f"undisturbed sweep after {time.monotonic() - start:.0f} s", flush=True)
        drivers = [Driver(results, nodes.address, TRIALS) for _ in range(2)]
        packings = [Packing(results, folder / f"packing-{number}.log") for number in range(2)]
        try:
            while any(driver.process.poll() is None for driver in drivers):
                reader.read()
                time.sleep(0.1)
                # One kill for each trial that has ended, so that there is always something to lose.
                if len(done) >= min(kills, reader.most):
                    continue
                time.sleep(source.uniform(0, PAUSE))
                kind = source.choice(("worker", "driver", "packing", "packing"))
                if kind == "worker":
                    busy = [pid for node in workers for pid in node.workers()]
                    if not busy:
                        continue
                    kill_all([source.choice(busy)])
                else:
                    one = source.choice(drivers if kind == "driver" else packings)
                    one.kill()
                    one.start()
                done.append(kind)
                print(f"kill {len(done)}: {kind}, {reader.most} trials done, {reader.reads} reads", flush=True)
            codes = [driver.process.wait() for driver in drivers]
        finally:
            for one in (*packings, *drivers):
                one.kill()
    pack(results)
    found = [*dict.fromkeys(reader.wrong), *row_comparison.differences(results, str(folder / "undisturbed"))]
    if len(done) < kills:
        found.append(f"only {len(done)} of {kills} kills were done before the sweeps ended")
    if codes != [0, 0]:
        found.append(f"the sweeps ended with {codes}:\n{''.join(drivers[0].lines[-10:] + drivers[1].lines[-10:])}")
    for packing in packings:
        said = [line for line in packing.log.read_text().splitlines() if "holds no trials" not in line]
        found += said[-5:]
    counts = ", ".join(f"{done.count(kind)} {kind}s" for kind in ("worker", "driver", "packing"))
    files = len(list(Path(results).rglob("*.parquet")))
    print(f"kills: {len(done)} ({counts}); reads: {reader.reads}; {time.monotonic() - start:.0f} s")
    print(f"rows: {sum(map(len, reader.expected.tables.values()))} in {files} files")
    print("\n".join([*found, f"rows equal: {'no' if found else 'yes'}"]))
    return not found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="store-chaos-") as folder:
        sys.exit(0 if run(Path(folder), options.kills, options.seed) else 1)


if __name__ == "__main__":
    main()
