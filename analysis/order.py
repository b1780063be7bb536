"""Order violations: layers whose information is larger than an earlier layer's (paper, eq. 6 and 7).

For a noiseless network I(X;L1) >= I(X;L2) >= ... and the same for Y. With noise added to each layer at
measurement only, L1 + noise to L2 + noise is no Markov chain, so the truths may violate the order as well: an
estimate's violation is an error only where the truth has none.
"""

import itertools

import numpy as np
import pandas as pd

from analysis.configurations import merged
from trainables.verdict import VerdictRule

_GROUP = ["key", "variable", "run", "replicate"]


def by_layer(fits: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column a layer, in the network's order; indexed by key, variable, run, replicate.

    >>> from analysis import frames
    >>> list(by_layer(frames.estimates("docs/example/results"), "truth"))
    ['maxpool1', 'maxpool2', 'relu3', 'sm1']

    Args:
        fits: with `key`, `run`, `replicate`, `pair`, and `column` in nats; NaN where there is no value.
    """
    pair = fits["pair"].astype("category")
    texts = pair.cat.categories
    names = merged([text[2:] for text in texts if text[0] == variable] for variable in "XY")
    layer = np.array([names.index(text[2:]) for text in texts], dtype=int)[pair.cat.codes]
    group = pd.DataFrame(
        {
            "key": fits["key"],
            "variable": np.array([text[0] for text in texts], dtype=object)[pair.cat.codes],
            "run": fits["run"],
            "replicate": fits["replicate"],
        }
    )
    number = group.groupby(_GROUP, sort=False, observed=True).ngroup().to_numpy()
    first = ~pd.Series(number).duplicated().to_numpy()
    values = np.full((first.sum(), len(names)), np.nan)
    values[number, layer] = fits[column].to_numpy(float)
    there = np.unique(layer)
    found = pd.MultiIndex.from_frame(group[first].astype({"key": object}))
    return pd.DataFrame(values[:, there], index=found, columns=[names[index] for index in there])


def neighbours(fits: pd.DataFrame, column: str, rule: VerdictRule | None = None) -> pd.DataFrame:
    """For every variable of a trial's run and replicate, whether each layer is larger than the one before.

    A later layer counts as larger if it exceeds the earlier by more than the rule's tolerance between two
    windows of a settled fit (5 %, at least 0.05 nats).

    >>> from analysis import frames
    >>> list(neighbours(frames.estimates("docs/example/results"), "truth"))
    ['maxpool1, maxpool2', 'maxpool2, relu3', 'relu3, sm1']

    Returns:
        One column of 1, 0 or NaN (a value is missing) for two neighbours.
    """
    rise, tolerance = _rises(fits, column, rule)
    return (rise > tolerance).astype(float).where(rise.notna())


def ties(fits: pd.DataFrame, column: str, rule: VerdictRule | None = None) -> pd.DataFrame:
    """As `neighbours`, whether two layers are no further apart than the tolerance.

    >>> from analysis import frames
    >>> fits = frames.estimates("docs/example/results")
    >>> bool((ties(fits, "truth") + neighbours(fits, "truth")).max().max() == 1)
    True
    """
    rise, tolerance = _rises(fits, column, rule)
    return (rise.abs() <= tolerance).astype(float).where(rise.notna())


def _rises(fits: pd.DataFrame, column: str, rule: VerdictRule | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every layer less the one before, and the tolerance."""
    rule = rule or VerdictRule()
    layers, probed = by_layer(fits, column), by_layer(fits.assign(probed=1.0), "probed").notna().to_numpy()
    rises: dict[str, pd.Series] = {}
    allowed: dict[str, pd.Series] = {}
    # A layer's neighbour is the next one that its own trial probed: trials may be of different networks.
    for pattern in np.unique(probed, axis=0):
        rows, own = (probed == pattern).all(axis=1), layers.columns[pattern]
        for one, other in itertools.pairwise(own):
            earlier, later = layers[one].where(rows), layers[other].where(rows)
            tolerance = np.maximum(rule.near_floor, rule.near_share * earlier.abs())
            name = f"{one}, {other}"
            rises[name] = (later - earlier).combine_first(rises.get(name, later - earlier))
            allowed[name] = tolerance.combine_first(allowed.get(name, tolerance))
    order = [f"{one}, {other}" for one, other in itertools.combinations(layers.columns, 2)]
    names = [name for name in order if name in rises]
    rise, tolerated = (pd.DataFrame(found, index=layers.index, columns=names) for found in (rises, allowed))
    return rise, tolerated


def violations(fits: pd.DataFrame, column: str, rule: VerdictRule | None = None) -> pd.Series:
    """For every variable of a trial's run and replicate, the share of neighbouring layers in the wrong order.

    >>> from analysis import frames
    >>> bool(violations(frames.estimates("docs/example/results"), "truth").between(0, 1).all())
    True

    Returns:
        Indexed by key, variable, run, replicate; NaN where no two neighbours have values.
    """
    return neighbours(fits, column, rule).mean(axis=1).rename(column)
