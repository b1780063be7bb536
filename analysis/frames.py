"""From Parquet to DataFrames. Columns of the configuration carry its field paths."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from trainables import records
from trainables.config import (
    DECIDE_USE,
    PAIRS,
    TRAIN_SAMPLES,
    TrialConfig,
    configuration_key,
    fields,
    replace,
    short_name,
    unflatten,
    unused_fields,
)

SIZES = ("lenet.train_samples", "mine.samples")
"""Fields that may be unset, and are then the size of the training set."""

_LABELS = ("key", "pair", "started_from")
"""Columns of long tables with few different texts, held as categories."""


@dataclass(frozen=True)
class Results:
    """A study's results as DataFrames, typed: sizes that may be unset are Int64, texts of long tables categories.

    Attributes:
        trials: one row a trial, indexed by key: configuration by field path, state, error, provenance; with
            `configuration`, the same for trials that differ in nothing that matters but the seed.
        lenet: one row a completed trial and LeNet-5 epoch.
        estimates: one row a fit of a completed trial, values in nats.
        skipped: what could not be read, in sentences.
    """

    source: str
    trials: pd.DataFrame
    lenet: pd.DataFrame
    estimates: pd.DataFrame
    skipped: list[str] = field(default_factory=list)

    def curves(self, pair: str) -> pd.DataFrame:
        """The curves of one pair, read when asked for: one row a fit and MINE epoch."""
        return curves(self.source, pair, skipped=[])

    def configured(self, rows: pd.DataFrame, paths: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows that have a `key`, with the columns of their trials beside them.

        Args:
            paths: columns of `trials`; None: the whole configuration, seed included.
        """
        chosen = ["seed", "configuration", *configuration_columns(self.trials)] if paths is None else list(paths)
        return rows.merge(self.trials[chosen], left_on="key", right_index=True, how="left")


def load(results: str) -> Results:
    """Read a results folder.

    >>> study = load("docs/example/results")
    >>> study.trials["mine.hidden_units"].dtype, len(study.estimates) == len(study.trials) * 6 * 8 * 2
    (Int64Dtype(), True)
    >>> fits = study.configured(study.estimates)
    >>> bool(fits.groupby("mine.noise_std")["estimate"].mean().loc[1.0] > 0)
    True

    Args:
        results: folder or URI that a trial or a sweep wrote.

    Raises:
        InputError: if it holds no results. Files that cannot be read are left out and named in `skipped`.
    """
    skipped: list[str] = []
    return Results(
        results, trials(results, skipped), lenet(results, skipped), estimates(results, skipped=skipped),
        sorted(set(skipped)),
    )  # fmt: skip


def trials(results: str, skipped: list[str] | None = None) -> pd.DataFrame:
    """All trials, one row each, indexed by key; see `trainables.schemas.SCHEMAS["trials"]`.

    `mine.pairs` is text, and `configuration` tells configurations apart: trials that differ in the seed alone,
    or in settings that change no number, have the same.

    >>> trials("docs/example/results")["seed"].sort_values().unique().tolist()
    [0, 1, 2]

    Args:
        skipped: where a sentence is added for every file that cannot be read; None: the first one raises.

    Raises:
        InputError: if the folder holds no results.
    """
    rows = records.read(results, "trials", skipped=skipped)
    # Sizes may be null for "all", and stay whole numbers beside it.
    frame = rows.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    frame["mine.pairs"] = frame["mine.pairs"].map(", ".join)
    for path in SIZES:  # given or not, the whole training set is one configuration
        frame[path] = frame[path].mask(frame[path] == frame["data.name"].map(TRAIN_SAMPLES))
    return frame.assign(configuration=_configurations(rows)).set_index("key").sort_index()


def _configurations(rows: pa.Table) -> list[str]:
    """Each trial's configuration key; the settings of a study repeat, so each is worked out once."""
    paths = [path for path in fields() if path != "seed"]
    known: dict[str, str] = {}
    found = []
    for row in rows.select(paths).to_pylist():
        text = str(row)
        if text not in known:
            known[text] = configuration_key(unflatten(row))
        found.append(known[text])
    return found


def estimates(results: str, columns: Sequence[str] | None = None, skipped: list[str] | None = None) -> pd.DataFrame:
    """All fits of completed trials, one row each.

    >>> fits = estimates("docs/example/results", ["key", "pair", "estimate"])
    >>> sorted(fits["pair"].unique())[:2]
    ['X;maxpool1', 'X;maxpool2']

    Args:
        columns: the columns to read, `key` among them; None: all.
        skipped: as for `trials`.
    """
    return _of_completed(results, "estimates", columns, skipped=skipped)


def lenet(results: str, skipped: list[str] | None = None) -> pd.DataFrame:
    """LeNet-5's loss and accuracy, one row a completed trial and epoch.

    >>> list(lenet("docs/example/results"))
    ['key', 'epoch', 'train_loss', 'test_accuracy']
    """
    return _of_completed(results, "lenet", skipped=skipped)


def curves(
    results: str, pair: str, columns: Sequence[str] | None = None, skipped: list[str] | None = None
) -> pd.DataFrame:
    """The curves of one pair, one row a fit of a completed trial and MINE epoch.

    >>> int(curves("docs/example/results", "Y;relu3")["mine_epoch"].max())
    40
    """
    return _of_completed(results, "curves", columns, pc.field("pair") == pair, skipped)


def curve_pieces(
    results: str, columns: Sequence[str], rows: int = 2_000_000, skipped: list[str] | None = None
) -> Iterator[pd.DataFrame]:
    """All curves in pieces of about this many rows, each of whole completed trials; `columns` have `key`.

    >>> sum(len(piece) for piece in curve_pieces("docs/example/results", ["key"])) % (6 * 8 * 2 * 40)
    0
    """
    states = records.trial_states(results, skipped=[])
    for piece in records.scan(results, "curves", columns, rows, skipped):
        if len(kept := _completed(piece, states)):
            yield kept


def _of_completed(
    results: str,
    table: str,
    columns: Sequence[str] | None = None,
    filter: Any = None,
    skipped: list[str] | None = None,
) -> pd.DataFrame:
    """Rows whose trial says that its record is complete; a trial cut off while writing has no such row."""
    states = records.trial_states(results, skipped=None if skipped is None else [])
    return _completed(records.read(results, table, columns, filter, skipped), states)


def _completed(rows: pa.Table, states: dict[str, str]) -> pd.DataFrame:
    for name in _LABELS:
        if name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(name), name, rows[name].combine_chunks().dictionary_encode())
    frame = rows.to_pandas(split_blocks=True, self_destruct=True)
    categories = frame["key"].cat.categories
    complete = frame["key"].cat.codes.map({code: states.get(key) == "completed" for code, key in enumerate(categories)})
    kept = frame[complete.to_numpy(dtype=bool)].reset_index(drop=True)
    return kept.assign(key=kept["key"].cat.remove_unused_categories())


def configuration_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of `trials` that hold the configuration without the seed.

    >>> configuration_columns(trials("docs/example/results"))[:2]
    ['data.name', 'data.root']
    """
    return [path for path in fields() if path != "seed" and path in frame.columns]


def varied_columns(frame: pd.DataFrame) -> list[str]:
    """The configuration columns that differ between trials, each among the trials whose numbers it can change.

    >>> varied_columns(trials("docs/example/results"))
    ['mine.architecture', 'mine.noise_std', 'mine.hidden_units', 'mine.transfer_mode']
    """
    known = [path for path in DECIDE_USE if path in frame.columns]
    values: dict[str, set[str]] = {path: set() for path in configuration_columns(frame)}
    for group, rows in frame.groupby(known, dropna=False, observed=True) if known else [((), frame)]:
        unused = unused_fields(replace(TrialConfig(), dict(zip(known, group, strict=True))))
        for path in values.keys() - set(unused):
            values[path] |= set(rows[path].astype(str).unique())
    return [path for path, found in values.items() if len(found) > 1]


ALWAYS_SHOWN = ("mine.architecture", "mine.noise_std", "mine.hidden_units")
"""Settings that stand in every table of configurations."""


def shown_columns(frame: pd.DataFrame) -> list[str]:
    """Configuration columns that tell rows apart, and the three that always stand in the table.

    >>> shown_columns(trials("docs/example/results"))
    ['mine.architecture', 'mine.noise_std', 'mine.hidden_units', 'mine.transfer_mode']
    """
    varied = varied_columns(frame)
    return [path for path in configuration_columns(frame) if path in varied or path in ALWAYS_SHOWN]


def in_words(row: Any, paths: Sequence[str]) -> str:
    """Settings in words, from a row of trials or any mapping by field path.

    >>> in_words({"mine.noise_std": 1.0, "lenet.epochs": 21}, ["mine.noise_std", "lenet.epochs"])
    'noise_std 1, lenet.epochs 21'
    """
    return ", ".join(f"{short_name(path)} {setting(row[path])}" for path in paths)


def setting(value: object) -> str:
    """A configuration's value as it was given; all pairs and unset sizes (all samples) as all.

    >>> setting(1e-5), setting(1.0), setting("reinit"), setting(", ".join(PAIRS)), setting(pd.NA)
    ('1e-05', '1', 'reinit', 'all', 'all')
    """
    missing = value is None or value is pd.NA or value != value or value == math.inf
    if missing or value == _ALL_PAIRS:
        return "all"
    return f"{value:g}" if isinstance(value, float) else str(value)


_ALL_PAIRS = ", ".join(PAIRS)
