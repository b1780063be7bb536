"""Results that were made in a test, and read from no folder."""

import itertools

import numpy as np
import pandas as pd

from analysis import missing
from analysis.results import COMMITTED, Results
from analysis.tables import TABLES
from tests.lenet5 import PAIRS
from trainables.settings import TrialConfig, configuration_key, flatten, replace
from trainables.verdict import VerdictRule


class MadeResults(Results):
    """Trials and fits as `made_trials` and `made_fits` make them."""

    def __init__(self, trials: pd.DataFrame, fits: pd.DataFrame, rule: VerdictRule = COMMITTED) -> None:
        self.trials = self.all_trials = trials
        self.estimates = fits.astype({"key": "category", "pair": "category"})
        self.rule, self.problems, self._made = rule, [], {}


def made_trials(*changes: dict, seeds=(0, 1, 2), state="completed") -> pd.DataFrame:
    rows = []
    for number, change in enumerate(changes):
        for seed in seeds:
            config = replace(TrialConfig(), {**change, "seed": seed})
            row = {"key": f"{number}-{seed}", "state": state, "configuration": configuration_key(config)}
            rows.append({**row, **flatten(config), "mine.pairs": ", ".join(PAIRS)})
    return pd.DataFrame(rows).set_index("key")


def made_fits(trials: pd.DataFrame, level=2.0, pairs=PAIRS, runs=(1, 2), replicates=(0, 1)) -> pd.DataFrame:
    """Settled fits at one level."""
    rows = [
        {"key": key, "run": run, "pair": pair, "replicate": replicate}
        for key, run, pair, replicate in itertools.product(trials.index, runs, pairs, replicates)
    ]
    fits = pd.DataFrame(rows).assign(epochs=100, ceiling=11.0, dead_hidden_layers=0, truth=level, optimum=level)
    fits["truth_standard_error"] = 0.01
    for column in ("estimate", "highest_running_mean", "lowest_running_mean"):
        fits[column] = level
    fits["late_slope"] = fits["late_slope_error"] = 0.0
    return fits.assign(first_nonfinite_epoch=np.nan, first_outside_epoch=np.nan)


def table(name: str, trials: pd.DataFrame, fits: pd.DataFrame, rule: VerdictRule = COMMITTED) -> pd.DataFrame:
    """A table of made results."""
    return TABLES[name].frame(MadeResults(trials, fits, rule))


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What is said under a stability table."""
    results = MadeResults(trials, made_fits(trials))
    return TABLES["stability"].said(results, rows) + missing.failures(trials)
