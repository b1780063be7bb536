"""A run's rows: from the curves of its fits to the columns of `estimates` and `curves`."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from trainables import contrast, verdict
from trainables.bounds import BOUNDS
from trainables.estimators.mine import Curves, Samples
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
    optimum_standard_error: float


def known_answers(
    mine: MineConfig,
    pair: str,
    ceilings: dict[str, float],
    samples: Samples,
    noisy: Truth,
    noiseless: Truth,
    source: torch.Generator,
) -> KnownAnswers:
    """A pair's answers on these samples, from its layer's truths at the fit's noise and without noise.

    Args:
        source: CPU generator of an optimum that takes draws of its own.
    """
    variable, layer = pair.split(";", 1)
    assert samples.y is not None, "a trial's samples have labels"
    known = contrast.known(noisy, variable, samples.layers[layer], samples.y, mine.noise_std, source)
    if mine.null == "shuffled_each_step":
        known = dataclasses.replace(known, samples=math.inf, contrast=lambda batch_size: (0.0, 0.0))
    without, *_ = noiseless.of(variable)
    optimum = BOUNDS[mine.bound].optimum(known, mine)
    return KnownAnswers(ceilings[variable], *known.information, noisy.draws, without, *optimum)


def estimates(
    trial: str,
    run: int,
    network_epoch: int,
    curves: Curves,
    answers: dict[str, KnownAnswers],
    started_from: np.ndarray,
    read_out: dict[str, torch.Tensor],
    held_out: dict[str, KnownAnswers],
) -> pa.Table:
    """One row a fit.

    Args:
        answers: by pair.
        started_from: by (pair, replicate), where the fit's first weights came from.
        read_out, held_out: values of T on the held-out samples, as of `mine.read_out`, and the answers there; empty
            where nothing is held out.
    """
    epochs, pairs, replicates = curves.bound.shape
    fits = pairs * replicates

    def by_pair(answers: dict[str, KnownAnswers], name: str) -> np.ndarray:
        return np.repeat([getattr(answers[pair], name) for pair in curves.pairs], replicates)

    def late(values: torch.Tensor) -> np.ndarray | list[None]:
        means = verdict.running_means(_by_fit(values), verdict.window(epochs))
        return means[:, -1] if means.shape[1] else [None] * fits

    known = {field.name: by_pair(answers, field.name) for field in dataclasses.fields(KnownAnswers)}
    read_outs = {f"read_out_{name}": late(values) for name, values in curves.read_outs.items()}
    read_outs |= {f"held_out_{name}": values.flatten().numpy() for name, values in read_out.items()}
    if held_out:
        names = ("truth", "truth_standard_error", "optimum")
        read_outs |= {f"held_out_{name}": by_pair(held_out, name) for name in names}
    return schemas.table(
        "estimates",
        {
            **_fit_columns(trial, run, network_epoch, curves, repeat=1),
            "epochs": np.full(fits, epochs),
            **verdict.curve_summary(_by_fit(curves.bound), _by_fit(curves.finite), known["ceiling"]),
            "pooled_estimate": late(curves.pooled_bound),
            "dead_units": curves.dead_units.flatten().numpy(),
            "dead_hidden_layers": curves.dead_hidden_layers.flatten().numpy(),
            **known,
            **read_outs,
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
