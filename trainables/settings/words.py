"""Configurations in words, as people read them on a terminal, in a table or under a curve."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainables.settings.keys import unused_fields
from trainables.settings.paths import fields, flatten, short_name
from trainables.settings.trial_config import TrialConfig
from trainables.subjects import networks
from trainables.subjects.networks import NETWORKS


def setting(value: object) -> str:
    """A field's value as it was given; an unset size as all, pairs as in `pairs_in_words`.

    >>> setting(1e-5), setting(1.0), setting("reinit"), setting(("Y;relu3", "Y;sm1")), setting(None)
    ('1e-05', '1', 'reinit', 'Y;relu3, Y;sm1', 'all')
    """
    if str(value) in ("None", "nan", "inf", "<NA>"):  # <NA>: a missing value of pandas
        return "all"
    if isinstance(value, str) and ";" in value:
        value = value.split(", ")
    if isinstance(value, list | tuple):
        named = [str(one) for one in value]
        return pairs_in_words(named) if not named or ";" in named[0] else ", ".join(named)
    return f"{value:g}" if isinstance(value, float) else str(value)


def in_words(values: Mapping[str, Any], paths: Iterable[str] | None = None) -> str:
    """Settings by field path; `paths`: these alone.

    >>> in_words({"mine.noise_std": 1.0, "network.epochs": 21})
    'noise_std 1, network.epochs 21'
    """
    return ", ".join(f"{short_name(path)} {setting(values[path])}" for path in (values if paths is None else paths))


def labels(configurations: Sequence[TrialConfig]) -> list[str]:
    """A short name per trial: its seed, and the fields that tell the trials apart.

    A field is left out where it changes no number of the trial, and where it varies together with an earlier one.

    >>> from trainables.settings import replace
    >>> labels([replace(TrialConfig(), {"mine.hidden_units": units}) for units in (10, 20)])
    ['seed 0, hidden_units 10', 'seed 0, hidden_units 20']
    """
    used = [{p: v for p, v in flatten(one).items() if p not in unused_fields(one)} for one in configurations]
    telling: dict[tuple[int, ...], str] = {}
    for path in fields():
        values = [str(one.get(path)) for one in used]
        numbers = {value: place for place, value in enumerate(dict.fromkeys(values))}
        if path not in ("seed", "network.source") and len({one[path] for one in used if path in one}) > 1:
            telling.setdefault(tuple(numbers[value] for value in values), path)
    paths = ["seed", *telling.values()]
    return [in_words(one, [path for path in paths if path in one]) for one in used]


def pairs_in_words(pairs: Iterable[str]) -> str:
    """Pairs as people read them: all, X or Y where all pairs of a variable are there, and the rest by name."""
    given, found = tuple(pairs), []
    known = (networks.pairs(one.layers) for one in NETWORKS.values())
    of_network = next((one for one in known if set(given) <= set(one)), given)
    for variable in "XY":
        of_variable = [pair for pair in of_network if pair.startswith(variable)]
        there = [pair for pair in of_variable if pair in given]
        found += [variable] if there == of_variable else there
    return "all" if not given or found == ["X", "Y"] else ", ".join(found)
