"""The rows that a trial has in each table, by its configuration, and which trials have others.

It imports neither torch nor ray.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainables.errors import require
from trainables.records.schemas import SCHEMAS, STATES
from trainables.settings import InputError, TrialConfig, fields, replace, unflatten

Axes = tuple[tuple[str, Sequence[Any]], ...]
"""Columns, each with its values: a trial has one row for every combination."""


def axes(table: str, config: TrialConfig, pair: str | None = None) -> Axes:
    """The grid of a completed trial's rows.

    >>> [(column, len(values)) for column, values in axes("estimates", TrialConfig())]
    [('run', 6), ('pair', 8), ('replicate', 3)]

    Args:
        pair: the rows of this pair alone.
    """
    mine = config.mine
    pairs = config.pairs if pair is None else tuple(one for one in config.pairs if one == pair)
    fits: Axes = (("run", range(1, config.runs + 1)), ("pair", pairs), ("replicate", range(mine.replicates)))
    grids: dict[str, Axes] = {
        "trials": (),
        "network": (("epoch", range(config.network.epochs)),),
        "estimates": fits,
        "curves": (*fits, ("mine_epoch", range(1, mine.epochs + 1))),
    }
    return grids[table]


def size(grid: Axes) -> int:
    """Number of a grid's rows.

    >>> size(axes("estimates", TrialConfig())), size(axes("trials", TrialConfig()))
    (144, 1)
    """
    return math.prod(len(values) for _, values in grid)


def columns(table: str) -> list[str]:
    """The columns that say which row of its trial's grid a row is, and those that follow from this."""
    told = ("network_epoch", "epochs") if table == "estimates" else ()
    return ["key", *(column for column, _ in axes(table, TrialConfig())), *told]


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
    """Trials whose rows are not those of their grid, each once: what is wrong, by key.

    Args:
        rows: whole trials' rows, with `columns(table)`.
        trials: the trials of the rows by key; of the table `trials` nothing is read of them.
    """
    encoded = rows["key"].combine_chunks().dictionary_encode()
    trial, keys = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
    found = np.bincount(trial, minlength=len(keys))
    wrong = _missing_values(table, rows, trial)
    alike: dict[Axes, list[int]] = {}
    for number, key in enumerate(keys):
        grid = () if table == "trials" else axes(table, trials[key], pair)
        if found[number] == size(grid):
            alike.setdefault(grid, []).append(number)
        else:
            wrong[number] = f"has {found[number]} rows where its configuration asks for {size(grid)}"
    for grid, members in alike.items():
        names = ", ".join(column for column, _ in grid)
        for number in _not_each_once(rows, grid, trial, np.array(members)):
            wrong[number] = f"has rows that are doubled or not of its configuration ({names})"
    if table == "estimates":
        for number in _off_schedule(rows, trial, [trials[key] for key in keys]):
            wrong.setdefault(number, "has another network_epoch of a run, or epochs, than its configuration")
    told = {keys[number]: what for number, what in wrong.items()}
    if table == "trials":
        told |= _unusable(rows.filter(pc.invert(pc.is_in(rows["key"], pa.array(list(told), pa.string())))))
    return told


def _missing_values(table: str, rows: pa.Table, trial: NDArray[np.int_]) -> dict[int, str]:
    """Trials with a null in a column that has none."""
    wrong: dict[int, str] = {}
    for column in rows.schema:
        if not SCHEMAS[table].field(column.name).nullable and rows[column.name].null_count:
            missing = rows[column.name].is_null().to_numpy()
            wrong |= {int(number): f"has no {column.name}" for number in np.unique(trial[missing])}
    return wrong


def _not_each_once(rows: pa.Table, grid: Axes, trial: NDArray[np.int_], members: NDArray[np.int_]) -> list[int]:
    """The trials of one grid, with as many rows as it has, that leave out one of its rows."""
    place = np.full(trial.max(initial=-1) + 1, -1)
    place[members] = np.arange(len(members))
    chosen = place[trial] >= 0
    slot, inside = place[trial[chosen]], np.ones(chosen.sum(), dtype=bool)
    for column, values in grid:
        position = _positions(rows[column].combine_chunks(), values)[chosen]
        inside &= (position >= 0) & (position < len(values))
        slot = slot * len(values) + position
    filled = np.bincount(slot[inside], minlength=len(members) * size(grid)) if size(grid) else np.ones(0)
    whole = (filled.reshape(len(members), -1) == 1).all(axis=1)
    return members[~whole].tolist()


def _off_schedule(rows: pa.Table, trial: NDArray[np.int_], trials: Sequence[TrialConfig]) -> list[int]:
    """The trials whose fits are said to be of another epoch of the network, or of another length, than they are."""
    shapes = [(one.schedule.first_probe, one.schedule.probe_every, one.mine.epochs) for one in trials]
    first, every, epochs = np.array(shapes, dtype=np.int64).reshape(-1, 3)[trial].T
    run, network_epoch, told = (
        rows[column].fill_null(0).to_numpy().astype(np.int64) for column in ("run", "network_epoch", "epochs")
    )
    return np.unique(trial[(network_epoch != first + (run - 1) * every) | (told != epochs)]).tolist()


def _positions(column: pa.Array, values: Sequence[Any]) -> NDArray[np.int_]:
    """Where each value is among these; outside of their places if it is none."""
    if isinstance(values, range):
        return column.fill_null(values.start - 1).to_numpy().astype(np.int64) - values.start
    encoded = column.fill_null("").dictionary_encode()
    known = {value: number for number, value in enumerate(values)}
    places = np.array([known.get(value, -1) for value in encoded.dictionary.to_pylist()], dtype=np.int64)
    return places[encoded.indices.to_numpy()]


def _unusable(trials: pa.Table) -> dict[str, str]:
    """Rows of `trials` with a state or a configuration that no trial has."""
    wrong = {}
    if "state" in trials.column_names:
        states = zip(trials["key"].to_pylist(), trials["state"].to_pylist(), strict=True)
        wrong = {key: f"has the state {state!r}" for key, state in states if state not in STATES}
    if set(fields()) <= set(trials.column_names):
        parsed = configurations(trials)
        odd = {key: str(one).rstrip(".") for key, one in parsed.items() if isinstance(one, InputError)}
        wrong |= {key: f"has a configuration that cannot be used ({what})" for key, what in odd.items()}
    return wrong
