"""What a sweep itself costs: many trials of almost no work, on this machine alone.

    python -m tests.benchmarks.sweep_overhead --trials 1000
    python -m tests.benchmarks.sweep_overhead --trials 1000 --stub

Without `--stub` each trial is a real one, the smallest on digits: one LeNet-5 epoch (shared by all), one MINE
epoch of one pair and one replicate on 100 samples. With it a trial only reports once: what is left is Tune's.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from study import sweep
from study.resources import Resources
from trainables.settings import TrialConfig, replace
from trainables.trial import provenance, ray_trainable

SMALLEST = {
    "data.name": "digits", "network.epochs": 1, "network.train_samples": 100, "network.batch_size": 50,
    "mine.samples": 100, "mine.batch_size": 50, "mine.epochs": 1, "mine.replicates": 1, "mine.pairs": ("Y;sm1",),
}  # fmt: skip


def no_work(parameters: dict[str, Any]) -> None:
    """In place of a trial: one report."""
    from ray import tune

    tune.report({"state": "completed", "exploded_fits": 0, "fits": 0})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--stub", action="store_true")
    options = parser.parse_args()
    base = replace(TrialConfig(), SMALLEST)
    planned = [replace(base, {"mine.learning_rate": 1e-4 * (1 + n / options.trials)}) for n in range(options.trials)]
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        if options.stub:
            ray_trainable.run_trial = no_work
        start, standard_output = time.monotonic(), sys.stdout
        with open(os.devnull, "w") as sys.stdout:  # a line an event, three a trial
            ended = sweep.launch("overhead", planned, folder, Resources())
        seconds, sys.stdout = time.monotonic() - start, standard_output
        # A stub leaves no row; that it ended shows in nothing being interrupted or lost.
        if ended.interrupted or ended.failed or (ended.missing and not options.stub):
            sys.exit(f"{len(ended.failed)} failed, {len(ended.missing)} missing")
        print(
            f"{options.trials} {'stub' if options.stub else 'smallest'} trials on {os.cpu_count()} cores: "
            f"{seconds:.0f} s, {seconds / options.trials:.3f} s a trial; driver's peak memory "
            f"{provenance.peak_memory_bytes() / 1e6:.0f} MB"
        )
        for place in sorted(Path(folder).iterdir()):
            files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
            print(
                f"  {place.name:12s} {len(files):6d} files {sum(path.stat().st_size for path in files) / 1e6:9.2f} MB"
            )


if __name__ == "__main__":
    main()
