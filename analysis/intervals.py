"""Intervals: from one number a seed to an interval on their mean.

The seed is the unit of statistics: fits of one seed share LeNet-5, batches and noise.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

BOOTSTRAP_FROM = 10
"""Seeds from which the bootstrap is used; with fewer its intervals are too narrow."""


class Interval(NamedTuple):
    """A mean over seeds with its interval; `low` and `high` are NaN where none is possible."""

    mean: float
    low: float
    high: float
    seeds: int


def of_mean(per_seed: ArrayLike, confidence: float = 0.95) -> Interval:
    """Interval on the mean of one value a seed: Student's t below 10 seeds, BCa bootstrap from there.

    Seeds whose value is NaN (nothing to average) are left out, and not counted.

    >>> of_mean([1.0, 2.0, 3.0])
    Interval(mean=2.0, low=-0.484..., high=4.484..., seeds=3)
    >>> of_mean([1.0])
    Interval(mean=1.0, low=nan, high=nan, seeds=1)
    """
    from scipy import stats  # slower to import than all the rest of the table

    values = np.asarray(per_seed, dtype=float)
    values = values[~np.isnan(values)]
    seeds = len(values)
    if seeds == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(values.mean())
    if seeds == 1:
        return Interval(mean, np.nan, np.nan, 1)
    if np.ptp(values) == 0:  # no spread to measure, which is not certainty
        return Interval(mean, np.nan, np.nan, seeds)
    if seeds < BOOTSTRAP_FROM:
        half = float(stats.t.ppf((1 + confidence) / 2, seeds - 1) * values.std(ddof=1) / np.sqrt(seeds))
        return Interval(mean, mean - half, mean + half, seeds)
    drawn = stats.bootstrap((values,), np.mean, confidence_level=confidence, rng=np.random.default_rng(0))
    return Interval(mean, float(drawn.confidence_interval.low), float(drawn.confidence_interval.high), seeds)


def of_share(per_seed: ArrayLike, confidence: float = 0.95) -> Interval:
    """As `of_mean`, for shares: the interval is cut to [0, 1].

    If all seeds agree on 0 or on 1, their spread says nothing; then it is Wilson's interval for the count of
    seeds.

    >>> of_share([1.0, 1.0, 1.0])
    Interval(mean=1.0, low=0.43..., high=1.0, seeds=3)
    """
    from scipy import stats

    found = of_mean(per_seed, confidence)
    if found.seeds > 1 and np.isnan(found.low) and found.mean in (0, 1):
        count = int(found.mean) * found.seeds
        wilson = stats.binomtest(count, found.seeds).proportion_ci(confidence, method="wilson")
        return found._replace(low=float(wilson.low), high=float(wilson.high))
    return found._replace(low=float(np.clip(found.low, 0, 1)), high=float(np.clip(found.high, 0, 1)))
