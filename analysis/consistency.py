"""Does MINE agree with itself: spreads between seeds and replicates, rank agreement of layers."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import cells, configurations, intervals, levels, stability
from analysis.rendering import OWN_INTERVAL, Column
from analysis.results import Results

COLUMNS = (
    Column("variable"), Column("seeds"), *levels.COLUMNS, *(Column(*one) for one in stability.SPREADS),
    Column("relative_spread_seeds", "spread of seeds /est.", percent=True),
    Column("relative_spread_replicates", "of replicates /est.", percent=True),
    Column("agreement_seeds", "W of seeds"), Column("agreement_replicates", "W of replicates"),
    Column("tau_truth", "tau to truth", parts=OWN_INTERVAL),
)  # fmt: skip


def rows(results: Results) -> pd.DataFrame:
    """One row per configuration and variable, over settled fits.

    `estimate` to `per_optimum` and the spreads as in the stability table; relative spreads as shares of the estimate;
    `agreement_seeds` and `agreement_replicates`: Kendall's W of the layers' order between seeds, and between a seed's
    replicates, averaged over runs; `tau_truth`: Kendall's tau of the layers' order in estimates and truths, per seed.
    W needs two that have all layers settled; tau is empty where all truths are equal.
    """
    fits, made = cells.arrange(results, "variable")
    made["seeds"] = fits.groupby("row")["seed"].nunique()
    made = made.join([levels.table(fits, results.rule), stability.spreads(fits)])
    for kind in ("seeds", "replicates"):
        made[f"relative_spread_{kind}"] = made[f"spread_{kind}"] / made["estimate"].abs()
    network = ["row", "seed", "run", "key", "replicate"]
    layered = fits.assign(key=fits["key"].cat.codes, layer=fits["pair"].cat.codes).set_index([*network, "layer"])
    values = layered["settled_estimate"]
    made["agreement_replicates"] = kendall_w(values, 3).groupby("row").mean()
    made["agreement_seeds"] = kendall_w(values.groupby(["row", "run", "seed", "layer"]).mean(), 2).groupby("row").mean()
    wide = layered[["settled_estimate", "truth"]].unstack("layer")
    tau = pd.Series(kendall_tau(wide["settled_estimate"].to_numpy(), wide["truth"].to_numpy()), wide.index)
    of_seeds = tau.groupby(["row", "seed"]).mean().unstack()
    made = made.join(intervals.named("tau_truth", intervals.of_means(of_seeds, within=(-1, 1))))
    return made.sort_values([*configurations.shown_columns(results.trials), "variable"])


def kendall_w(values: pd.Series, group: int) -> pd.Series:
    """Kendall's coefficient of concordance between the raters of each group, ties corrected (Kendall 1948).

    Args:
        values: by the levels of its index: the first `group` name the group, the last what is ranked, those between
            the rater; raters with a NaN are left out.

    Returns:
        One per group, 1 where all raters rank alike; NaN with fewer than two raters, or if each ties everything.
    """
    groups, rater = list(range(group)), list(range(values.index.nlevels - 1))
    whole = values.isna().groupby(level=rater).transform("sum") == 0
    of_rater = values[whole].groupby(level=rater)
    ranks = of_rater.rank() - (of_rater.transform("size") + 1) / 2
    between = (ranks.groupby(level=[*groups, -1]).sum() ** 2).groupby(level=groups).sum()
    within = (ranks**2).groupby(level=groups).sum()
    raters = of_rater.size().groupby(level=groups).size()
    return (between / (raters * within)).where((raters > 1) & (within > 0))


def kendall_tau(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kendall's tau-b between the rows of two arrays; NaN where a value of `first` is missing or one side ties all.

    >>> kendall_tau(np.array([[3.0, 2, 1]]), np.array([[9.0, 4, 5]])).round(3).tolist()
    [0.333]

    Args:
        second: NaN where there is nothing to compare.
    """
    one, other = np.triu_indices(first.shape[1], 1)
    a, b = np.sign(first[:, one] - first[:, other]), np.sign(second[:, one] - second[:, other])
    a, b = np.where(np.isnan(b), 0, a), np.nan_to_num(b)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = [
        "Over settled fits, values in nats, intervals 95 % over seeds, n seeds. spread: standard deviation between "
        "seeds, and between the replicates of a seed, run and pair. W: Kendall's coefficient of the layers' order "
        "between seeds, and between a seed's replicates (1: all alike). tau: Kendall's rank correlation of the "
        "layers' order in estimates with the truths' (1: the same, -1: reversed); empty where all truths are equal.",
        levels.NOTE,
    ]
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("With one seed there is no interval and no spread or agreement between seeds.")
    return lines
