"""A trial's rows of the tables `network`, `estimates` and `curves`."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from trainables import contrast, verdict
from trainables.bounds import BOUNDS
from trainables.draws import generator
from trainables.estimators.mine import Curves, Samples, by_fit
from trainables.records import schemas
from trainables.settings import TrialConfig, key
from trainables.trial.activations import Probed
from trainables.trial.network_run import NetworkRun
from trainables.truth import Truth


def known_answers(
    config: TrialConfig,
    truths: Mapping[tuple[str, float], Truth],
    ceilings: Mapping[str, float],
    samples: Samples,
    *purpose: object,
) -> dict[str, dict[str, float]]:
    """What stands beside each pair's estimates: columns of `estimates`, by pair; in nats.

    Args:
        truths: by layer and noise std, at the fits' noise and at 0.
        ceilings: by variable.
        samples: those that the truths are of.
        purpose: names the draws of optima that take their own.
    """
    assert samples.y is not None, "a trial's samples have labels"
    answers = {}
    for pair in config.pairs:
        variable, layer = pair.split(";")
        noisy = truths[layer, config.mine.noise_std]
        source = generator(config.seed, "contrast", *purpose, pair)
        known = contrast.known(noisy, variable, samples.layers[layer], samples.y, config.mine.noise_std, source)
        if config.mine.null == "shuffled_each_step":
            known = replace(known, samples=math.inf, contrast=lambda batch_size: (0.0, 0.0))
        value, error = known.information
        optimum, optimum_error = BOUNDS[config.mine.bound].optimum(known, config.mine)
        answers[pair] = {
            "ceiling": ceilings[variable],
            "truth": value,
            "truth_standard_error": error,
            "truth_draws": noisy.draws,
            "truth_without_noise": truths[layer, 0.0].of(variable)[0],
            "optimum": optimum,
            "optimum_standard_error": optimum_error,
        }
    return answers


def estimates(
    config: TrialConfig,
    run: int,
    found: Curves,
    answers: Mapping[str, Mapping[str, Mapping[str, float]]],
    started_from: np.ndarray,
    held_out: Mapping[str, Tensor],
) -> pa.Table:
    """One row per fit.

    Args:
        answers: from `known_answers`, of the fitted and, if any, of the held-out samples.
        started_from: by (pair, replicate), where the fit's first weights came from.
        held_out: values of T on the held-out samples, from `mine.read_out`.
    """
    epochs, pairs, replicates = found.bound.shape

    def late(values: Tensor) -> np.ndarray | list[None]:
        means = verdict.running_means(by_fit(values), verdict.window(epochs))
        return means[:, -1] if means.shape[1] else [None] * pairs * replicates

    others = answers.get("held_out", {})
    columns = {
        **found.verdict_inputs(answers["fitted"]),
        "pooled_estimate": late(found.pooled_bound),
        **{f"read_out_{name}": late(values) for name, values in found.read_outs.items()},
        **{f"held_out_{name}": values.flatten().numpy() for name, values in held_out.items()},
        **{
            f"held_out_{name}": np.repeat([others[pair][name] for pair in found.pairs], replicates)
            for name in (("truth", "truth_standard_error", "optimum") if others else ())
        },
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
