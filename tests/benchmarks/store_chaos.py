"""Two sweeps, packing and a reader at once on one results folder, killed at random (SIGKILL).

    python -m tests.benchmarks.store_chaos --kills 20

A head and two Ray nodes of one processor on this machine; short trials on digits. Killed are, at random: a sweep's
driver, a worker process of a trial; each is started again. Packing is tried over and over and must be refused.
Meanwhile this process reads all tables and holds them, bit for bit, to those of a sweep in which nothing happened.
Afterwards two packings at once are killed at random moments on copies of the folder, and no row may be gone. The last
line is `rows equal: yes` or `rows equal: no` after the differences; the exit code is 0 or 1.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import row_comparison
from tests.benchmarks.chaos import Driver
from tests.ray_nodes import ROOT, Nodes, kill_all
from trainables import records
from trainables.records.layout import PROBES
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

_PACKING = "import sys\nfrom trainables.records import packing\nprint('ready', flush=True)\npacking.pack(sys.argv[1])\n"


def start_packing(results: str) -> subprocess.Popen:
    """A process that packs a folder once, when it has been imported."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PACKING, results],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout and process.stdout.readline() == b"ready\n"
    return process


def refused(results: str) -> bool:
    """Whether packing is refused; True also before the first trial has ended."""
    try:
        pack(results)
    except InputError as error:
        return "a sweep writes" in str(error) or "holds no trials" in str(error)
    return False


def kill_packings(results: Path, kills: int, source: random.Random, expected: row_comparison.Read) -> list[str]:
    """Kill two packings at once, so often, each time on a copy of the folder; what is wrong with its rows then."""
    found: list[str] = []
    for number in range(kills):
        copy = shutil.copytree(results, results.with_name(f"copy-{number}"))
        parts = _number(copy, "*/*.parquet")
        both = [start_packing(str(copy)) for _ in range(2)]
        # After so many steps: files that were written, or parts that were deleted.
        steps = source.choice((source.randrange(8), source.randrange(8, parts)))
        while all(one.poll() is None for one in both):
            written, deleted = _number(copy, "merged/*/*.parquet"), parts - _number(copy, "*/*.parquet")
            if written + deleted >= steps:
                break
        for one in both:
            one.kill()
            one.wait()
        print(f"kill of packing {number + 1}: {written} files written, {deleted} parts deleted", flush=True)
        found += row_comparison.differences(str(copy), expected)
        pack(str(copy))
        found += row_comparison.differences(str(copy), expected)
        shutil.rmtree(copy)
    return found


def _number(folder: Path, pattern: str) -> int:
    return len(list(folder.glob(pattern)))


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
        packed = 0
        try:
            while any(driver.process.poll() is None for driver in drivers):
                reader.read()
                # A sweep shows itself before its first trial, and until its last.
                if 0 < reader.most < len(reader.expected.tables["trials"]):
                    packed += not refused(results)
                time.sleep(0.1)
                # One kill for each trial that has ended, so that there is always something to lose.
                if len(done) >= min(kills, reader.most):
                    continue
                time.sleep(source.uniform(0, PAUSE))
                kind = source.choice(("worker", "driver"))
                if kind == "worker":
                    busy = [pid for node in workers for pid in node.workers()]
                    if not busy:
                        continue
                    kill_all([source.choice(busy)])
                else:
                    one = source.choice(drivers)
                    one.kill()
                    one.start()
                done.append(kind)
                print(f"kill {len(done)}: {kind}, {reader.most} trials done, {reader.reads} reads", flush=True)
            codes = [driver.process.wait() for driver in drivers]
        finally:
            for one in drivers:
                one.kill()
    shutil.rmtree(Path(results) / PROBES, ignore_errors=True)  # of killed drivers
    found = [*dict.fromkeys(reader.wrong), *row_comparison.differences(results, reader.expected)]
    if packed:
        found.append(f"packing was not refused {packed} times")
    found += kill_packings(Path(results), kills, source, reader.expected)
    pack(results)
    found += row_comparison.differences(results, reader.expected)
    if len(done) < kills:
        found.append(f"only {len(done)} of {kills} kills were done before the sweeps ended")
    if codes != [0, 0]:
        found.append(f"the sweeps ended with {codes}:\n{''.join(drivers[0].lines[-10:] + drivers[1].lines[-10:])}")
    counts = ", ".join(f"{done.count(kind)} {kind}s" for kind in ("worker", "driver"))
    files = len(list(Path(results).rglob("*.parquet")))
    print(f"kills: {len(done)} ({counts}), {2 * kills} of packings; reads: {reader.reads}")
    print(f"rows: {sum(map(len, reader.expected.tables.values()))} in {files} files; {time.monotonic() - start:.0f} s")
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
