"""A results folder, read once: its trials, fits with their verdicts, and curves. All tables and figures are of it."""

import copy
import functools
import typing
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from analysis import configurations, selection
from trainables import records, verdict
from trainables.settings import configuration_key, fields
from trainables.verdict import BIASES, OUTCOMES, VerdictRule

COMMITTED = VerdictRule()
"""The rule by which fits are judged where no other is named."""

FIT = ["key", "run", "pair", "replicate"]
"""The columns that name a fit."""

_LABELS = ("key", "pair", "started_from")
"""Columns of long tables with few different texts, held as categories."""

Made = TypeVar("Made")


class Results:
    """A study's results as DataFrames. Values are in nats, sizes that may be unset Int64.

    Attributes:
        rule: by which fits are judged.
        trials: one row per chosen trial, indexed by key: configuration by field path, state, error, provenance; with
            `configuration`, the same for trials that differ in nothing that matters but the seed.
        all_trials: the same for all trials of the folder.
        problems: a sentence on each file that was left out of what has been read so far, and on completed trials
            without rows.
    """

    def __init__(self, source: str, rule: VerdictRule = COMMITTED, where: Sequence[str] = ()) -> None:
        """Read the trials of a folder.

        Args:
            source: folder or URI that a trial or a sweep wrote.
            where: only trials with these values, each FIELD=VALUE as the tables show it (`noise_std=0.3`).

        Raises:
            InputError: if the folder holds no results, or `where` names no field or leaves no trial.
        """
        self.source, self.rule, self.where = source, rule, tuple(where)
        self._records = records.trials(source)
        self.problems: list[str] = []
        self._note(self._records.problems)
        self.all_trials = self._typed_trials()
        self.trials = selection.having(self.all_trials, where)
        self._made: dict[Callable, object] = {}

    def _note(self, problems: Sequence[str]) -> None:
        self.problems += [problem for problem in dict.fromkeys(problems) if problem not in self.problems]

    def _typed_trials(self) -> pd.DataFrame:
        # Sizes may be null for "all", and stay whole numbers beside it.
        frame = self._records.rows.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        for path in (path for path, kind in fields().items() if typing.get_origin(kind) is tuple):
            frame[path] = frame[path].map(lambda values: ", ".join(map(str, values)))
        for path in configurations.SIZES:  # given or not, the whole training set is one configuration
            frame[path] = frame[path].mask(frame[path] == frame["data.name"].map(configurations.TRAINING_SAMPLES))
        configuration = [configuration_key(self._records.configurations[key]) for key in frame["key"]]
        return frame.assign(configuration=configuration).set_index("key").sort_index()

    def under(self, rule: VerdictRule) -> "Results":
        """The same results, judged by another rule."""
        return self._with(rule=rule)

    def of(self, trials: pd.DataFrame) -> "Results":
        """The results of some of the trials."""
        fits = self.estimates[self.estimates["key"].isin(trials.index)]
        return self._with(trials=trials, estimates=fits.assign(key=fits["key"].cat.remove_unused_categories()))

    def _with(self, **changes: object) -> "Results":
        other = copy.copy(self)
        vars(other).pop("judged", None)
        vars(other).update(changes, _made={})
        return other

    def once(self, make: Callable[["Results"], Made]) -> Made:
        """What a function makes of these results, made once."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]  # type: ignore[return-value]  # of this function

    def read(self, table: str, columns: Sequence[str] | None = None, pair: str | None = None) -> pd.DataFrame:
        """A table's rows of completed trials; `columns`, None for all, have `key`."""
        rows, problems = records.read(self.source, table, columns, pair, self._records)
        self._note(problems)
        return self._typed(rows)

    def _typed(self, rows: pa.Table) -> pd.DataFrame:
        """Rows of the chosen trials, with categories in place of labels, pairs in the networks' order."""
        if len(self.trials) < len(self.all_trials):
            rows = rows.filter(pa.compute.is_in(rows["key"], pa.array(self.trials.index, pa.string())))
        for name in set(_LABELS) & set(rows.column_names):
            labels = rows[name].combine_chunks().dictionary_encode()
            rows = rows.set_column(rows.column_names.index(name), name, labels)
        frame = rows.to_pandas(split_blocks=True, self_destruct=True)
        if "pair" in frame:
            there = frame["pair"].cat.categories
            known = [pair for pair in configurations.pairs(self.all_trials) if pair in there]
            frame["pair"] = frame["pair"].cat.set_categories([*known, *there.difference(known)])
        return frame

    @functools.cached_property
    def network(self) -> pd.DataFrame:
        """One row per completed trial and epoch of its network."""
        return self.read("network")

    @functools.cached_property
    def estimates(self) -> pd.DataFrame:
        """One row per fit of a completed trial. What older records lack of the late slope is read from their curves."""
        found = self.read("estimates")
        lacking = found["late_slope"].isna() & found["estimate"].notna() & (found["epochs"] >= COMMITTED.least_epochs)
        if not lacking.any():
            return found
        names = ["late_slope", "late_slope_error"]
        slopes = [pd.DataFrame(columns=[*FIT, *names])]
        for fits, bound in self.curve_arrays(found.loc[lacking, "key"].unique()):
            slopes.append(fits.assign(**dict(zip(names, verdict.late_slope(bound), strict=True))))
        known = found[FIT].merge(pd.concat(slopes), how="left", on=FIT)
        return found.assign(**{name: found[name].fillna(known[name].astype(float)) for name in names})

    @functools.cached_property
    def judged(self) -> pd.DataFrame:
        """The fits with their verdicts.

        Beside the columns of `estimates`: `variable`, `outcome` (missing where the records cannot tell it),
        `exploded_epoch` (which the records hold under the committed rule only), `settled_estimate`, and
        for settled fits whose reference is finite `bias_truth`, `bias_optimum`.
        """
        judged = self.estimates.copy()
        pairs = judged["pair"].cat.categories
        variable, variables = pd.factorize(pd.Index([pair[0] for pair in pairs]), sort=True)
        codes = variable[judged["pair"].cat.codes]
        judged["variable"] = pd.Categorical.from_codes(codes, variables)  # type: ignore[call-overload]
        outcome = verdict.outcome(judged, self.rule)
        judged["outcome"] = pd.Categorical(pd.Series(outcome).where(outcome != ""), OUTCOMES)
        judged["exploded_epoch"] = verdict.exploded_epoch(judged) if self.rule == COMMITTED else np.nan
        settled, estimate = outcome == "settled", judged["estimate"].to_numpy(float)
        judged["settled_estimate"] = np.where(settled, estimate, np.nan)
        for kind in ("truth", "optimum"):
            reference = judged[kind].to_numpy(float)
            error = judged["truth_standard_error"] if kind == "truth" else 0.0
            bias = verdict.bias(estimate, reference, error, self.rule)
            # Every estimate is below an infinite optimum, which says nothing.
            comparable = settled & np.isfinite(reference)
            judged[f"bias_{kind}"] = pd.Categorical(pd.Series(bias).where(comparable), BIASES)
        return judged

    def curve_rows(self, pair: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The curves of one pair, one row per fit and MINE epoch; read at each call."""
        return self.read("curves", columns, pair)

    def curve_pieces(self, columns: Sequence[str], rows: int = 2_000_000) -> Iterator[pd.DataFrame]:
        """All curves in pieces of about this many rows, each of whole completed trials; `columns` have `key`."""
        for piece, problems in records.scan(self.source, "curves", columns, rows, self._records):
            self._note(problems)
            typed = self._typed(piece)
            if len(typed):
                yield typed

    def curve_arrays(self, keys: Collection[str] | None = None) -> Iterator[tuple[pd.DataFrame, NDArray[np.float64]]]:
        """All curves, or those of some trials, in pieces of fits whose curves have one length.

        Yields:
            The fits (`FIT`, keys and pairs as text), and their bounds in nats, shape (fits, epochs).
        """
        for piece in self.curve_pieces([*FIT, "mine_epoch", "bound"]):
            yield from arrays(piece if keys is None else piece[piece["key"].isin(keys)])

    def configured(self, rows: pd.DataFrame, paths: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows that have a `key`, with columns of `trials` beside them; None: the configuration and the seed."""
        every = ["seed", "configuration", *configurations.configuration_columns(self.trials)]
        return rows.merge(self.trials[every if paths is None else list(paths)], left_on="key", right_index=True)


def arrays(curves: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, NDArray[np.float64]]]:
    """Whole curves as arrays, as `Results.curve_arrays`, from rows of the table `curves`."""
    curves = curves.sort_values([*FIT, "mine_epoch"], kind="stable")
    start = np.flatnonzero(~curves[FIT].duplicated().to_numpy())
    labels = curves[FIT].iloc[start].astype({"key": str, "pair": str})
    bound, lengths = curves["bound"].to_numpy(float), np.diff([*start, len(curves)])
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        yield labels.iloc[rows], bound[start[rows][:, None] + np.arange(length)]
