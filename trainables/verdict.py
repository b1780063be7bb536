"""The verdict rule: from a fit's curve to its outcome and its bias.

A leaf: it imports nothing of ours, and neither torch nor ray. The thresholds stand in `VerdictRule`;
a fit's `curve_summary` is what the rule reads, so verdicts can be derived again under other thresholds
without the curves. All values are in nats.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

OUTCOMES = ("exploded", "collapsed", "stuck", "unsettled", "settled")
"""The outcomes of a fit; the first that holds is given."""


INPUTS = (
    "epochs", "ceiling", "truth", "optimum", "estimate", "late_slope", "late_slope_error", "highest_running_mean",
    "lowest_running_mean", "first_nonfinite_epoch", "dead_hidden_layers",
)  # fmt: skip
"""The columns of the estimates table by which a fit is judged."""

BIASES = ("within", "under", "over", "undecided")
"""The verdicts on a settled fit's bias."""


@dataclass(frozen=True)
class VerdictRule:
    """The thresholds of the verdicts, with the reason for each."""

    outside_share: float = 0.10
    """A running mean may leave [0, ceiling] by this share of the ceiling. The bound of a finite batch
    fluctuates around its mean; 10 % is far above the fluctuation of a mean over a window of epochs and
    far below an explosion, which goes on without limit."""
    outside_floor: float = 0.1
    """... or by this many nats, whichever is more: a small ceiling must not make noise an explosion."""
    settled_share: float = 0.08
    """A settled fit's curve rises or falls, over the last half of the fit, by at most this share of the estimate per
    doubling of the training. Curves slow down, so that training four times as long then seldom moves it by 10 %:
    chosen, with the three below, on seeds 0 to 5 of `python -m tests.benchmarks.outcomes` (docs/outcomes.md)."""
    settled_floor: float = 0.025
    """... or by this many nats per doubling, whichever is more: near 0 a share of the estimate is below its noise."""
    certain_share: float = 0.025
    """The standard error of that slope is at most this share of the estimate ..."""
    certain_floor: float = 0.0125
    """... or this many nats, whichever is more: a curve that fluctuates has not shown that it is flat."""
    fallen_share: float = 0.05
    """The last window of a settled fit lies below its highest running mean by at most this share of it ..."""
    fallen_floor: float = 0.05
    """... or by this many nats, whichever is more: a curve that fell has not shown where it ends."""
    least_epochs: int = 10
    """Fits of fewer MINE epochs are too short to be judged: a slope over four points says nothing."""
    stuck_floor: float = 0.05
    """No running mean of a stuck fit ever left 0 by more than this many nats, although its truth and its optimum are
    above `least_reference`: it never left the ground."""

    near_share: float = 0.05
    """Two levels within this share of one another are near: for the epoch at which a curve comes near to its end, and
    for layers that are in no order."""
    near_floor: float = 0.05
    """... or within this many nats, whichever is more."""

    bias_ratio: float = 1.5
    """An estimate within this factor of the truth is right for the purpose: the paper reads orders and levels
    off its planes, and layers' truths differ by such factors."""
    bias_floor: float = 0.05
    """... or within this many nats, whichever is more: near 0 a factor is below the noise of the estimate."""
    standard_errors: float = 2.0
    """A verdict on bias that changes within this many standard errors of the truth is undecided."""
    exploding_share: float = 0.25
    """From this share of exploded fits on a configuration is Exploding in the paper's words: one pair of four."""
    ended_share: float = 0.5
    """With fewer settled, stuck and collapsed fits there is no word: most fits have not shown where they end."""
    least_reference: float = 0.1
    """Ratios of an estimate to less than this many nats are noise, and left out."""
    least_retained: float = 0.05
    """In `distance_to_truth` a fit counts as wrong whose noise has left less than this share of the information that
    the layer has without noise: what noise destroys is easy to estimate."""

    def scaled(self, factor: float) -> "VerdictRule":
        """The rule with its tolerances multiplied, for the check that no finding hangs on a threshold.

        Of `bias_ratio` the part above 1 is multiplied. What is no tolerance stays: `standard_errors` (certainty),
        `ended_share` (a majority), `least_epochs`, `least_reference`, `least_retained`.

        >>> VerdictRule().scaled(2).bias_ratio, VerdictRule().scaled(0.5).settled_share
        (2.0, 0.04)
        """
        kept = ("standard_errors", "ended_share", "least_epochs", "least_reference", "least_retained")
        scaled = {name: value * factor for name, value in dataclasses.asdict(self).items() if name not in kept}
        scaled["bias_ratio"] = 1 + (self.bias_ratio - 1) * factor
        scaled["exploding_share"] = min(1.0, scaled["exploding_share"])  # above 1 no fits would be enough
        return dataclasses.replace(self, **scaled)


def window(epochs: int) -> int:
    """Epochs over which a curve is averaged: a tenth of the fit, at least 2.

    >>> window(100), window(5)
    (10, 2)
    """
    return max(2, math.ceil(epochs / 10))


def running_means(bound: ArrayLike, width: int) -> NDArray[np.float64]:
    """Means over `width` consecutive epochs.

    Args:
        bound: bounds per epoch in nats, shape (..., epochs).
        width: length of the window.

    Returns:
        Shape (..., epochs - width + 1), the i-th over epochs i to i + width - 1; empty if epochs < width.
        A window with a non-finite bound is NaN.
    """
    values = np.asarray(bound, dtype=np.float64)
    if values.shape[-1] < width:
        return np.empty((*values.shape[:-1], 0))
    values = np.where(np.isfinite(values), values, np.nan)
    return np.lib.stride_tricks.sliding_window_view(values, width, axis=-1).mean(axis=-1)


def late_slope(bound: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By how much a curve still rises per doubling of the training: least squares on log2(epoch), last half of the fit.

    >>> slope, error = late_slope(2 + 0.5 * np.log2(np.arange(1, 21)))
    >>> float(slope.round(6)), float(error.round(6))
    (0.5, 0.0)

    Args:
        bound: bounds per epoch in nats, shape (..., epochs).

    Returns:
        Slope and its standard error (residuals taken as independent), in nats per doubling, each of shape (...); NaN
        where a bound in the last half is not finite, or the half has fewer than three epochs.
    """
    values = np.asarray(bound, dtype=np.float64)
    epochs = values.shape[-1]
    first = math.ceil(epochs / 2)
    late = np.where(np.isfinite(values), values, np.nan)[..., first:]
    points = epochs - first
    if points < 3:
        return np.full(values.shape[:-1], np.nan), np.full(values.shape[:-1], np.nan)
    x = np.log2(np.arange(first, epochs) + 1.0)
    x -= x.mean()
    centred = late - late.mean(axis=-1, keepdims=True)
    slope = centred @ x / (x @ x)
    residual = centred - slope[..., None] * x
    return slope, np.sqrt((residual**2).sum(axis=-1) / (points - 2) / (x @ x))


def curve_summary(
    bound: ArrayLike, finite: NDArray[np.bool_], ceiling: ArrayLike, rule: VerdictRule | None = None
) -> dict[str, NDArray[np.float64]]:
    """What the rule reads of a curve; NaN where a number does not exist.

    Args:
        bound: bound per MINE epoch, shape (fits, epochs).
        finite: whether bound, gradient and parameters were finite after each epoch, same shape.
        ceiling: the most that the mutual information can be, shape (fits,).
        rule: thresholds, used for `first_outside_epoch` only.

    Returns:
        Arrays of shape (fits,). `estimate`: mean bound over the last window, NaN if any of it is not
        finite. `late_slope`, `late_slope_error`: see `late_slope`. `highest_running_mean`, `lowest_running_mean`.
        `first_nonfinite_epoch` and `first_outside_epoch` (the running mean that ends there lies outside
        [-t, ceiling + t]) count from 1.
    """
    rule = rule or VerdictRule()
    bound, ceiling = np.asarray(bound, float), np.asarray(ceiling, float)
    fits, epochs = bound.shape
    width = window(epochs)
    finite = finite & np.isfinite(bound)
    means = running_means(np.where(finite, bound, np.nan), width)
    slope, slope_error = late_slope(np.where(finite, bound, np.nan))
    missing = np.full(fits, np.nan)
    tolerance = outside_tolerance(ceiling, rule)[:, None]
    with np.errstate(invalid="ignore"):
        outside = (means < -tolerance) | (means > ceiling[:, None] + tolerance)
    return {
        "estimate": means[:, -1] if epochs >= width else missing,
        "late_slope": slope,
        "late_slope_error": slope_error,
        "highest_running_mean": np.fmax.reduce(means, axis=1, initial=np.nan),
        "lowest_running_mean": np.fmin.reduce(means, axis=1, initial=np.nan),
        "first_nonfinite_epoch": _first(~finite, offset=1),
        "first_outside_epoch": _first(outside, offset=width),
    }


def _first(flags: NDArray[np.bool_], offset: int) -> NDArray[np.float64]:
    """Index of the first True of each row plus offset; NaN if there is none."""
    if flags.shape[1] == 0:
        return np.full(flags.shape[0], np.nan)
    return np.where(flags.any(axis=1), flags.argmax(axis=1) + offset, np.nan)


def outside_tolerance(ceiling: ArrayLike, rule: VerdictRule) -> NDArray[np.float64]:
    """How far a running mean may lie outside [0, ceiling], t of the rule, in nats."""
    return np.maximum(rule.outside_floor, rule.outside_share * np.asarray(ceiling, float))


def outcome(fits: Any, rule: VerdictRule | None = None) -> NDArray[np.str_]:
    """The outcome of each fit.

    Args:
        fits: `INPUTS` of the estimates table (a dict of arrays or a DataFrame), each of shape (fits,).

    Returns:
        One of `OUTCOMES` per fit, the first that holds:

        - exploded: anything was not finite, or a running mean left [-t, ceiling + t];
        - collapsed: all units of some hidden layer were off throughout the last epoch;
        - stuck: no running mean ever left 0, though truth and optimum did;
        - unsettled: fewer than `least_epochs`; or the slope over the last half of the fit, its standard error, or the
          fall from the highest running mean to the last window is more than the rule allows;
        - settled.

        "" where only the slope could tell and a record of an earlier version does not hold it.
    """
    rule = rule or VerdictRule()
    column = {name: np.asarray(fits[name], float) for name in INPUTS}
    estimate, highest, lowest = column["estimate"], column["highest_running_mean"], column["lowest_running_mean"]
    tolerance = outside_tolerance(column["ceiling"], rule)
    exploded = ~np.isnan(column["first_nonfinite_epoch"])
    exploded |= (highest > column["ceiling"] + tolerance) | (lowest < -tolerance)
    short = column["epochs"] < rule.least_epochs
    known = np.minimum(column["truth"], column["optimum"]) > rule.least_reference
    stuck = ~short & known & (highest <= rule.stuck_floor) & (lowest >= -rule.stuck_floor)
    untold = ~short & np.isnan(column["late_slope"])
    size = np.abs(estimate)
    flat = np.abs(column["late_slope"]) <= np.maximum(rule.settled_floor, rule.settled_share * size)
    certain = column["late_slope_error"] <= np.maximum(rule.certain_floor, rule.certain_share * size)
    fallen = highest - estimate > np.maximum(rule.fallen_floor, rule.fallen_share * size)
    conditions = [exploded, column["dead_hidden_layers"] > 0, stuck, untold, short | ~flat | ~certain | fallen]
    return np.select(conditions, [*OUTCOMES[:3], "", OUTCOMES[3]], default=OUTCOMES[4])


def shares(outcomes: ArrayLike) -> str:
    """Shares of fits by outcome, those that occur, in words.

    >>> shares(["settled", "exploded", "settled", "settled"])
    '25% exploded, 75% settled'
    """
    found = np.asarray(outcomes)
    return ", ".join(f"{100 * (found == name).mean():.0f}% {name}" for name in OUTCOMES if (found == name).any())


def bias(
    estimate: ArrayLike, reference: ArrayLike, standard_error: ArrayLike = 0.0, rule: VerdictRule | None = None
) -> NDArray[np.str_]:
    """The verdict on settled fits' bias against a truth or an optimum.

    Args:
        estimate, reference, standard_error: in nats, shape (fits,); an optimum may be infinite.

    Returns:
        One of `BIASES` per fit: within if min(r/1.5, r - 0.05) <= estimate <= max(1.5 r, r + 0.05), else under or
        over; undecided where the answer differs within two standard errors of the reference.
    """
    rule = rule or VerdictRule()
    estimates, references = np.asarray(estimate, float), np.asarray(reference, float)
    margin = rule.standard_errors * np.asarray(standard_error, float)
    answers = np.stack([_one_bias(estimates, references + sign * margin, rule) for sign in (-1, 0, 1)])
    return np.where((answers == answers[1]).all(axis=0), answers[1], BIASES[3])


def _one_bias(estimate: NDArray[np.float64], reference: NDArray[np.float64], rule: VerdictRule) -> NDArray[np.str_]:
    lowest = np.minimum(reference / rule.bias_ratio, reference - rule.bias_floor)
    highest = np.maximum(reference * rule.bias_ratio, reference + rule.bias_floor)
    return np.select([estimate < lowest, estimate > highest], [BIASES[1], BIASES[2]], default=BIASES[0])


def exploded_epoch(fits: Any) -> NDArray[np.float64]:
    """The MINE epoch (from 1) at which a fit exploded under the committed rule; NaN if it did not."""
    return np.fmin(np.asarray(fits["first_nonfinite_epoch"], float), np.asarray(fits["first_outside_epoch"], float))
