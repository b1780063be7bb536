"""MINE and truth for people's own arrays: any layers, the same engine as a trial's.

>>> import numpy as np
>>> from trainables.arrays import fit, truths
>>> from trainables.config import MineConfig
>>> random = np.random.default_rng(0)
>>> x = random.normal(size=(2_000, 3)).astype(np.float32)
>>> hidden = np.maximum(x @ random.normal(size=(3, 4)), 0)
>>> config = MineConfig(noise_std=0.5, epochs=20, learning_rate=1e-3, marginals="independent", replicates=2)
>>> found = fit(x, x[:, 0] > 0, {"hidden": hidden}, config)
>>> known = truths(x[:, 0] > 0, {"hidden": hidden}, noise_std=0.5)["hidden"]
>>> sorted(found.estimates)
['X;hidden', 'Y;hidden']
>>> bool(found.estimates["X;hidden"].max() < known.x)
True
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from trainables import mine, truth, verdict
from trainables.config import InputError, MineConfig, check_last_batch
from trainables.draws import generator
from trainables.mine import Curves, Samples
from trainables.statistics_network import StatisticsNetworks
from trainables.truth import Truth


@dataclass(frozen=True)
class Fits:
    """MINE's fits of some arrays.

    Attributes:
        curves: bounds and the rest per epoch.
        estimates: by pair, in nats, shape (replicates,); NaN where the last window is not finite.
        stabilities: by pair, the verdicts on stability, shape (replicates,).
    """

    curves: Curves
    estimates: dict[str, NDArray[np.float64]]
    stabilities: dict[str, NDArray[np.str_]]


def fit(
    x: ArrayLike | None,
    y: ArrayLike | None,
    activations: Mapping[str, ArrayLike],
    config: MineConfig | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Fits:
    """Estimate I(X;L + noise) and I(Y;L + noise) for every layer L given, as a trial does (paper, Algorithm 1).

    Args:
        x: inputs, shape (N, ...), flattened except where architecture 2 takes (N, channels, height, width)
            as images; None: no X pairs.
        y: labels, integers, booleans or strings, shape (N,); None: no Y pairs.
        activations: outputs without noise, by layer's name, each (N, ...).
        config: MINE's settings; its `pairs` and `samples` are not used: all pairs of all rows are estimated.

    Returns:
        Curves, and estimates and verdicts by pair, `X;name` or `Y;name`.

    Raises:
        InputError: if lengths differ, a value is not finite, labels are floating-point numbers, a name cannot be
            part of a pair, or a batch is larger than the data,
            or the last one too small for `mine.marginals`.
    """
    config = config or MineConfig()
    samples, shapes = _samples(x, y, activations, device)
    if config.batch_size > len(samples):
        raise InputError(f"mine.batch_size is {config.batch_size}; it must be at most {len(samples)}, the rows given.")
    check_last_batch(config, len(samples))
    known = {"X": samples.x, "Y": samples.y}
    ceilings = {name: truth.entropy(values) for name, values in known.items() if values is not None}
    pairs = tuple(f"{variable};{layer}" for variable in ceilings for layer in samples.layers)
    networks = StatisticsNetworks(config, shapes, seed, device=device, pairs=pairs)
    curves = mine.train(networks, samples, seed)
    estimates, stabilities = {}, {}
    for pair in curves.pairs:
        rows = curves.verdict_inputs(pair, ceilings[pair[0]])
        estimates[pair], stabilities[pair] = rows["estimate"], verdict.stability(rows)
    return Fits(curves, estimates, stabilities)


def truths(
    y: ArrayLike | None, activations: Mapping[str, ArrayLike], noise_std: float, seed: int = 0
) -> dict[str, Truth]:
    """The exact information of the same arrays, and the optima of every kind of marginals, by layer.

    The population is the N rows: X is which row, so I(X;L + noise) holds for inputs that differ, with activations
    that are a function of them. Without labels, Y is a constant and its information 0.

    Raises:
        InputError: if lengths differ or the noise std is negative.
    """
    if not noise_std >= 0:
        raise InputError(f"noise_std is {noise_std}; it must be at least 0.")
    samples, _ = _samples(None, y, activations, "cpu")
    labels = torch.zeros(len(samples), dtype=torch.int64) if samples.y is None else samples.y
    return {
        layer: truth.compute(outputs, labels, [noise_std], generator(seed, "truth", layer))[noise_std]
        for layer, outputs in samples.layers.items()
    }


def _samples(
    x: ArrayLike | None, y: ArrayLike | None, activations: Mapping[str, ArrayLike], device: torch.device | str
) -> tuple[Samples, dict[str, tuple[int, ...]]]:
    """The arrays as rows on the device, and the shape of one sample of each."""
    sides = {**({} if x is None else {"X": x}), **activations}
    arrays = {name: np.asarray(values, dtype=np.float32) for name, values in sides.items()}
    lengths = {name: len(values) for name, values in arrays.items()} | ({} if y is None else {"Y": len(np.asarray(y))})
    if len(set(lengths.values())) != 1 or not activations:
        raise InputError(f"lengths are {lengths}; there must be one layer or more, and as many rows in each array.")
    for name in activations:
        if name in ("X", "Y") or ";" in name or "." in name:
            raise InputError(f"layer's name is {name!r}; it must not be X or Y, nor contain ';' or '.'.")
    shapes: dict[str, tuple[int, ...]] = {name: values.shape[1:] or (1,) for name, values in arrays.items()}
    rows = {name: torch.from_numpy(v.reshape(len(v), -1)).to(device) for name, v in arrays.items()}
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise InputError(f"{name} has values that are not finite; every value must be a finite number.")
    labels = None
    if y is not None:
        if np.issubdtype(np.asarray(y).dtype, np.floating):
            raise InputError("y holds floating-point numbers; it must hold labels: integers, booleans or strings.")
        classes, inverse = np.unique(np.asarray(y), return_inverse=True)
        shapes["Y"], labels = (len(classes),), torch.from_numpy(inverse.astype(np.int64)).to(device)
    return Samples(rows.pop("X", None), labels, rows), shapes
