"""The stability table at scale: seconds and peak memory over made records, as written and compacted.

    python -m tests.benchmarks.analysis_scale --trials 10000

Makes trials of 6 runs x 8 pairs x 3 replicates through the schemas that real trials are written with (no
curves: the table does not read them), then builds the table in a fresh process from the parts, compacts, and
builds it again. `--report` builds the report as well, with curves of `--curve-epochs` epochs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.lenet5 import PAIRS
from trainables import records
from trainables.records import packing, schemas
from trainables.settings import TrialConfig, key, replace

RUNS, REPLICATES = 6, 3
LENET_EPOCHS = range(0, 21, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=5, help="Seeds of each configuration.")
    parser.add_argument("--results", help="Folder to make the records in, kept; none: a temporary one.")
    parser.add_argument("--report", action="store_true", help="Also build the report.")
    parser.add_argument("--curve-epochs", type=int, default=0, help="Also make curves of this many epochs.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = options.results or temporary
        start = time.perf_counter()
        made = make(results, options.trials, options.seeds, options.curve_epochs)
        found: dict[str, object] = {**made, "seeds": options.seeds, "make_s": round(time.perf_counter() - start, 1)}
        found["parts"] = measure("stability", results)
        if options.report:
            found["report_parts"] = measure("report", results)
        start = time.perf_counter()
        packing.pack(results)
        found["compact_s"] = round(time.perf_counter() - start, 1)
        found["compacted"] = measure("stability", results)
        if options.report:
            found["report_compacted"] = measure("report", results)
    print(json.dumps(found) if options.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def make(results: str, trials: int, seeds: int, curve_epochs: int = 0) -> dict[str, int]:
    """Write made trials; a tenth of the fits explode or do not settle, every fiftieth trial failed."""
    rng = np.random.default_rng(0)
    fits = 0
    for index in range(trials):
        configuration, seed = divmod(index, seeds)
        config = replace(
            TrialConfig(),
            {
                "seed": seed,
                "mine.architecture": 1 + configuration % 3,
                "mine.hidden_units": (10, 20, 100)[configuration // 3 % 3],
                "mine.noise_std": round(0.01 * (configuration // 9), 2),
                "mine.transfer_mode": ("reinit", "finetune")[configuration % 2],
            },
        )
        failed = index % 50 == 49
        parts = {"trials": _trial(config, failed)}
        if not failed:
            estimates = _estimates(config, rng)
            fits += estimates.num_rows
            parts |= {"estimates": estimates, "network": _network(config, rng)}
            if curve_epochs:
                parts["curves"] = _curves(estimates, curve_epochs, rng)
        records.write_trial(results, parts)
    return {"trials": trials, "fits": fits}


def _trial(config: TrialConfig, failed: bool) -> pa.Table:
    columns: dict[str, object] = {f"seconds_{phase}": 1.0 for phase in ("data", "network", "truth", "probe", "mine")}
    columns |= {"state": "failed" if failed else "completed", "started_at": schemas.now(), "git_commit": "made"}
    columns |= {"error": "Traceback\nRuntimeError: made to fail" if failed else None, "versions": "{}"}
    columns |= {"device": "none", "threads": 1, "peak_memory_bytes": 1, "peak_device_bytes": None}
    return schemas.trial_row(config, columns)


def _network(config: TrialConfig, rng: np.random.Generator) -> pa.Table:
    accuracy = 1 - 0.5 / (1 + np.arange(21)) + 0.005 * rng.standard_normal(21)
    columns = {"key": [key(config)] * 21, "epoch": range(21), "train_loss": 1 - accuracy}
    return schemas.table("network", {**columns, "test_accuracy": accuracy})


def _fit_columns(config: TrialConfig, repeat: int = 1) -> dict[str, object]:
    pairs, rows = len(PAIRS), RUNS * len(PAIRS) * REPLICATES * repeat
    return {
        "key": [key(config)] * rows,
        "run": np.repeat(np.arange(1, RUNS + 1), pairs * REPLICATES * repeat),
        "network_epoch": np.repeat(LENET_EPOCHS, pairs * REPLICATES * repeat),
        "pair": np.tile(np.repeat(PAIRS, REPLICATES * repeat), RUNS),
        "replicate": np.tile(np.repeat(np.arange(REPLICATES), repeat), RUNS * pairs),
    }


def _estimates(config: TrialConfig, rng: np.random.Generator) -> pa.Table:
    columns = _fit_columns(config)
    rows = len(columns["run"])  # type: ignore[arg-type]
    is_x = np.char.startswith(columns["pair"].astype(str), "X")  # type: ignore[union-attr]
    truth = np.where(is_x, 8.0, 2.0) - 0.1 * np.tile(np.repeat(np.arange(8) % 4, REPLICATES), RUNS)
    estimate = truth * rng.uniform(0.4, 1.1, rows)
    exploded, unsettled = rng.random(rows) < 0.1, rng.random(rows) < 0.1
    columns |= {
        "epochs": np.full(rows, 100),
        "estimate": np.where(exploded, np.nan, estimate),
        "pooled_estimate": np.where(exploded, np.nan, estimate),
        "late_slope": np.where(unsettled, 0.5, 0.0) * estimate,
        "late_slope_error": np.zeros(len(estimate)),
        "highest_running_mean": estimate + 0.01,
        "lowest_running_mean": np.zeros(rows),
        "first_nonfinite_epoch": np.where(exploded, 40.0, np.nan),
        "first_outside_epoch": np.full(rows, np.nan),
        "dead_units": np.zeros(rows, int),
        "dead_hidden_layers": (rng.random(rows) < 0.02).astype(int),
        "ceiling": np.where(is_x, 11.0, 2.3),
        "truth": truth,
        "truth_standard_error": np.full(rows, 0.01),
        "truth_draws": np.full(rows, 1000),
        "truth_without_noise": np.where(is_x, 11.0, 2.3),
        "optimum": np.minimum(truth, 4.6),
        "started_from": ["initialisation"] * rows,
    }
    return schemas.table("estimates", columns)  # type: ignore[arg-type]


def _curves(estimates: pa.Table, epochs: int, rng: np.random.Generator) -> pa.Table:
    level = np.repeat(estimates["truth"].to_numpy(), epochs)
    epoch = np.tile(np.arange(1, epochs + 1), estimates.num_rows)
    bound = level * (1 - np.exp(-epoch / 8)) + 0.02 * rng.standard_normal(len(level))
    columns = {name: np.repeat(estimates[name].to_numpy(), epochs) for name in estimates.column_names[:5]}
    columns |= {"mine_epoch": epoch, "bound": bound, "pooled_bound": bound}
    return schemas.table("curves", {**columns, "log_mean_exp": bound / 2, "gradient_norm": np.ones(len(level))})


_PROGRAMS = {
    "stability": (
        "import sys\nfrom analysis import tables\nrows, _ = tables.build('stability', sys.argv[1])\nprint(len(rows))"
    ),
    "report": (
        "import sys, tempfile\nfrom analysis import report\nfrom pathlib import Path\n"
        "with tempfile.TemporaryDirectory() as out:\n"
        "    report.write(sys.argv[1], out)\n    print((Path(out) / 'report.html').stat().st_size)"
    ),
}


def measure(program: str, results: str) -> dict[str, float]:
    """Wall and processor seconds and peak memory of a fresh process, imports included; its answer: rows or bytes."""
    code = (
        f"{_PROGRAMS[program]}\nimport resource\nused = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_maxrss // 1024, round(used.ru_utime + used.ru_stime, 2))"
    )
    start = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", code, results], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    answer, peak, processor = ended.stdout.split()
    seconds = round(time.perf_counter() - start, 2)
    return {"seconds": seconds, "processor_s": float(processor), "peak_MB": int(peak), "answer": int(answer)}


if __name__ == "__main__":
    main()
