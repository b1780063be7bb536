"""The table of order violations: which neighbouring layers, how often, and whether the truths do the same."""

import pandas as pd

from analysis import configurations, intervals, judging, order, stability
from trainables.verdict import VerdictRule


def table(trials: pd.DataFrame, estimates: pd.DataFrame, rule: VerdictRule | None = None) -> pd.DataFrame:
    """One row per configuration, variable and two neighbouring layers.

    >>> from analysis import frames
    >>> source = "docs/example/results"
    >>> table(frames.trials(source), judging.fits(source))["layers"].unique().tolist()
    ['maxpool1, maxpool2', 'maxpool2, relu3', 'relu3, sm1']

    Returns:
        Configuration columns, `variable`, `layers`; `violated`: share of runs and replicates in which the later
        layer's settled estimate is larger, with its interval over seeds and n, of `compared` fits; the same of
        the truths: `violated_truth`; `tied`: share in which neither estimate is the larger one; `wrongly`: share of
        those compared in which the estimates violate the order and the truths do not.
    """
    rule = rule or VerdictRule()
    shown = configurations.shown_columns(trials)
    columns = [
        *shown, "variable", "layers", "compared", "violated", "violated_low", "violated_high", "violated_seeds",
        "tied", "violated_truth", "wrongly",
    ]  # fmt: skip
    if estimates.empty:
        return pd.DataFrame(columns=columns)
    judged, made = judging.arrange(trials, judging.judge(estimates, rule), "variable")
    found = order.neighbours(judged, "settled_estimate", rule)
    if found.empty or not len(found.columns):  # one layer alone
        return pd.DataFrame(columns=columns)
    ties = order.ties(judged, "settled_estimate", rule)
    names, truths = [str(name) for name in found], order.neighbours(judged, "truth", rule)
    place = judged[["key", "variable", "row", "seed"]].drop_duplicates(["key", "variable"]).astype({"key": object})
    where = found.index.to_frame(index=False).merge(place, on=["key", "variable"], how="left")
    group = [where["row"], where["seed"]]
    rows = []
    for layers in names:
        estimate, tied, truth = (pd.Series(one[layers].to_numpy()) for one in (found, ties, truths))
        wrongly = ((estimate == 1) & (truth == 0)).astype(float).where(estimate.notna() & truth.notna())
        interval = intervals.of_shares(judging.by_seed(estimate.groupby(group).mean()))
        part = made.join(judging.named(interval, "violated", seeds=True)).assign(
            layers=layers,
            compared=estimate.groupby(where["row"]).count(),
            tied=tied.groupby(group).mean().groupby("row").mean(),
            violated_truth=truth.groupby(group).mean().groupby("row").mean(),
            wrongly=wrongly.groupby(group).mean().groupby("row").mean(),
        )
        rows.append(part[truth.notna().groupby(where["row"]).any().reindex(part.index)])  # of networks that have both
    return pd.concat(rows)[columns].sort_values([*shown, "variable"], kind="stable", ignore_index=True)


def notes(trials: pd.DataFrame, rows: pd.DataFrame, rule: VerdictRule | None = None) -> list[str]:
    """What a reader must know of the table, in sentences.

    >>> from analysis import frames
    >>> notes(frames.trials("docs/example/results"), pd.DataFrame())[0][:9]
    'violated:'
    """
    rule = rule or VerdictRule()
    lines = [
        "violated: how often the later layer's estimate is the larger one, against eq. 6 (Y) and 7 (X), by more than "
        f"{100 * rule.near_share:g} % and {rule.near_floor:g} nats; tied: how often they are no further apart. "
        "Settled fits, intervals 95 % over seeds, n seeds; compared: fits whose both layers settled. Noise is added to "
        "each layer alone, so the truths need not keep the order either; wrongly: violated by the estimates and not by "
        "the truths."
    ]
    if len(rows) and (rows["compared"] == 0).any():
        lines.append("Rows with 0 compared have no run in which both layers settled.")
    if not len(rows):
        lines.append("No two layers were estimated.")
    return lines + stability.failures(trials)
