"""Configurations as people read them: which settings tell trials apart, in words; layers and pairs in order."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from trainables import settings
from trainables.settings import DECIDE_USE, TrialConfig, fields, replace, unused_fields
from trainables.subjects.datasets import DATASETS
from trainables.subjects.networks import described

SIZES = ("network.train_samples", "mine.samples")
"""Fields that may be unset, and are then the size of the training set."""

TRAINING_SAMPLES = {name: described.train for name, described in DATASETS.items()}
"""Size of each data set's training set."""

ALWAYS_SHOWN = ("mine.architecture", "mine.noise_std", "mine.hidden_units")
"""Settings that every table of configurations has."""


def layers(trials: pd.DataFrame) -> list[str]:
    """All layers of the networks that trials study, in their order, whichever of them the trials probed."""
    studied = trials[["network.name", "network.layers"]].drop_duplicates().itertuples(index=False)
    return merged(list(described(name, tuple(filter(None, layers.split(", ")))).layers) for name, layers in studied)


def pairs(trials: pd.DataFrame) -> list[str]:
    """The pairs of `layers`, those of X first."""
    return [f"{variable};{layer}" for variable in "XY" for layer in layers(trials)]


def merged(orders: Iterable[Sequence[str]]) -> list[str]:
    """One order of all names; a new one goes before the next name that was there already.

    >>> merged([["conv", "fc", "out"], ["tanh1", "tanh2", "out"]])
    ['conv', 'fc', 'tanh1', 'tanh2', 'out']
    """
    found: list[str] = []
    for order in orders:
        place = len(found)
        for name in reversed(order):
            if name in found:
                place = found.index(name)
            else:
                found.insert(place, name)
    return found


def configuration_columns(trials: pd.DataFrame) -> list[str]:
    """The columns that hold the configuration without the seed."""
    return [path for path in fields() if path not in ("seed", "network.source", "data.source") and path in trials]


def varied_columns(trials: pd.DataFrame) -> list[str]:
    """The configuration columns that differ between trials, each among the trials whose numbers it can change."""
    known = [path for path in DECIDE_USE if path in trials]
    values: dict[str, set[str]] = {path: set() for path in configuration_columns(trials)}
    for group, rows in trials.groupby(known, dropna=False) if known else [((), trials)]:
        unused = unused_fields(replace(TrialConfig(), dict(zip(known, group, strict=True))))
        for path in values.keys() - set(unused):
            values[path] |= set(rows[path].astype(str).unique())
    return [path for path, found in values.items() if len(found) > 1]


def telling_columns(trials: pd.DataFrame) -> list[str]:
    """`varied_columns` without those that change together with an earlier one, which tells as much."""
    varied = varied_columns(trials)
    told = {tuple(pd.factorize(trials[path].astype(str))[0]): path for path in reversed(varied)}
    return [path for path in varied if path in told.values()]


def shown_columns(trials: pd.DataFrame) -> list[str]:
    """The settings in a table of configurations: those that tell rows apart, and `ALWAYS_SHOWN`."""
    varied = varied_columns(trials)
    return [path for path in configuration_columns(trials) if path in varied or path in ALWAYS_SHOWN]


def in_words(row: Any, paths: Sequence[str]) -> str:
    """Some settings of a row of trials or of a table."""
    return settings.in_words({path: row[path] for path in paths})


def label(trials: pd.DataFrame, key: str, without: Sequence[str] = ()) -> str:
    """A trial's configuration in words: the settings that the study varies and that the trial uses."""
    known = {path: trials.loc[[key], path].tolist()[0] for path in DECIDE_USE}
    hidden = (*without, *unused_fields(replace(TrialConfig(), known)))
    varied = [path for path in telling_columns(trials) if path not in hidden]
    return in_words(trials.loc[key], varied or ALWAYS_SHOWN)
