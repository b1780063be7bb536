"""Trials chosen by field and value, both as people read and write them."""

import difflib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.configurations import SIZES, TRAINING_SAMPLES
from trainables.settings import InputError, fields, setting, short_name


def path_of(name: str, said: str) -> str:
    """A field's path, from the name that tables show, the flag or the path itself.

    >>> path_of("noise_std", ""), path_of("mine.noise-std", ""), path_of("seed", "")
    ('mine.noise_std', 'mine.noise_std', 'seed')

    Args:
        said: beginning of the message: the option and what was given for it.

    Raises:
        InputError: if no field, or more than one, has it; near ones are named.
    """
    text = name.strip().removeprefix("--").replace("-", "_").lower()
    known = {**{short_name(path): path for path in fields()}, **{path: path for path in fields()}}
    if text in known:
        return known[text]
    near = [path for path in fields() if text and text in path] or difflib.get_close_matches(text, known)
    near = list(dict.fromkeys(known.get(one, one) for one in near))
    meant = f"it may be {' or '.join(near)}" if near else "`mine-study sweep --help` lists them"
    raise InputError(f"{said}; {name!r} is no field of the configuration: {meant}.")


def having(trials: pd.DataFrame, where: Sequence[str]) -> pd.DataFrame:
    """The trials that have these values.

    Args:
        where: each FIELD=VALUE, the field and the value as the tables or a sweep's flags give them.

    Raises:
        InputError: if one has another form, names no field of the configuration, or no trial has all of them.
    """
    kept = trials
    for condition in where:
        name, equals, value = (part.strip() for part in condition.partition("="))
        if not equals:
            raise InputError(f"where is {condition!r}; it must be FIELD=VALUE, such as mine.noise_std=0.3.")
        path = path_of(name, f"where is {condition!r}")
        matches = _matches(kept, path, value)
        if not matches.any():
            there = ", ".join(sorted(set(kept[path].map(setting))))
            raise InputError(f"where is {condition!r}; no such trial is here: {path} is {there}.")
        kept = kept[matches]
    return kept


def _matches(trials: pd.DataFrame, path: str, text: str) -> NDArray[np.bool_]:
    """Which trials have the value that a text says: as text, as a number, or of pairs in any order."""
    if path == "mine.pairs":
        wanted = set(text.replace(",", " ").split())
        return trials[path].map(lambda pairs: wanted in (set(pairs.split(", ")), {setting(pairs)})).to_numpy(bool)
    column = trials[path]
    text = "all" if path in SIZES and text == "None" else text
    same = (column.map(setting) == text) | (column.map(str) == text)
    if path in SIZES:  # unset is the whole training set
        column = column.fillna(trials["data.name"].map(TRAINING_SAMPLES))
    number = pd.to_numeric(text, errors="coerce")
    return (same | (pd.to_numeric(column, errors="coerce").astype(float) == number)).to_numpy(bool)
