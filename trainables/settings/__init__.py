"""The configuration of a trial. A leaf: no torch, no pyarrow, no Ray, nothing of ours; everything may use it.

errors.py   InputError: one sentence that names the field, the value and what is allowed
fields.py   the fields: types, defaults, ranges, and what each is for
paths.py    fields by path (`mine.noise_std`): the flag, the search-space key and the Parquet column
keys.py     what names a trial: a hash of all that changes its numbers; and the seeds of its random streams
"""

from trainables.settings.errors import InputError
from trainables.settings.fields import (
    CLASSES,
    LAYERS,
    PAIRS,
    TEST_SAMPLES,
    TRAIN_SAMPLES,
    DataConfig,
    LeNetConfig,
    MineConfig,
    ScheduleConfig,
    TrialConfig,
    check_last_batch,
    pairs_in_words,
)
from trainables.settings.keys import (
    ADDED,
    DECIDE_USE,
    configuration_key,
    content_key,
    derive_seed,
    key,
    lenet_key,
    unused_fields,
)
from trainables.settings.paths import descriptions, fields, flatten, replace, short_name, unflatten

__all__ = [
    "ADDED",
    "CLASSES",
    "DECIDE_USE",
    "DataConfig",
    "InputError",
    "LAYERS",
    "LeNetConfig",
    "MineConfig",
    "PAIRS",
    "ScheduleConfig",
    "TEST_SAMPLES",
    "TRAIN_SAMPLES",
    "TrialConfig",
    "check_last_batch",
    "configuration_key",
    "content_key",
    "derive_seed",
    "descriptions",
    "fields",
    "flatten",
    "key",
    "lenet_key",
    "pairs_in_words",
    "replace",
    "short_name",
    "unflatten",
    "unused_fields",
]
