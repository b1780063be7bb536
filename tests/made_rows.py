"""Made-up rows of a trial, whose values are known and cost nothing."""

import pyarrow as pa
import torch

from trainables import records, schedule, schemas
from trainables.config import TrialConfig, key


def distance(config: TrialConfig) -> float:
    return 0.1 * config.mine.architecture + 0.2 * (config.mine.noise_std == 0) + 0.05 * config.seed


def evaluate(config: TrialConfig, results: str, state: str = "completed") -> None:
    """Rows of one settled fit whose distance to the truth is known."""
    trial = schedule.failed_parts(config, torch.device("cpu"), "boom")["trials"]
    trial = trial.set_column(1, trial.schema.field("state"), pa.array([state]))
    level = 2 * (1 - distance(config))
    numbers = {"estimate": level, "pooled_estimate": level, "late_slope": 0.0, "late_slope_error": 0.0}
    numbers |= {"highest_running_mean": level, "lowest_running_mean": 0.0, "ceiling": 2.3, "truth": 2.0}
    numbers |= {"truth_standard_error": 0.0, "truth_without_noise": 2.3, "optimum": 2.0}
    columns = {name: [value] for name, value in numbers.items()}
    columns |= {"first_nonfinite_epoch": [None], "first_outside_epoch": [None], "pair": ["X;sm1"], "key": [key(config)]}
    columns |= {name: [0] for name in ("lenet_epoch", "replicate", "dead_units", "dead_hidden_layers", "truth_draws")}
    columns |= {"run": [1], "epochs": [10], "started_from": ["initialisation"]}
    records.write_trial(results, {"estimates": schemas.table("estimates", columns), "trials": trial})
