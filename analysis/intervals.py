"""Intervals: from one number per seed to an interval on their mean, or on a difference of means.

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

CONFIDENCE = 0.95

_BOOTSTRAP_BATCH = 500
"""Resamples at a time."""

_ROUNDING = 1e-12
"""Seeds that differ by a smaller share than this are equal."""

Ends = tuple[ArrayLike, ArrayLike]
"""The least and the most that a number can be, for all rows or one of each per row."""

ANY: Ends = (-np.inf, np.inf)


class Interval(NamedTuple):
    """A mean over seeds with its interval; `low` and `high` are NaN where none is possible."""

    mean: float
    low: float
    high: float
    seeds: int


def of_means(per_seed: pd.DataFrame | ArrayLike, within: Ends = ANY) -> pd.DataFrame:
    """Intervals on the means of rows: Student's t below 10 seeds, BCa bootstrap from there.

    >>> of_means([[1.0, 2.0, 3.0], [4.0, np.nan, np.nan]])["seeds"].tolist()
    [3, 1]

    Args:
        per_seed: shape (rows, seeds); NaN where a row lacks a seed, or has nothing to average: it is not counted.
        within: to which intervals are cut.

    Returns:
        `mean`, `low`, `high`, `seeds`, with the index of `per_seed`; no interval of one seed or of equal seeds.
    """
    from scipy import stats  # slower to import than all the rest of a table

    values = np.asarray(per_seed, float)
    known = ~np.isnan(values)
    seeds = known.sum(axis=1)
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=1) / seeds
        spread = np.where(known, values - mean[:, None], 0.0)
        deviation = np.sqrt((spread**2).sum(axis=1) / (seeds - 1))
        largest = np.abs(filled).max(axis=1, initial=0)
        differ = np.abs(spread).max(axis=1, initial=0) > _ROUNDING * largest
        half = stats.t.ppf((1 + CONFIDENCE) / 2, seeds - 1) * deviation / np.sqrt(seeds)
    usable = (seeds > 1) & differ  # without spread there is nothing to measure, which is not certainty
    low, high = np.where(usable, mean - half, np.nan), np.where(usable, mean + half, np.nan)
    for count in np.unique(seeds[usable & (seeds >= BOOTSTRAP_FROM)]):
        rows = np.flatnonzero(usable & (seeds == count))
        low[rows], high[rows] = _bootstrap(values[rows][known[rows]].reshape(len(rows), count))
    found = {"mean": mean, "low": np.clip(low, *within), "high": np.clip(high, *within), "seeds": seeds}
    return pd.DataFrame(found, index=per_seed.index if isinstance(per_seed, pd.DataFrame) else None)


def _bootstrap(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """BCa intervals on the mean of every row; all rows share the resampled seeds."""
    from scipy import stats

    def means(indices: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        return values[:, indices].mean(axis=-1)

    drawn = stats.bootstrap(
        (np.arange(values.shape[1]),), means, confidence_level=CONFIDENCE, batch=_BOOTSTRAP_BATCH, vectorized=True,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return drawn.confidence_interval.low, drawn.confidence_interval.high


def of_shares(per_seed: pd.DataFrame | ArrayLike) -> pd.DataFrame:
    """As `of_means`, for shares, cut to [0, 1].

    If all seeds agree on 0 or on 1, their spread says nothing; then it is Wilson's interval for the count of
    seeds.

    >>> of_shares(np.zeros((1, 3)))[["low", "high"]].round(2).values.tolist()
    [[0.0, 0.56]]
    """
    from scipy import stats

    found = of_means(per_seed, within=(0, 1))
    agreed = (found["seeds"] > 1) & found["low"].isna() & found["mean"].isin([0, 1])
    for mean, seeds in found.loc[agreed, ["mean", "seeds"]].drop_duplicates().itertuples(index=False):
        same = agreed & (found["mean"] == mean) & (found["seeds"] == seeds)
        wilson = stats.binomtest(int(mean * seeds), int(seeds)).proportion_ci(CONFIDENCE, method="wilson")
        found.loc[same, ["low", "high"]] = [float(wilson.low), float(wilson.high)]
    return found


def of_share(per_seed: ArrayLike) -> Interval:
    """`of_shares` of one row."""
    mean, low, high, seeds = of_shares(np.asarray(per_seed, float)[None]).iloc[0]
    return Interval(float(mean), float(low), float(high), int(seeds))


def of_differences(first: pd.DataFrame, second: pd.DataFrame, within: Ends = ANY) -> pd.DataFrame:
    """Intervals on second - first, as `of_means`, where the seeds of a row are unrelated: Welch's t.

    `seeds` is the smaller number of seeds; with one seed on a side there is no interval.
    """
    from scipy import stats

    found = []
    for a, b in zip(first.to_numpy(float), second.to_numpy(float), strict=True):
        a, b = a[~np.isnan(a)], b[~np.isnan(b)]
        seeds = min(len(a), len(b))
        mean, low, high = b.mean() - a.mean() if seeds else np.nan, np.nan, np.nan
        if seeds > 1 and (np.ptp(a) or np.ptp(b)):
            low, high = stats.ttest_ind(b, a, equal_var=False).confidence_interval(CONFIDENCE)
        found.append((mean, low, high, seeds))
    made = pd.DataFrame(found, columns=["mean", "low", "high", "seeds"], index=first.index)
    return made.assign(low=np.clip(made["low"], *within), high=np.clip(made["high"], *within))


def named(name: str, found: pd.DataFrame) -> pd.DataFrame:
    """Intervals under a name: `name`, `name_low`, `name_high`, `name_seeds`."""
    return found.rename(columns={"mean": name, "low": f"{name}_low", "high": f"{name}_high", "seeds": f"{name}_seeds"})
