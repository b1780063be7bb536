"""Intervals: from one number a seed to an interval on their mean, or on a difference.

The seed is the unit of statistics: fits of one seed share network, batches and noise. An interval is cut to what its
number can be, since with two or three seeds Student's t passes any bound. (On a logit scale it would not, but of skewed
seeds in the ranges that occur here it covers the mean no more often: three of Beta(1, 9), 91 % against 90 %.)
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

BOOTSTRAP_FROM = 10
"""Seeds from which the bootstrap is used; with fewer its intervals are too narrow."""

_BOOTSTRAP_BATCH = 500
"""Resamples at a time."""

_ROUNDING = 1e-12
"""Seeds that differ by a smaller share than this are equal."""


class Interval(NamedTuple):
    """A mean over seeds with its interval; `low` and `high` are NaN where none is possible."""

    mean: float
    low: float
    high: float
    seeds: int


def of_mean(per_seed: ArrayLike, confidence: float = 0.95, within: tuple[float, float] = (-np.inf, np.inf)) -> Interval:
    """Interval on the mean of one value a seed: Student's t below 10 seeds, BCa bootstrap from there.

    Seeds whose value is NaN (nothing to average) are left out, and not counted. The interval is cut to `within`, the
    least and the most that the mean can be.

    >>> of_mean([1.0, 2.0, 3.0])
    Interval(mean=2.0, low=-0.484..., high=4.484..., seeds=3)
    >>> of_mean([1.0])
    Interval(mean=1.0, low=nan, high=nan, seeds=1)
    """
    return _only(of_means(np.asarray(per_seed, float)[None], confidence, within))


def of_share(per_seed: ArrayLike, confidence: float = 0.95) -> Interval:
    """As `of_mean`, for shares: the interval is cut to [0, 1].

    If all seeds agree on 0 or on 1, their spread says nothing; then it is Wilson's interval for the count of
    seeds.

    >>> of_share([1.0, 1.0, 1.0])
    Interval(mean=1.0, low=0.43..., high=1.0, seeds=3)
    """
    return _only(of_shares(np.asarray(per_seed, float)[None], confidence))


def of_paired_difference(
    first: ArrayLike, second: ArrayLike, confidence: float = 0.95, within: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """Interval on the mean of second - first, each pair of values of one seed, cut to `within`.

    Seeds share the network and its truths, so a pair differs by what the settings do.

    >>> of_paired_difference([1.0, 2.0, 3.0], [2.0, 3.1, 4.2])
    Interval(mean=1.1..., low=0.851..., high=1.348..., seeds=3)
    """
    return of_mean(np.asarray(second, float) - np.asarray(first, float), confidence, within)


def of_difference(
    first: ArrayLike, second: ArrayLike, confidence: float = 0.95, within: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """Interval on the difference of two means, second - first, of unrelated seeds: Welch's t, cut to `within`.

    `seeds` is the smaller number of seeds; with one seed on a side there is no interval.

    >>> of_difference([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    Interval(mean=1.0, low=-1.266..., high=3.266..., seeds=3)
    """
    from scipy import stats

    a, b = (np.asarray(values, float) for values in (first, second))
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    seeds = min(len(a), len(b))
    if seeds == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(b.mean() - a.mean())
    if seeds == 1 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return Interval(mean, np.nan, np.nan, seeds)
    span = stats.ttest_ind(b, a, equal_var=False).confidence_interval(confidence)
    return Interval(mean, max(float(span.low), within[0]), min(float(span.high), within[1]), seeds)


def of_means(
    per_seed: NDArray[np.float64], confidence: float = 0.95, within: tuple[ArrayLike, ArrayLike] = (-np.inf, np.inf)
) -> pd.DataFrame:
    """`of_mean` of many rows at once.

    Args:
        per_seed: shape (rows, seeds), NaN where a row lacks a seed.
        within: the least and the most that a mean can be, for all rows or one of each a row.

    Returns:
        Columns `mean`, `low`, `high`, `seeds`, one row each.

    >>> of_means(np.array([[1.0, 2.0, 3.0], [4.0, np.nan, np.nan]]))["seeds"].tolist()
    [3, 1]
    >>> of_means(np.empty((1, 0)))["seeds"].tolist()
    [0]
    """
    from scipy import stats  # slower to import than all the rest of the table

    known = ~np.isnan(per_seed)
    seeds = known.sum(axis=1)
    filled = np.where(known, per_seed, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=1) / seeds
        spread = np.where(known, per_seed - mean[:, None], 0.0)
        deviation = np.sqrt((spread**2).sum(axis=1) / (seeds - 1))
        largest = np.abs(filled).max(axis=1, initial=0)
        differ = np.abs(spread).max(axis=1, initial=0) > _ROUNDING * largest
        half = stats.t.ppf((1 + confidence) / 2, seeds - 1) * deviation / np.sqrt(seeds)
    usable = (seeds > 1) & differ  # without spread there is nothing to measure, which is not certainty
    low, high = np.where(usable, mean - half, np.nan), np.where(usable, mean + half, np.nan)
    for count in np.unique(seeds[usable & (seeds >= BOOTSTRAP_FROM)]):
        rows = np.flatnonzero(usable & (seeds == count))
        low[rows], high[rows] = _bootstrap(per_seed[rows][known[rows]].reshape(len(rows), count), confidence)
    return pd.DataFrame({"mean": mean, "low": np.clip(low, *within), "high": np.clip(high, *within), "seeds": seeds})


def _bootstrap(values: NDArray[np.float64], confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """BCa intervals on the mean of every row; all rows share the resampled seeds."""
    from scipy import stats

    def means(indices: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        return values[:, indices].mean(axis=-1)

    drawn = stats.bootstrap(
        (np.arange(values.shape[1]),), means, confidence_level=confidence, batch=_BOOTSTRAP_BATCH, vectorized=True,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return drawn.confidence_interval.low, drawn.confidence_interval.high


def of_shares(per_seed: NDArray[np.float64], confidence: float = 0.95) -> pd.DataFrame:
    """`of_share` of many rows at once; see `of_means`.

    >>> of_shares(np.zeros((1, 3)))[["low", "high"]].round(2).values.tolist()
    [[0.0, 0.56]]
    """
    from scipy import stats

    found = of_means(per_seed, confidence, within=(0, 1))
    agreed = (found["seeds"] > 1) & found["low"].isna() & found["mean"].isin([0, 1])
    for mean, seeds in found.loc[agreed, ["mean", "seeds"]].drop_duplicates().itertuples(index=False):
        same = agreed & (found["mean"] == mean) & (found["seeds"] == seeds)
        wilson = stats.binomtest(int(mean * seeds), int(seeds)).proportion_ci(confidence, method="wilson")
        found.loc[same, ["low", "high"]] = [float(wilson.low), float(wilson.high)]
    return found


def _only(found: pd.DataFrame) -> Interval:
    mean, low, high, seeds = found.iloc[0]
    return Interval(float(mean), float(low), float(high), int(seeds))
