"""From Parquet to DataFrames. Columns of the configuration carry its field paths."""

import functools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from analysis import configurations
from trainables import records
from trainables.records import plans
from trainables.sentences import counted
from trainables.settings import (
    InputError,
    configuration_key,
)

_LABELS = ("key", "pair", "started_from")
"""Columns of long tables with few different texts, held as categories."""


class Results:
    """A study's results as DataFrames, typed: sizes that may be unset are Int64, texts of long tables categories.

    Attributes:
        trials: one row per trial, indexed by key: configuration by field path, state, error, provenance; with
            `configuration`, the same for trials that differ in nothing that matters but the seed.
        network: one row per completed trial and epoch of its network; read when it is asked for, as is the next.
        estimates: one row per fit of a completed trial, values in nats.
        skipped: a sentence on each file that was left out of what has been read, and on completed trials without rows.

    Args:
        source: folder or URI that a trial or a sweep wrote.
        strict: raise an InputError where a file would be left out.
    """

    def __init__(self, source: str, strict: bool = False) -> None:
        self.source, self.strict = source, strict
        self.skipped: list[str] = []
        self._trials = records.trials(source)
        self._note(self._trials.problems)

    @functools.cached_property
    def unfinished(self) -> list[str]:
        """A sentence on trials that the folder's sweeps mean to run and that have not completed, if there are any."""
        found, _ = plans.find(self.source)  # `status` names plans that cannot be read
        rows = self._trials.rows.select(["key", "state"]).to_pylist()
        missing, planned = plans.unfinished(found, {row["key"] for row in rows if row["state"] == "completed"})
        left = f"{missing} of {counted(planned, 'trial')} that were planned here have not completed"
        return [f"{left} (`mine-study status`)."] if missing else []

    def _note(self, problems: Sequence[str]) -> None:
        if problems and self.strict:
            raise InputError(f"results {self.source!r} holds {problems[0]}")
        self.skipped += [problem for problem in problems if problem not in self.skipped]

    @functools.cached_property
    def trials(self) -> pd.DataFrame:
        rows, known = self._trials.rows, self._trials.configurations
        # Sizes may be null for "all", and stay whole numbers beside it.
        frame = rows.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        frame["mine.pairs"] = frame["mine.pairs"].map(", ".join)
        for path in configurations.SIZES:  # given or not, the whole training set is one configuration
            frame[path] = frame[path].mask(frame[path] == frame["data.name"].map(configurations.TRAINING_SAMPLES))
        configuration = [configuration_key(known[key]) for key in frame["key"]]
        return frame.assign(configuration=configuration).set_index("key").sort_index()

    @functools.cached_property
    def network(self) -> pd.DataFrame:
        return self.read("network")

    @functools.cached_property
    def estimates(self) -> pd.DataFrame:
        return self.read("estimates")

    def read(self, table: str, columns: Sequence[str] | None = None, pair: str | None = None) -> pd.DataFrame:
        """A table's rows of completed trials; `columns`, None for all, have `key`."""
        rows, problems = records.read(self.source, table, columns, pair, self._trials)
        self._note(problems)
        return self._typed(rows)

    def curves(self, pair: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The curves of one pair, read when asked for: one row per fit and MINE epoch."""
        return self.read("curves", columns, pair)

    def curve_pieces(self, columns: Sequence[str], rows: int = 2_000_000) -> Iterator[pd.DataFrame]:
        """All curves in pieces of about this many rows, each of whole completed trials; `columns` have `key`."""
        for piece, problems in records.scan(self.source, "curves", columns, rows, self._trials):
            self._note(problems)
            if len(piece):
                yield self._typed(piece)

    def _typed(self, rows: pa.Table) -> pd.DataFrame:
        """Rows with categories in place of their labels, pairs in the networks' order."""
        for name in set(_LABELS) & set(rows.column_names):
            labels = rows[name].combine_chunks().dictionary_encode()
            rows = rows.set_column(rows.column_names.index(name), name, labels)
        frame = rows.to_pandas(split_blocks=True, self_destruct=True)
        if "pair" in frame:
            there = frame["pair"].cat.categories
            known = [pair for pair in configurations.pairs(self.trials) if pair in there]
            frame["pair"] = frame["pair"].cat.set_categories([*known, *there.difference(known)])
        return frame

    def configured(self, rows: pd.DataFrame, paths: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows that have a `key`, with the columns of their trials beside them.

        Args:
            paths: columns of `trials`; None: the whole configuration, seed included.
        """
        chosen = (
            ["seed", "configuration", *configurations.configuration_columns(self.trials)]
            if paths is None
            else list(paths)
        )
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
    found = Results(results)
    _ = found.network, found.estimates  # so that `skipped` has what is wrong with them
    return found


def study(results: str | Results) -> Results:
    """A study that was read before, or a folder's, strict."""
    return Results(results, strict=True) if isinstance(results, str) else results


def trials(results: str) -> pd.DataFrame:
    """All trials, one row each, indexed by key; see `trainables.records.schemas.SCHEMAS["trials"]`.

    `mine.pairs` is text, and `configuration` tells configurations apart: trials that differ in the seed alone,
    or in settings that change no number, have the same.

    >>> trials("docs/example/results")["seed"].sort_values().unique().tolist()
    [0, 1, 2]

    Raises:
        InputError: if the folder holds no results, or a file that cannot be read; `Results` leaves it out.
    """
    return study(results).trials


def estimates(results: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """All fits of completed trials, one row each.

    >>> fits = estimates("docs/example/results", ["key", "pair", "estimate"])
    >>> sorted(fits["pair"].unique())[:2]
    ['X;maxpool1', 'X;maxpool2']

    Args:
        columns: the columns to read, `key` among them; None: all.

    Raises:
        InputError: as `trials`.
    """
    return study(results).read("estimates", columns)


def network(results: str) -> pd.DataFrame:
    """The network's loss and accuracy, one row per completed trial and epoch; raises as `trials`.

    >>> list(network("docs/example/results"))
    ['key', 'epoch', 'train_loss', 'test_accuracy']
    """
    return study(results).network


def curves(results: str, pair: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The curves of one pair, one row per fit of a completed trial and MINE epoch; raises as `trials`.

    >>> int(curves("docs/example/results", "Y;relu3")["mine_epoch"].max())
    40
    """
    return study(results).curves(pair, columns)


def curve_pieces(results: str, columns: Sequence[str], rows: int = 2_000_000) -> Iterator[pd.DataFrame]:
    """All curves in pieces, as `Results.curve_pieces`; raises as `trials`.

    >>> sum(len(piece) for piece in curve_pieces("docs/example/results", ["key"])) % (6 * 8 * 2 * 40)
    0
    """
    return study(results).curve_pieces(columns, rows)


def curve_arrays(piece: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, NDArray[np.float64]]]:
    """Whole curves as arrays, those of one length at a time.

    Args:
        piece: rows of `curves` with key, run, pair, replicate, mine_epoch and bound, no fit cut.

    Yields:
        The fits (key, run, pair, replicate; keys and pairs as text), and their bounds in nats, shape (fits, epochs).
    """
    fit = ["key", "run", "pair", "replicate"]
    piece = piece.sort_values([*fit, "mine_epoch"], kind="stable")
    start = np.flatnonzero(~piece[fit].duplicated().to_numpy())
    labels = piece[fit].iloc[start].astype({"key": str, "pair": str})
    bound, lengths = piece["bound"].to_numpy(float), np.diff([*start, len(piece)])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        yield labels.iloc[rows], bound[start[rows][:, None] + np.arange(length)]
