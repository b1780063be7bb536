"""A trial's rows of the tables `network`, `estimates` and `curves`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from trainables import verdict
from trainables.bounds import BOUNDS
from trainables.estimators.mine import Curves, by_fit
from trainables.records import schemas
from trainables.settings import TrialConfig, key
from trainables.trial.activations import Probed
from trainables.trial.network_run import NetworkRun
from trainables.truth import Truth


def known_answers(
    config: TrialConfig, truths: Mapping[tuple[str, float], Truth], ceilings: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """What stands beside each pair's estimates: columns of `estimates`, by pair; in nats.

    Args:
        truths: by layer and noise std, at the fits' noise and at 0.
        ceilings: by variable.
    """
    answers = {}
    for pair in config.pairs:
        variable, layer = pair.split(";")
        noisy = truths[layer, config.mine.noise_std]
        value, error, log_ratio = noisy.of(variable)
        answers[pair] = {
            "ceiling": ceilings[variable],
            "truth": value,
            "truth_standard_error": error,
            "truth_draws": noisy.draws,
            "truth_without_noise": truths[layer, 0.0].of(variable)[0],
            "optimum": BOUNDS[config.mine.bound].optimum(
                log_ratio, value, config.mine.marginals, config.mine.batch_size
            ),
        }
    return answers


def estimates(
    config: TrialConfig, run: int, found: Curves, answers: Mapping[str, Mapping[str, float]], started_from: np.ndarray
) -> pa.Table:
    """One row per fit.

    Args:
        answers: from `known_answers`.
        started_from: by (pair, replicate), where the fit's first weights came from.
    """
    epochs, pairs, replicates = found.bound.shape
    pooled = verdict.running_means(by_fit(found.pooled_bound), verdict.window(epochs))
    columns = {
        **found.verdict_inputs(answers),
        "pooled_estimate": pooled[:, -1] if pooled.shape[1] else [None] * pairs * replicates,
        "dead_units": found.dead_units.flatten().numpy(),
        "started_from": started_from.ravel(),
    }
    return schemas.table("estimates", {**_position(config, run, found, repeat=1), **columns})


def curves(config: TrialConfig, run: int, found: Curves) -> pa.Table:
    """One row per fit and MINE epoch."""
    epochs, pairs, replicates = found.bound.shape
    columns = {name: by_fit(getattr(found, name)).ravel() for name in _CURVES}
    columns["mine_epoch"] = np.tile(np.arange(1, epochs + 1), pairs * replicates)
    return schemas.table("curves", {**_position(config, run, found, repeat=epochs), **columns})


_CURVES = ("bound", "pooled_bound", "log_mean_exp", "gradient_norm")


def network(config: TrialConfig, trained: NetworkRun | Probed) -> pa.Table:
    """One row per epoch of the network; none of one that was trained elsewhere."""
    epochs = len(trained.train_loss)
    columns: dict[str, Any] = {"key": [key(config)] * epochs, "epoch": range(epochs), "train_loss": trained.train_loss}
    return schemas.table("network", {**columns, "test_accuracy": trained.test_accuracy})


def _position(config: TrialConfig, run: int, found: Curves, repeat: int) -> dict[str, Any]:
    _, pairs, replicates = found.bound.shape
    rows = pairs * replicates * repeat
    return {
        "key": [key(config)] * rows,
        "run": np.full(rows, run),
        "network_epoch": np.full(rows, config.probe_epochs[run - 1]),
        "pair": np.repeat(found.pairs, replicates * repeat),
        "replicate": np.tile(np.repeat(np.arange(replicates), repeat), pairs),
    }
