"""Made results folders for the tests of the analysis: through the real schemas, without training anything."""

import numpy as np
import pyarrow as pa

from trainables import records
from trainables.records import schemas
from trainables.settings import TrialConfig, key, replace


def provenance(state: str = "completed", error: str | None = None) -> dict[str, object]:
    columns: dict[str, object] = {f"seconds_{phase}": 1.0 for phase in ("data", "network", "truth", "probe", "mine")}
    columns |= {"state": state, "error": error, "started_at": schemas.now(), "git_commit": "abc", "versions": "{}"}
    return columns | {"device": "cpu", "threads": 1, "peak_memory_bytes": 1, "peak_device_bytes": None}


def fit_columns(config: TrialConfig, runs: int, epochs: int = 1) -> dict[str, object]:
    pairs, replicates = config.pairs, config.mine.replicates
    per_run = len(pairs) * replicates * epochs
    return {
        "key": [key(config)] * runs * per_run,
        "run": np.repeat(np.arange(1, runs + 1), per_run),
        "network_epoch": np.repeat(np.array(config.probe_epochs), per_run),
        "pair": np.tile(np.repeat(pairs, replicates * epochs), runs),
        "replicate": np.tile(np.repeat(np.arange(replicates), epochs), runs * len(pairs)),
    }


def write(
    results: str,
    changes: dict,
    level: float = 2.0,
    fall: float = 0.1,
    exploded: float = 0.0,
    truth: float = 2.0,
    error: float = 0.01,
    rise: float = 3.0,
    runs: int = 6,
    state: str = "completed",
) -> TrialConfig:
    """A trial: a share of its fits exploded, the others settled near `level`, less by a share `fall` per layer.

    Args:
        runs: where `changes` say nothing of LeNet-5's epochs, it has as many as this number of runs takes.
    """
    shape = {"network.epochs": 4 * runs - 3, "mine.epochs": 20, "mine.replicates": 2}
    config = replace(TrialConfig(), shape | changes)
    runs, network_epochs, epochs = config.runs, config.network.epochs, config.mine.epochs
    trial = schemas.trial_row(
        config, provenance(state, "Traceback\nValueError: <b>made</b>" if state == "failed" else None)
    )
    if state == "failed":
        records.write_trial(results, {"trials": trial})
        return config
    columns = fit_columns(config, runs)
    fits = len(columns["run"])  # type: ignore[arg-type]
    hit = np.arange(fits) < exploded * fits
    layer = np.array([list(config.layers).index(pair[2:]) for pair in columns["pair"]])  # type: ignore[union-attr]
    ends = level * (1 - fall * layer) + 0.01 * config.seed + 0.001 * np.asarray(columns["replicate"])
    estimate = np.where(hit, np.nan, ends)
    columns |= {
        "epochs": np.full(fits, epochs), "estimate": estimate, "pooled_estimate": estimate,
        "late_slope": np.zeros(fits), "late_slope_error": np.zeros(fits),
        "highest_running_mean": ends, "lowest_running_mean": np.zeros(fits),
        "first_nonfinite_epoch": np.where(hit, 8.0, np.nan), "first_outside_epoch": np.full(fits, np.nan),
        "dead_units": np.zeros(fits, int), "dead_hidden_layers": np.zeros(fits, int), "ceiling": np.full(fits, 2.3),
        "truth": truth * (1 - 0.1 * layer) if truth < 2.3 else np.full(fits, truth),
        "truth_standard_error": np.full(fits, error), "truth_draws": np.full(fits, 1000),
        "truth_without_noise": np.full(fits, 2.3), "optimum": np.full(fits, truth),
        "started_from": ["initialisation"] * fits,
    }  # fmt: skip
    epoch = np.tile(np.arange(1, epochs + 1), fits)
    bound = np.repeat(ends, epochs) * (1 - np.exp(-epoch / rise))
    bound[np.repeat(hit, epochs) & (epoch >= 8)] = np.nan
    curves = fit_columns(config, runs, epochs) | {"mine_epoch": epoch}
    curves |= {name: bound for name in ("bound", "pooled_bound", "log_mean_exp", "gradient_norm")}
    learnt: dict[str, object] = {"key": [key(config)] * network_epochs, "epoch": range(network_epochs)}
    learnt |= {"train_loss": np.ones(network_epochs), "test_accuracy": 0.5 + 0.02 * np.arange(network_epochs)}
    learnt["test_accuracy"] += 0.01 * config.seed  # type: ignore[operator]
    parts: dict[str, pa.Table] = {"trials": trial}
    for name, made in (("estimates", columns), ("curves", curves), ("network", learnt)):
        parts[name] = schemas.table(name, made)  # type: ignore[arg-type]
    records.write_trial(results, parts)
    return config


def study(results: str, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """Two noise stds and both transfer modes; without noise half of the fits explode, finetune converges sooner."""
    for seed in seeds:
        for noise in (0.0, 1.0):
            for mode, rise in (("reinit", 4.0), ("finetune", 0.3)):
                changes = {"seed": seed, "mine.noise_std": noise, "mine.transfer_mode": mode}
                write(results, changes, exploded=0.5 * (noise == 0), rise=rise + 0.1 * seed)
