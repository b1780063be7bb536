"""Order of the layers: which neighbours are in the wrong order, and how often (paper, eq. 6 and 7).

For a noiseless network I(X;L1) >= I(X;L2) >= ... and the same for Y. With noise added to each layer at
measurement only, L1 + noise to L2 + noise is no Markov chain, so the truths may violate the order as well: an
estimate's violation is an error only where the truth has none.
"""

import numpy as np
import pandas as pd

from analysis import cells, configurations, intervals
from analysis.rendering import OWN_INTERVAL, Column
from analysis.results import Results
from trainables.verdict import VerdictRule

COLUMNS = (
    Column("variable"), Column("layers"), Column("compared"), Column("violated", percent=True, parts=OWN_INTERVAL),
    Column("tied", percent=True), Column("violated_truth", "in the truths", percent=True),
    Column("wrongly", percent=True),
)  # fmt: skip

_NETWORK = ["row", "seed", "key", "run", "replicate"]
"""What names the fits of one variable that are made beside each other: their order is compared."""


def neighbours(fits: pd.DataFrame, rule: VerdictRule) -> pd.DataFrame:
    """Every layer of a network that was probed, beside the one that was probed before it.

    A later layer counts as larger if it exceeds the earlier by more than the rule's tolerance between levels (5 %, at
    least 0.05 nats), and as tied if neither is larger.

    Args:
        fits: as `cells.arrange` returns them.

    Returns:
        `_NETWORK`; the two `layers`, categories in the networks' order; `violated` and `tied` of the settled estimates
        and `violated_truth`: 1, 0, or NaN where a value is missing.
    """
    texts = fits["pair"].cat.categories
    order = configurations.merged([text[2:] for text in texts if text[0] == variable] for variable in "XY")
    place = np.array([order.index(text[2:]) for text in texts], dtype=int)
    known = fits[[*_NETWORK, "settled_estimate", "truth"]].assign(
        key=fits["key"].cat.codes, layer=place[fits["pair"].cat.codes]
    )
    later = known.sort_values([*_NETWORK, "layer"])
    earlier = later.shift()
    same = (later[_NETWORK] == earlier[_NETWORK]).all(axis=1)
    later, earlier = later[same], earlier[same]
    found = later[_NETWORK].copy()
    names = [f"{one}, {other}" for one in order for other in order]
    codes = earlier["layer"].astype(int) * len(order) + later["layer"]
    found["layers"] = pd.Categorical.from_codes(codes, names)  # type: ignore[call-overload]
    for column, violated, tied in (("settled_estimate", "violated", "tied"), ("truth", "violated_truth", None)):
        rise = later[column] - earlier[column]
        tolerance = np.maximum(rule.near_floor, rule.near_share * earlier[column].abs())
        found[violated] = (rise > tolerance).astype(float).where(rise.notna())
        if tied:
            found[tied] = (rise.abs() <= tolerance).astype(float).where(rise.notna())
    return found


def disorder(fits: pd.DataFrame, rule: VerdictRule) -> pd.DataFrame:
    """Shares of neighbours in the wrong order, `disorder` and `disorder_truth`, one line per row.

    Averaged over the neighbours, then over runs and replicates within a seed, then over seeds.
    """
    of_network = neighbours(fits, rule).groupby(_NETWORK)[["violated", "violated_truth"]].mean()
    shares = of_network.groupby(["row", "seed"]).mean().groupby("row").mean()
    return shares.rename(columns={"violated": "disorder", "violated_truth": "disorder_truth"})


def rows(results: Results) -> pd.DataFrame:
    """One row per configuration, variable and two neighbouring layers.

    `violated`: share of runs and replicates in which the later layer's settled estimate is larger, of `compared` fits;
    `violated_truth`: the same of the truths; `wrongly`: share of those compared in which the estimates violate the
    order and the truths do not. Means within a seed, then over seeds.
    """
    fits, made = cells.arrange(results, "variable")
    found = neighbours(fits, results.rule)
    wrongly = ((found["violated"] == 1) & (found["violated_truth"] == 0)).astype(float)
    found["wrongly"] = wrongly.where(found["violated"].notna() & found["violated_truth"].notna())
    place = ["row", "layers"]
    per_seed = found.groupby([*place, "seed"], observed=True)[["violated", "tied", "violated_truth", "wrongly"]].mean()
    lines = per_seed.drop(columns="violated").groupby(place, observed=True).mean()
    lines["compared"] = found.groupby(place, observed=True)["violated"].count()
    lines = lines.join(intervals.named("violated", intervals.of_shares(per_seed["violated"].unstack())))
    lines = lines.reset_index("layers").astype({"layers": str}).join(made)
    return lines.sort_values([*configurations.shown_columns(results.trials), "variable"], kind="stable")


def notes(results: Results, rows: pd.DataFrame) -> list[str]:
    """What a reader must know of the table."""
    lines = [
        "violated: how often the later layer's estimate is the larger one, which noiseless layers forbid, by more than "
        f"{100 * results.rule.near_share:g} % and {results.rule.near_floor:g} nats; tied: how often they are no "
        "further apart. Settled fits, intervals 95 % over seeds, n seeds; compared: fits whose both layers settled. "
        "Noise is added to each layer alone, so the truths need not keep the order either; wrongly: violated by the "
        "estimates and not by the truths."
    ]
    if len(rows) and (rows["compared"] == 0).any():
        lines.append("Rows with 0 compared have no run in which both layers settled.")
    if not len(rows):
        lines.append("No two layers were estimated.")
    return lines
