"""What noise leaves of a layer's information, and what the number of rows decides of it."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from trainables.estimators import given
from trainables.estimators.arrays import truths


def noise_levels(
    activations: Mapping[str, Any], y: Any, noise_std: Sequence[float], shares: Sequence[float] = (1, 0.5, 0.25)
) -> pd.DataFrame:
    """What each level of noise leaves of the truth, layer by layer, and whether it still depends on the rows' number.

    Args:
        activations: by layer, each (N, ...).
        y: labels, (N,); None: there are no Y columns.
        noise_std: levels, in the unit of the activations.
        shares: of the rows, the first ones, for which truths are computed.

    Returns:
        One row per layer, noise and number of rows: `truth_x` and `truth_y` in nats, the layer's standard deviation,
        and `ln_rows`, above which no truth of X can be. A truth of X near `ln_rows` says only how many rows there are.
    """
    rows = []
    known = given.read(None, y, activations)
    for share, std in itertools.product(shares, noise_std):
        count = max(2, round(share * len(known)))
        some = {layer: one.values[:count] for layer, one in known.layers.items()}
        for layer, one in truths(None if y is None else known.labels[:count], some, std).items():  # type: ignore[index]
            spread = float(np.std(some[layer]))
            found = {"layer": layer, "layer_std": spread, "noise_std": std, "rows": count, "ln_rows": np.log(count)}
            rows.append({**found, "truth_x": one.x, **({} if y is None else {"truth_y": one.y})})
    return pd.DataFrame(rows)
