"""Where settled fits ended, beside what they are estimates of: estimate, truth, optimum, and ratios of them.

A row of a table has cells: pairs and runs, which differ in level. Truth and optimum are those of all its cells,
whichever fits settled. Estimates are there where fits settled, so a seed may lack cells that another has; a missing one
is filled by the additive fit value = cell + seed; otherwise seeds would seem to differ because other cells settled. All
values are in nats.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import intervals
from analysis.rendering import OWN_INTERVAL, Column
from trainables.verdict import VerdictRule, outside_tolerance

KINDS = ("truth", "optimum")
"""What an estimate is held against."""

_RATIO = (*OWN_INTERVAL, "pairs", "least", "most")

COLUMNS = (
    Column("pairs", hidden=True), Column("estimate", parts=(*OWN_INTERVAL, "pairs")), Column("truth"),
    Column("optimum"), Column("per_truth", "est./truth", parts=_RATIO),
    Column("per_optimum", "est./optimum", parts=_RATIO),
)  # fmt: skip
"""The columns of `table`."""

OF_ONE_PAIR = tuple(replace(column, parts=column.parts[:3]) for column in COLUMNS[1:])
"""What they say where a row has one pair."""

NOTE = (
    "estimate, truth and optimum: means over pairs; truth and optimum of all fits, the estimate of the pairs and runs "
    "in which fits settled (n of m pairs: in the others none did). est./truth: the median over pairs of a pair's "
    "estimate by its truth in the same runs, beside it the lowest and the highest pair's; where these differ it is not "
    "the row's estimate by its truth (`--which pairs` has each pair)."
)
"""What a reader must know of the columns where rows have several pairs."""

Array = NDArray[np.float64]


def table(fits: pd.DataFrame, rule: VerdictRule) -> pd.DataFrame:
    """One line per row: where its fits ended, with intervals over seeds that say nothing that cannot be.

    For every seed a pair's estimate is the mean over the runs in which any fit settled, and its ratio to the truth that
    mean by the mean truth of the same runs. A row's estimate is the mean over pairs, as its truth is; its ratio is the
    median over pairs, of those whose truth is at least the rule's least reference. Both are means over seeds.

    Args:
        fits: as `cells.arrange` returns them.

    Returns:
        `COLUMNS`: `_pairs` is of how many of the row's `pairs` a number is, `per_truth_least` and `per_truth_most` the
        pairs' lowest and highest ratio. Missing where no fit settled.
    """
    filled, shared = _filled(_array(fits, "settled_estimate"))
    of_pair = _mean(filled, 2)
    most = highest(fits, rule).to_numpy()
    found = _line("estimate", _mean(of_pair, 1), shared, most)
    found = found.assign(estimate_pairs=_count(of_pair), pairs=fits.groupby("row")["pair"].nunique())
    for kind in KINDS:
        reference = _array(fits, kind)
        of_row = _mean(_mean(reference, 3), 2)
        found[kind] = _mean(of_row, 1)
        ratio = _ratio(filled, reference, rule)
        usable = np.where(np.isnan(ratio).all(axis=2), np.nan, of_row)
        found = found.join(_line(f"per_{kind}", median(ratio), shared, median(most[:, None] / usable)))
        found[f"per_{kind}_pairs"], each = _count(ratio), _mean(ratio, 2)
        found[f"per_{kind}_least"], found[f"per_{kind}_most"] = np.fmin.reduce(each, 1), np.fmax.reduce(each, 1)
    return found


def ratios(fits: pd.DataFrame, kind: str, rule: VerdictRule) -> Array:
    """Every pair's ratio of estimate to `kind`, shape (rows, pairs, seeds); NaN where no fit settled."""
    return _ratio(_array(fits, "settled_estimate"), _array(fits, kind), rule)


def highest(fits: pd.DataFrame, rule: VerdictRule) -> pd.Series:
    """The most that an estimate of each row can be: above it a fit has exploded."""
    ceiling = fits.groupby("row")["ceiling"].max().astype(float)
    return ceiling + outside_tolerance(ceiling, rule)


def _array(fits: pd.DataFrame, column: str) -> Array:
    """Means over replicates, shape (rows, pairs, runs, seeds), NaN where there is none."""
    place = [fits["row"], fits["pair"].cat.codes, fits["run"], fits["seed"]]
    means = fits[column].groupby(place).mean()
    shape = [int(one.max()) + 1 for one in place]
    shape[1] = len(fits["pair"].cat.categories)
    values = np.full(shape, np.nan)
    values[tuple(means.index.get_level_values(level) for level in range(4))] = means.to_numpy(float)
    return values


def _filled(values: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Estimates with the cells that a seed lacks filled in, and which seeds share a cell with another, (rows, seeds).

    Cells that no seed has stay NaN. The additive fit is least squares, with the cells eliminated:
    (D - O' diag(1/n) O) seed = O' (value - cell mean), O being 1 where a seed has a cell that others have.
    """
    rows, pairs, runs, seeds = values.shape
    flat = values.reshape(rows, pairs * runs, seeds)
    there = ~np.isnan(flat)
    shared = (there.sum(axis=2) > 1)[:, :, None] & there
    observed = shared.astype(float)
    normal = -np.einsum("rcs,rct->rst", observed / np.maximum(observed.sum(axis=2), 1)[:, :, None], observed)
    diagonal = np.arange(seeds)
    normal[:, diagonal, diagonal] += observed.sum(axis=1)
    residual = np.where(shared, flat - _mean(flat, 2)[:, :, None], 0).sum(axis=1)
    effects = np.einsum("rst,rt->rs", np.linalg.pinv(normal, hermitian=True), residual)
    in_fit = shared.any(axis=1)
    effects -= np.where(in_fit, effects, 0).sum(axis=1, keepdims=True) / np.maximum(in_fit.sum(axis=1), 1)[:, None]
    effects = np.where(in_fit, effects, 0)[:, None]
    filled = np.where(there, flat, _mean(flat - effects, 2)[:, :, None] + effects)
    filled = np.where(there.any(axis=1, keepdims=True), filled, np.nan)  # a seed without any stays without
    return filled.reshape(values.shape), in_fit


def _ratio(estimate: Array, reference: Array, rule: VerdictRule) -> Array:
    """Every pair's ratio, shape (rows, pairs, seeds), over the runs that have an estimate."""
    of_pair = _mean(np.where(np.isnan(estimate), np.nan, reference), 2)
    usable = np.isfinite(of_pair) & (_mean(of_pair, 2) >= rule.least_reference)[:, :, None]
    return np.divide(_mean(estimate, 2), of_pair, out=np.full(of_pair.shape, np.nan), where=usable)


def _line(name: str, per_seed: Array, shared: NDArray[np.bool_], most: Array) -> pd.DataFrame:
    """The mean over the seeds that share cells (over all, if none do), an interval over those, and how many there are.

    The interval ends at `most` and at 0, since no information is negative, or at the outermost seed past them.
    """
    within = np.fmin(np.fmin.reduce(per_seed, 1), 0), np.fmax(np.fmax.reduce(per_seed, 1), most)
    found = intervals.of_means(np.where(shared, per_seed, np.nan), within=within)
    found["mean"] = np.where(found["seeds"] > 0, found["mean"], _mean(per_seed, 1))
    return intervals.named(name, found.assign(seeds=(~np.isnan(per_seed)).sum(axis=1)))


def _count(of_pair: Array) -> NDArray[np.int64]:
    """How many pairs have a value, shape (rows,)."""
    return (~np.isnan(of_pair)).any(axis=2).sum(axis=1)


@contextmanager
def _nothing_is_nan() -> Iterator[None]:
    """A mean or median of nothing is NaN, which is meant."""
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        yield


@_nothing_is_nan()
def _mean(values: Array, axis: int) -> Array:
    """Mean along an axis of what is there. Infinite values stay."""
    return np.nanmean(values, axis=axis)


@_nothing_is_nan()
def median(values: Array) -> Array:
    """Median over pairs, axis 1, of what is there."""
    return np.nanmedian(values, axis=1)
