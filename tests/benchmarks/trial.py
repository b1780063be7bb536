"""A whole trial: seconds by phase, first with LeNet-5 to train, then with it stored, and peak memory.

    python -m tests.benchmarks.trial --samples 12000 --epochs 30 --json trial.json
    python -m tests.benchmarks.trial --samples 60000 --epochs 1       # the memory of a full-size trial

The second trial differs in its replicates' learning rate only, so it reads LeNet-5 and truths from the first
one's results. Each trial runs in a process of its own, through the command line.
"""

import argparse
import subprocess
import sys
import tempfile
import time

import pandas as pd
import pyarrow.parquet as pq

from tests.benchmarks import measure

PHASES = ["data", "network", "truth", "probe", "mine"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=12_000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    settings = {
        "samples": options.samples, "epochs": options.epochs, "replicates": options.replicates,
        "noise-std": 1.0, "hidden-units": 10,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as results:
        walls = [_run({**settings, "learning-rate": rate}, results) for rate in (1e-4, 2e-4)]
        rows = pq.read_table(f"{results}/trials").to_pandas().sort_values("started_at")
    print(
        f"{measure.machine()}; N = {options.samples}, "
        f"{options.epochs} MINE epochs a run, {options.replicates} replicates"
    )
    report = {}
    for (_, row), wall, name in zip(rows.iterrows(), walls, ("LeNet-5 trained", "LeNet-5 stored"), strict=True):
        report[name] = _phases(row, wall)
        print(f"{name}: " + ", ".join(f"{phase} {value:.3g}" for phase, value in report[name].items()))
    measure.write_json(options.json, report)


def _run(settings: dict[str, float], results: str) -> float:
    """Wall seconds of one trial's process."""
    flags = [part for name, value in settings.items() for part in (f"--mine.{name}", str(value))]
    start = time.perf_counter()
    command = [sys.executable, "-m", "study.cli", "trial", "--results", results, *flags]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _phases(row: pd.Series, wall: float) -> dict[str, float]:
    """Seconds by phase and of the whole process, the share of both outside MINE's loop, and the peak memory."""
    seconds = {phase: float(row[f"seconds_{phase}"]) for phase in PHASES}
    return {
        **seconds, "process": wall, "outside_mine": 1 - seconds["mine"] / sum(seconds.values()),
        "outside_mine_of_process": 1 - seconds["mine"] / wall, "peak_gb": row["peak_memory_bytes"] / 1e9,
    }  # fmt: skip


if __name__ == "__main__":
    main()
