"""The configuration of a trial. No torch, no pyarrow, no Ray; of ours only what subjects describe and errors.

fields.py   the fields: types, defaults, ranges, and what each is for
trial_config.py  the whole: sections that must fit together, and what follows from them
checks.py   types and ranges, held when a configuration is made
paths.py    fields by path (`mine.noise_std`): the flag, the search-space key and the Parquet column
keys.py     what names a trial: a hash of all that changes its numbers
words.py    configurations in words
"""

from trainables.errors import InputError
from trainables.settings.fields import DataConfig, MineConfig, NetworkConfig, ScheduleConfig
from trainables.settings.keys import (
    ADDED,
    DECIDE_USE,
    configuration_key,
    content_key,
    key,
    network_key,
    stored,
    unused_fields,
)
from trainables.settings.paths import descriptions, fields, flatten, replace, short_name, unflatten
from trainables.settings.trial_config import TrialConfig, check_last_batch
from trainables.settings.words import in_words, labels, pairs_in_words, setting

__all__ = [
    "ADDED",
    "DECIDE_USE",
    "DataConfig",
    "InputError",
    "NetworkConfig",
    "MineConfig",
    "ScheduleConfig",
    "TrialConfig",
    "check_last_batch",
    "configuration_key",
    "content_key",
    "descriptions",
    "fields",
    "flatten",
    "in_words",
    "key",
    "labels",
    "network_key",
    "pairs_in_words",
    "replace",
    "setting",
    "short_name",
    "stored",
    "unflatten",
    "unused_fields",
]
