"""A run's rows: from the curves of its fits to the columns of `estimates` and `curves`."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from trainables import verdict
from trainables.bounds import BOUNDS
from trainables.estimators.mine import Curves
from trainables.records import schemas
from trainables.settings import MineConfig
from trainables.truth import Truth


@dataclass(frozen=True)
class KnownAnswers:
    """What stands beside each pair's estimates: ceiling, truth, optimum, in nats."""

    ceiling: float
    truth: float
    truth_standard_error: float
    truth_draws: int
    truth_without_noise: float
    optimum: float


def known_answers(
    mine: MineConfig, pair: str, ceilings: dict[str, float], noisy: Truth, noiseless: Truth
) -> KnownAnswers:
    """A pair's answers from its layer's truths at the fit's noise and without noise."""
    variable = pair[0]
    value, error, log_ratio = noisy.of(variable)
    without, *_ = noiseless.of(variable)
    optimum = BOUNDS[mine.bound].optimum(log_ratio, value, mine.marginals, mine.batch_size)
    return KnownAnswers(ceilings[variable], value, error, noisy.draws, without, optimum)


def estimates(
    trial: str,
    run: int,
    network_epoch: int,
    curves: Curves,
    answers: dict[str, KnownAnswers],
    started_from: np.ndarray,
) -> pa.Table:
    """One row a fit.

    Args:
        answers: by pair.
        started_from: by (pair, replicate), where the fit's first weights came from.
    """
    epochs, pairs, replicates = curves.bound.shape
    known = {
        field.name: np.repeat([getattr(answers[pair], field.name) for pair in curves.pairs], replicates)
        for field in dataclasses.fields(KnownAnswers)
    }
    summary = verdict.curve_summary(_by_fit(curves.bound), _by_fit(curves.finite), known["ceiling"])
    pooled = verdict.running_means(_by_fit(curves.pooled_bound), verdict.window(epochs))
    fits = pairs * replicates
    return schemas.table(
        "estimates",
        {
            **_fit_columns(trial, run, network_epoch, curves, repeat=1),
            "epochs": np.full(fits, epochs),
            **summary,
            "pooled_estimate": pooled[:, -1] if pooled.shape[1] else [None] * fits,
            "dead_units": curves.dead_units.flatten().numpy(),
            "dead_hidden_layers": curves.dead_hidden_layers.flatten().numpy(),
            **known,
            "started_from": started_from.ravel(),
        },
    )


def curves(trial: str, run: int, network_epoch: int, run_curves: Curves) -> pa.Table:
    """One row a fit and MINE epoch."""
    epochs, pairs, replicates = run_curves.bound.shape
    return schemas.table(
        "curves",
        {
            **_fit_columns(trial, run, network_epoch, run_curves, repeat=epochs),
            "mine_epoch": np.tile(np.arange(1, epochs + 1), pairs * replicates),
            "bound": _by_fit(run_curves.bound).ravel(),
            "pooled_bound": _by_fit(run_curves.pooled_bound).ravel(),
            "log_mean_exp": _by_fit(run_curves.log_mean_exp).ravel(),
            "gradient_norm": _by_fit(run_curves.gradient_norm).ravel(),
        },
    )


def _by_fit(values: Any) -> np.ndarray:
    """(epochs, pairs, replicates) to (pairs x replicates, epochs)."""
    return values.flatten(1).T.contiguous().numpy()


def _fit_columns(trial: str, run: int, network_epoch: int, curves: Curves, repeat: int) -> dict[str, Any]:
    _, pairs, replicates = curves.bound.shape
    rows = pairs * replicates * repeat
    return {
        "key": [trial] * rows,
        "run": np.full(rows, run),
        "network_epoch": np.full(rows, network_epoch),
        "pair": np.repeat(curves.pairs, replicates * repeat),
        "replicate": np.tile(np.repeat(np.arange(replicates), repeat), pairs),
    }
