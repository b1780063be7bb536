"""MINE and truth for people's own arrays: any layers, the same engine as a trial's.

>>> import numpy as np
>>> from trainables.estimators.arrays import fit, truths
>>> from trainables.settings import MineConfig
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

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from trainables import contrast, devices, truth, verdict
from trainables.bounds import BOUNDS
from trainables.draws import generator
from trainables.estimators import given, memory, mine
from trainables.estimators.mine import Curves, Samples
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import InputError, MineConfig, check_last_batch
from trainables.truth import Truth


@dataclass(frozen=True)
class Fits:
    """MINE's fits of some arrays.

    Attributes:
        curves: bounds and the rest per epoch.
        estimates: by pair, in nats, shape (replicates,); NaN where the last window is not finite.
        outcomes: by pair, what became of each fit (`verdict.OUTCOMES`), shape (replicates,).
    """

    curves: Curves
    estimates: dict[str, NDArray[np.float64]]
    outcomes: dict[str, NDArray[np.str_]]


def fit(
    x: ArrayLike | None,
    y: ArrayLike | None,
    activations: Mapping[str, ArrayLike],
    config: MineConfig | None = None,
    seed: int = 0,
    device: torch.device | str | None = "cpu",
) -> Fits:
    """Estimate I(X;L + noise) and I(Y;L + noise) for every layer L given, as a trial does (paper, Algorithm 1).

    The population is that of `truths`: the N rows as they came. MINE reads them in float32. A feature that is far from
    0 beside its own range is moved towards 0 by a constant before it is rounded, which changes no information; what
    float32 does not hold even so is refused.

    Args:
        x: inputs, shape (N, ...), flattened except where architecture 2 takes (N, channels, height, width)
            as images; None: no X pairs.
        y: labels: integers, booleans, whole floating-point numbers or strings, shape (N,) or (N, 1), or one-hot rows
            (N, classes); None: no Y pairs.
        activations: outputs without noise, by layer's name, each (N, ...). Names are any text without `;`, but X and Y.
        config: MINE's settings; its `pairs` and `samples` are not used: all pairs of all rows are estimated.
        device: of the fits, wherever the arrays are; None: the GPU if there is one.

    Arrays are NumPy's, PyTorch's (also with gradients), pandas', SciPy's sparse ones, or nested lists of numbers.

    Returns:
        Curves, and estimates and verdicts by pair, `X;name` or `Y;name`.

    Raises:
        InputError: if lengths differ, values are missing, masked, not real or not finite, labels are none, a name
            cannot be part of a pair, a batch is larger than the data, the last one too small for `mine.marginals`, a
            redrawn front's filter larger than X, `held_out` or `null` are asked for, or the fits take more memory than
            there is.
    """
    config = MineConfig() if config is None else config
    if not isinstance(config, MineConfig):
        raise InputError(f"config is of type {type(config).__name__}; it must be a MineConfig.")
    source, chosen, known = given.seed(seed), devices.choose_device(device), given.read(x, y, activations)
    if x is None and y is None:
        raise InputError("x and y are both None; one of them must be given.")
    if config.batch_size > len(known):
        raise InputError(f"mine.batch_size is {config.batch_size}; it must be at most {len(known)}, the rows given.")
    check_last_batch(config, len(known))
    for name, needed in (("held_out", 0.0), ("null", "none")):
        if (value := getattr(config, name)) != needed:
            raise InputError(f"mine.{name} is {value}; it must be {needed} for arrays: give the rows that are meant.")
    ceilings = known.entropies
    pairs = tuple(f"{variable};{layer}" for variable in ceilings for layer in known.layers)
    memory.check_fit(config, known.shapes, pairs, len(known), chosen)
    layers = {layer: rows.single(config.noise_std).to(chosen) for layer, rows in known.layers.items()}
    inputs = None if known.x is None else known.x.single().to(chosen)
    labels = None if known.labels is None else torch.from_numpy(known.labels).to(chosen)
    networks = StatisticsNetworks(config, known.shapes, source, device=chosen, pairs=pairs)
    curves = mine.train(networks, Samples(inputs, labels, layers), source)
    answers = {pair: {"ceiling": ceilings[pair[0]], "truth": math.nan, "optimum": math.nan} for pair in curves.pairs}
    highest = _by_pair(curves, curves.verdict_inputs(answers)["highest_running_mean"])
    for pair in curves.pairs:
        if (highest[pair] <= verdict.VerdictRule().stuck_floor).any():
            # Only of fits that never left 0 the truth decides: stuck, or nothing there to find.
            variable, layer = pair.split(";")
            one = truths(y, {layer: activations[layer]}, config.noise_std, source, chosen)[layer]
            of_rows = torch.arange(len(known)).to(chosen) if labels is None else labels
            draws = generator(source, "contrast", pair)
            there = contrast.known(one, variable, layers[layer], of_rows, config.noise_std, draws)
            optimum, _ = BOUNDS[config.bound].optimum(there, config)
            answers[pair] |= {"truth": there.information[0], "optimum": optimum}
    inputs_of_rule = curves.verdict_inputs(answers)
    outcomes = _by_pair(curves, verdict.outcome(inputs_of_rule))
    return Fits(curves, _by_pair(curves, inputs_of_rule["estimate"]), outcomes)


def _by_pair(curves: Curves, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return dict(zip(curves.pairs, values.reshape(len(curves.pairs), -1), strict=True))


def truths(
    y: ArrayLike | None,
    activations: Mapping[str, ArrayLike],
    noise_std: float,
    seed: int = 0,
    device: torch.device | str | None = "cpu",
) -> dict[str, Truth]:
    """The exact information of the same arrays, and the optima of every kind of marginals, by layer.

    The population is the N rows: X is which row, so I(X;L + noise) holds for inputs that differ, with activations
    that are a function of them. Without labels, Y is a constant and its information 0. With noise distances are
    float64's, each feature moved near 0 before it is rounded; without noise rows are counted in the type they came in.

    Args:
        y, activations, device: as `fit` takes them, of two rows or more.
        noise_std: in the activations' unit.

    Raises:
        InputError: if an array cannot be used (see `fit`), there is one row, or the noise std is negative, or so small
            beside the activations' spread that float64 loses it.
    """
    std, source, chosen = given.noise_std(noise_std), given.seed(seed), devices.choose_device(device)
    known = given.read(None, y, activations)
    if len(known) < 2:
        raise InputError("activations have 1 row; there must be 2 or more.")
    labels = torch.zeros(len(known), dtype=torch.int64) if known.labels is None else torch.from_numpy(known.labels)
    found = {}
    for layer, rows in known.layers.items():
        memory.check_truth(rows.values.shape, int(labels.max()) + 1, std, chosen)
        # Without noise only which rows are equal counts.
        outputs = rows.in_stds(std) if std else torch.from_numpy(rows.groups()).double()[:, None]
        draws = generator(source, "truth", layer)
        (found[layer],) = truth.compute(outputs.to(chosen), labels.to(chosen), [float(std > 0)], draws).values()
    return found
