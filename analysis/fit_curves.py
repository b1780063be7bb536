"""One pass over all curves: when each fit came near its final level, and some whole curves to draw."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.results import COMMITTED, FIT, Results
from trainables import verdict
from trainables.verdict import OUTCOMES, VerdictRule

MOST = 20_000
"""Curves that are kept to be drawn, about; of a larger study a part of each configuration and pair."""


class Curves(NamedTuple):
    """What was read of the curves.

    Attributes:
        converged: the fits that have curves, with `variable`, `level` (the estimate of a settled fit that left 0:
            others have no level to come near to) and `converged_at`, the epoch from which on it stayed near.
        drawn: some of the fits, with `configuration` and their `curve`, an array of bounds in nats per MINE epoch.
    """

    converged: pd.DataFrame
    drawn: pd.DataFrame


def collect(results: Results) -> Curves:
    """Read all curves once."""
    level = results.judged["settled_estimate"]
    known = results.judged[[*FIT, "variable"]].assign(level=level.where(level.abs() >= COMMITTED.near_floor))
    known = known.astype({"key": str, "pair": str})
    chosen = sample(results, MOST)
    chosen = chosen.astype({"key": str, "pair": str})
    converged = [pd.DataFrame(columns=[*FIT, "converged_at"])]
    drawn = [pd.DataFrame(columns=[*FIT, "curve"])]
    for fits, bound in results.curve_arrays():
        final = fits.merge(known[[*FIT, "level"]], on=FIT, how="left")["level"]
        converged.append(fits.assign(converged_at=epochs(bound, final.to_numpy(float), results.rule)))
        places = fits.reset_index(drop=True).reset_index().merge(chosen[FIT], on=FIT)["index"]
        drawn.append(fits.iloc[places].assign(curve=list(bound[places])))
    return Curves(known.merge(pd.concat(converged), on=FIT), pd.concat(drawn).merge(chosen, on=FIT))


def epochs(bound: NDArray[np.float64], final: NDArray[np.float64], rule: VerdictRule = COMMITTED) -> NDArray:
    """The first epoch from which on a curve stays near its final level.

    The mean over the window that begins at the epoch, and every later one, is within the rule's tolerance
    between two levels (5 %, at least 0.05 nats) of the final level. A fit that begins at its level has 1.

    >>> bound = np.concatenate([np.linspace(0, 2, 20), np.full(20, 2.0)])
    >>> epochs(bound[None], np.array([2.0])).tolist()
    [18.0]

    Args:
        bound: in nats, shape (fits, epochs).
        final: the final level (the estimate), shape (fits,).

    Returns:
        Shape (fits,), from 1; NaN where the final level is NaN or there is no window.
    """
    means = verdict.running_means(bound, verdict.window(bound.shape[1]))
    if means.shape[1] == 0:
        return np.full(len(bound), np.nan)
    allowed = np.maximum(rule.near_floor, rule.near_share * np.abs(final))
    far = ~(np.abs(means - final[:, None]) <= allowed[:, None])
    last_far = np.where(far.any(axis=1), means.shape[1] - far[:, ::-1].argmax(axis=1), 0)
    return np.where(np.isnan(final) | (last_far == means.shape[1]), np.nan, last_far + 1.0)


def sample(results: Results, most: int) -> pd.DataFrame:
    """About `most` judged fits at most, with `configuration`: of every configuration and pair some of each outcome.

    The fits of a configuration and pair are ordered by outcome and estimate, and taken at even distances, so each
    outcome is there in its share, a rare explosion at the end of the order always.
    """
    judged = results.judged
    configuration = results.trials["configuration"].reindex(judged["key"].cat.categories).to_numpy(object)
    order = judged["outcome"].cat.codes.rsub(len(OUTCOMES))  # exploded last
    fits = judged.assign(configuration=configuration[judged["key"].cat.codes], order=order)
    fits = fits.sort_values(["configuration", "pair", "order", "estimate"], kind="stable")
    cell = fits.groupby(["configuration", "pair"], observed=True, sort=False)
    size, place = cell["run"].transform("size"), cell.cumcount()
    each = max(4, most // max(1, cell.ngroups))
    # Taken where the n-th of `each` even steps ends: the last of the order always is.
    taken = (size <= each) | ((place + 1) * each // size > place * each // size)
    return fits[taken].drop(columns="order")
