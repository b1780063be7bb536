"""What a search over settings minimises, the analysis ranks by, and a sweep shows. A leaf beside the verdict."""

from typing import Any

import numpy as np

from trainables.verdict import OUTCOMES, VerdictRule, outcome


def instability(fits: Any, rule: VerdictRule | None = None) -> float:
    """Share of fits that did not settle, from 0 to 1; an objective that a search minimises.

    Args:
        fits: columns of the estimates table, as for `outcome`.
    """
    return float((outcome(fits, rule) != "settled").mean())


def distance_to_truth(fits: Any, rule: VerdictRule | None = None) -> float:
    """Mean of min(1, |estimate - truth| / truth) over fits, from 0 to 1; an objective that a search minimises.

    A fit counts 1 if it exploded, collapsed or is stuck, if it has no estimate, or if its truth is below
    `least_reference` or below `least_retained` of the truth without noise: otherwise noise would buy a low distance by
    destroying the information. Always finite, since a search cannot use anything else.

    Args:
        fits: columns of the estimates table: those of `outcome`, `truth` and `truth_without_noise` (nats), each of
            shape (fits,).
    """
    rule = rule or VerdictRule()
    estimate, truth, noiseless = (np.asarray(fits[n], float) for n in ("estimate", "truth", "truth_without_noise"))
    lost = np.isin(outcome(fits, rule), OUTCOMES[:3]) | ~np.isfinite(estimate)
    lost |= (truth < rule.least_reference) | (truth < rule.least_retained * noiseless)
    distance = np.abs(estimate - truth) / np.where(lost, 1, truth)
    return float(np.where(lost, 1, np.minimum(1, distance)).mean())


def retained_information(fits: Any) -> float:
    """Mean of truth / ceiling over fits, from 0 to 1; what a search over two objectives keeps high.

    Args:
        fits: columns of the estimates table: `truth` and `ceiling` (nats), each of shape (fits,).
    """
    return float((np.asarray(fits["truth"], float) / np.asarray(fits["ceiling"], float)).mean())


def estimate_by_truth(fits: Any, rule: VerdictRule | None = None) -> Any:
    """Median over pairs of estimate / truth in each trial's last run, a pandas Series by key.

    A pair's estimate is the mean over replicates that did not explode. A pair without one, or whose truth is below
    `least_reference`, does not count; a trial without such pairs is left out.

    Args:
        fits: a DataFrame of the estimates table: the columns of `outcome`, `key`, `run` and `pair`.
    """
    usable = (outcome(fits, rule) != "exploded") & (fits["truth"] >= (rule or VerdictRule()).least_reference)
    usable &= fits["run"] == fits.groupby("key")["run"].transform("max")
    pairs = fits[usable].groupby(["key", "pair"])[["estimate", "truth"]].mean()
    return (pairs["estimate"] / pairs["truth"]).groupby("key").median()
