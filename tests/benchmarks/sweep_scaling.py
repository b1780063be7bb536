"""The same sweep on one and on two nodes of one processor: trials per hour, and efficiency.

    python -m tests.benchmarks.sweep_scaling

Twelve short trials on digits, on real Ray nodes on this machine, which must have two idle cores. Counted is the
whole command: its start, the networks, the trials.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests import row_comparison
from tests.benchmarks.chaos import TRIALS
from tests.ray_nodes import Nodes, start_sweep
from trainables import records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
        rates = [trials_an_hour(str(Path(folder) / str(count)), count) for count in (1, 2)]
        print(f"efficiency on two nodes: {rates[1] / rates[0] / 2:.0%}")
        found = row_comparison.differences(str(Path(folder) / "2"), str(Path(folder) / "1"))
    print("\n".join([*found, f"rows equal: {'no' if found else 'yes'}"]))
    sys.exit(1 if found else 0)


def trials_an_hour(results: str, count: int) -> float:
    """Run the sweep on this many nodes."""
    with Nodes() as nodes:
        for _ in range(count):
            nodes.add(cpus=1)
        start = time.monotonic()
        sweep = start_sweep(results, "--address", nodes.address, *TRIALS)
        output, _ = sweep.communicate()
        seconds = time.monotonic() - start
    if sweep.returncode:
        sys.exit(output)
    trials = records.read(results, "trials", ["key"]).rows.num_rows
    print(f"{count} nodes: {trials} trials in {seconds:.0f} s, {3600 * trials / seconds:.0f} an hour", flush=True)
    return 3600 * trials / seconds


if __name__ == "__main__":
    main()
