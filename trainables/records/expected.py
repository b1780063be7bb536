"""The rows that a trial must have in each table, by its configuration, and which trials have others."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from trainables.errors import require
from trainables.records.schemas import SCHEMAS, STATES
from trainables.settings import InputError, TrialConfig, fields, replace, unflatten
from trainables.subjects.own import PROBED

_FIT = ("run", "pair", "replicate")
_AXES: Mapping[str, tuple[str, ...]] = {
    "trials": (),
    "network": ("epoch",),
    "estimates": _FIT,
    "curves": (*_FIT, "mine_epoch"),
}
_SCHEDULE = ("run", "network_epoch", "epochs")
"""Columns of `estimates` that follow from one another."""


def axes(table: str, config: TrialConfig, pair: str | None = None) -> dict[str, Sequence[Any]]:
    """Columns, each with its values: a completed trial has one row for every combination.

    Args:
        pair: of the rows of this pair alone.
    """
    values: dict[str, Sequence[Any]] = {
        "epoch": range(0 if config.network.name == PROBED else config.network.epochs),  # trained elsewhere: no rows
        "run": range(1, config.runs + 1),
        "pair": [one for one in config.pairs if pair in (None, one)],
        "replicate": range(config.mine.replicates),
        "mine_epoch": range(1, config.mine.epochs + 1),
    }
    return {axis: values[axis] for axis in _AXES[table]}


def size(table: str, config: TrialConfig, pair: str | None = None) -> int:
    """Number of rows of a completed trial."""
    return math.prod(map(len, axes(table, config, pair).values()))


def columns(table: str) -> list[str]:
    """The columns by which `faults` judges."""
    return list(dict.fromkeys(["key", *_AXES[table], *(_SCHEDULE if table == "estimates" else ())]))


def configurations(rows: pa.Table) -> dict[str, TrialConfig | InputError]:
    """The configuration of each row of `trials`, by key, or what is wrong with it."""
    paths = [path for path in fields() if path != "seed"]
    found: dict[str, TrialConfig | InputError] = {}
    for row in rows.select(["key", "seed", *paths]).to_pylist():
        values = tuple(tuple(row[path]) if isinstance(row[path], list) else row[path] for path in paths)
        try:
            require(len(row["mine.pairs"] or ()) > 0, "mine.pairs", (), "one pair or more")  # a row names them all
            found[row["key"]] = replace(_configuration(values), {"seed": row["seed"]})
        except InputError as error:
            found[row["key"]] = error
    return found


@functools.lru_cache(maxsize=4096)
def _configuration(values: tuple[Any, ...]) -> TrialConfig:
    """Of all fields except the seed; the settings of a study repeat, so each is worked out once."""
    return unflatten(dict(zip((path for path in fields() if path != "seed"), values, strict=True)))


def faults(table: str, rows: pa.Table, trials: Mapping[str, TrialConfig], pair: str | None = None) -> dict[str, str]:
    """Trials whose rows are not those of their configuration, each once: what is wrong, by key.

    Args:
        rows: whole trials' rows, with `columns(table)`.
        trials: the trials of the rows by key; of the table `trials` nothing is read of them.
    """
    found = _missing_values(table, rows)
    alike = rows.group_by("key").aggregate([([], "count_all"), *((axis, "distinct") for axis in _AXES[table])])
    combined = _distinct(rows, ["key", *_AXES[table]]).group_by("key").aggregate([([], "count_all")])
    combinations = dict(zip(combined["key"].to_pylist(), combined["count_all"].to_pylist(), strict=True))
    for row in alike.to_pylist():
        key, count = row["key"], row["count_all"]
        grid = {} if table == "trials" else axes(table, trials[key], pair)
        whole = math.prod(map(len, grid.values()))
        if count != whole:
            found[key] = f"has {count} rows where its configuration asks for {whole}"
        elif combinations[key] != whole or any(set(row[f"{axis}_distinct"]) != set(grid[axis]) for axis in grid):
            found[key] = f"has rows that are doubled or not of its configuration ({', '.join(grid)})"
    if table == "estimates":
        found = _off_schedule(rows, trials) | found
    if table == "trials":
        found = _unusable(rows) | found
    return found


def _distinct(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Every combination of values in these columns, once."""
    return rows.select(names).group_by(names).aggregate([])


def _missing_values(table: str, rows: pa.Table) -> dict[str, str]:
    """Trials with a null in a column that has none."""
    found: dict[str, str] = {}
    for column in rows.column_names:
        if not SCHEMAS[table].field(column).nullable and rows[column].null_count:
            missing = rows.filter(rows[column].is_null())["key"].unique().to_pylist()
            found |= dict.fromkeys(missing, f"has no {column}")
    return found


def _off_schedule(rows: pa.Table, trials: Mapping[str, TrialConfig]) -> dict[str, str]:
    """Trials whose fits are said to be of another epoch of the network, or of another length, than they are."""
    found: dict[str, str] = {}
    for row in _distinct(rows, ["key", *_SCHEDULE]).to_pylist():
        one = trials[row["key"]]
        epochs = dict(enumerate(one.probe_epochs, 1))
        if epochs.get(row["run"]) != row["network_epoch"] or row["epochs"] != one.mine.epochs:
            found[row["key"]] = "has another network_epoch of a run, or epochs, than its configuration"
    return found


def _unusable(rows: pa.Table) -> dict[str, str]:
    """Rows of `trials` with a state or a configuration that no trial has."""
    states = zip(rows["key"].to_pylist(), rows["state"].to_pylist(), strict=True)
    found = {key: f"has the state {state!r}" for key, state in states if state not in STATES}
    for key, one in configurations(rows).items():
        if isinstance(one, InputError):
            found[key] = f"has a configuration that cannot be used ({str(one).rstrip('.')})"
    return found
