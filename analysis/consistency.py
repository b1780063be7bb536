"""Does MINE agree with itself: spreads between seeds and replicates, rank agreement of layers."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import configurations, intervals, judging, levels, order, stability
from trainables.verdict import VerdictRule


def table(trials: pd.DataFrame, estimates: pd.DataFrame, rule: VerdictRule | None = None) -> pd.DataFrame:
    """One row per configuration and variable, over settled fits.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> rows = table(frames.trials(source), judging.fits(source))
    >>> bool(rows["agreement_seeds"].dropna().between(0, 1).all())
    True

    Returns:
        Configuration columns, `variable`, `seeds`; `estimate`, `truth`, `optimum` and `per_truth` as in the stability
        table; `spread_seeds` and `spread_replicates` in nats; `relative_spread_seeds` and
        `relative_spread_replicates`, as shares of the estimate; `agreement_seeds` and `agreement_replicates`: Kendall's
        W of the layers' order between seeds,
        and between a seed's replicates, averaged over runs; `tau_truth`: Kendall's tau of the layers' order in
        estimates and truths, per seed, with its interval and n. W needs two that have all layers settled; tau is
        empty where all truths are equal.
    """
    rule = rule or VerdictRule()
    shown = configurations.shown_columns(trials)
    columns = [
        *shown, "variable", "seeds", *levels.COLUMNS, "spread_seeds", "spread_replicates",
        "relative_spread_seeds", "relative_spread_replicates", "agreement_seeds", "agreement_replicates",
        "tau_truth", "tau_truth_low", "tau_truth_high", "tau_truth_seeds",
    ]  # fmt: skip
    if estimates.empty:
        return pd.DataFrame(columns=columns)
    judged, made = judging.arrange(trials, judging.judge(estimates, rule), "variable")
    made["seeds"] = judged.groupby("row")["seed"].nunique()
    made = made.join([levels.table(judged, rule), stability.spreads(judged)])
    for kind in ("seeds", "replicates"):
        made[f"relative_spread_{kind}"] = made[f"spread_{kind}"] / made["estimate"].abs()
    layers = order.by_layer(judged, "settled_estimate")
    place = judged[["key", "variable", "row", "seed"]].drop_duplicates(["key", "variable"])
    where = layers.index.to_frame(index=False).merge(place.astype({"key": object}), on=["key", "variable"], how="left")
    values = layers.to_numpy()
    made["agreement_replicates"] = _agreement(values, [where["row"], where["seed"], where["run"]])
    with np.errstate(invalid="ignore"):
        of_seed = layers.groupby([where[name].to_numpy() for name in ("row", "run", "seed")]).mean()
    names = of_seed.index.set_names(["row", "run", "seed"]).to_frame(index=False)
    made["agreement_seeds"] = _agreement(of_seed.to_numpy(), [names["row"], names["run"]])
    of_run = pd.Series(kendall_tau(values, order.by_layer(judged, "truth").to_numpy()))
    per_seed = of_run.groupby([where["row"], where["seed"]]).mean()
    tau = intervals.of_means(judging.by_seed(per_seed), within=(-1, 1))
    made = made.join(judging.named(tau, "tau_truth", seeds=True))
    return made[columns].sort_values([*shown, "variable"], ignore_index=True)


def _agreement(values: NDArray[np.float64], groups: list[pd.Series]) -> pd.Series:
    """Kendall's W within groups, the first of which is the row; its mean over the others."""
    number, present = pd.factorize(pd.MultiIndex.from_arrays(groups))
    agreement = kendall_w(values, number)
    row = present.get_level_values(0)
    return pd.Series(agreement).groupby(np.asarray(row)).mean()


def kendall_w(values: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Kendall's coefficient of concordance between the raters of each group, ties corrected (Kendall 1948).

    >>> kendall_w(np.array([[3.0, 2, 1], [9, 5, 4], [1, 2, 3], [3, 2, 1]]), np.array([0, 0, 1, 1])).tolist()
    [1.0, 0.0]

    Args:
        values: one rater a row, one thing to rank a column; raters with a NaN are left out.
        group: the rater's group, from 0.

    Returns:
        One a group, 1 where all raters rank alike; NaN with fewer than two raters, or if each ties everything.
    """
    from scipy import stats

    groups, things = int(group.max()) + 1, values.shape[1]
    whole = ~np.isnan(values).any(axis=1)
    ranks = stats.rankdata(values[whole], axis=1) if whole.any() else np.empty((0, things))
    member = group[whole]
    raters = np.bincount(member, minlength=groups)
    sums = np.zeros((groups, things))
    np.add.at(sums, member, ranks)
    between = ((sums - sums.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    within = np.bincount(member, ((ranks - (things + 1) / 2) ** 2).sum(axis=1), minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((raters > 1) & (within > 0), between / (raters * within), np.nan)


def kendall_tau(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kendall's tau-b between the rows of two arrays; NaN where a value is missing or one side ties everything.

    >>> kendall_tau(np.array([[3.0, 2, 1]]), np.array([[9.0, 4, 5]])).round(3).tolist()
    [0.333]
    """
    one, other = np.triu_indices(first.shape[1], 1)
    a, b = np.sign(first[:, one] - first[:, other]), np.sign(second[:, one] - second[:, other])
    with np.errstate(invalid="ignore", divide="ignore"):
        return (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))


def notes(trials: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table, in sentences.

    >>> from analysis import frames
    >>> notes(frames.trials("docs/example/results"), pd.DataFrame())[0][:5]
    'Over '
    """
    lines = [
        "Over settled fits, values in nats, intervals 95 % over seeds, n seeds. spread: standard deviation between "
        "seeds, and between the replicates of a seed, run and pair. W: Kendall's coefficient of the layers' order "
        "between seeds, and between a seed's replicates (1: all alike). tau: Kendall's rank correlation of the "
        "layers' order in estimates with the truths' (1: the same, -1: reversed); empty where all truths are equal.",
        levels.NOTE,
    ]
    if len(rows) and (rows["seeds"] == 1).any():
        lines.append("With one seed there is no interval and no spread or agreement between seeds.")
    return lines + stability.failures(trials)
