"""Order violations: layers whose information is larger than an earlier layer's (paper, eq. 6 and 7).

For a noiseless network I(X;L1) >= I(X;L2) >= ... and the same for Y. With noise added to each layer at
measurement only, L1 + noise to L2 + noise is no Markov chain, so the truths may violate the order as well: an
estimate's violation is an error only where the truth has none.
"""

import numpy as np
import pandas as pd

from trainables.config import LAYERS
from trainables.verdict import VerdictRule


def violations(fits: pd.DataFrame, column: str, rule: VerdictRule | None = None) -> pd.Series:
    """For every variable of a trial's run and replicate, the share of neighbouring layers in the wrong order.

    A later layer counts as larger if it exceeds the earlier by more than the rule's tolerance between two
    windows of a settled fit (5 %, at least 0.05 nats).

    Args:
        fits: with `key`, `run`, `replicate`, `pair`, and `column` in nats; NaN where there is no value.

    Returns:
        Indexed by key, variable, run, replicate; NaN where no two neighbours have values.
    """
    rule = rule or VerdictRule()
    split = fits.assign(variable=fits["pair"].str[0], layer=fits["pair"].str[2:])
    by_layer = split.pivot(index=["key", "variable", "run", "replicate"], columns="layer", values=column)
    by_layer = by_layer.reindex(columns=[layer for layer in LAYERS if layer in by_layer])
    earlier, later = by_layer.to_numpy()[:, :-1], by_layer.to_numpy()[:, 1:]
    excess = later - earlier - np.maximum(rule.settled_floor, rule.settled_share * np.abs(earlier))
    known = ~np.isnan(excess)
    with np.errstate(invalid="ignore"):
        share = (excess > 0).sum(axis=1) / known.sum(axis=1)
    return pd.Series(share, index=by_layer.index, name=column)
