"""From the files of a results folder to rows that can be trusted, and a sentence on all that was left out.

A trial's rows of a table come from one file: its part, `<table>/<key>.parquet`, since a trial that runs again writes
one; else of the merged files that list its key, the one of the highest generation. A row belongs to the trial whose key
it holds, never to the one that its file's name says: a file in which the two differ is left out, as are a trial's rows
if they are not those that its configuration asks for, each once.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs

from trainables import settings
from trainables.records import expected, files, tablefiles
from trainables.records.layout import MERGED, folder, key_of, remedy
from trainables.records.schemas import SCHEMAS
from trainables.records.tablefiles import MergedFile, Problems
from trainables.sentences import counted, in_a_line
from trainables.settings import InputError, TrialConfig

ROWS = 1_000_000
"""Rows of a merged file, at which it is full, and of a piece."""

_THREADS = 16
"""Parts that are read at once: an object store takes its time for each."""


class Read(NamedTuple):
    """Rows, and a sentence on every file that was left out."""

    rows: pa.Table
    problems: list[str]


@dataclass(frozen=True)
class Trials:
    """The table `trials`: whatever else is read of a folder is held to it.

    Attributes:
        rows: one per trial.
        problems: a sentence on every file that was left out.
        configurations: of all trials, by key.
        states: completed or failed, by key.
    """

    rows: pa.Table
    problems: list[str]
    configurations: Mapping[str, TrialConfig]
    states: Mapping[str, str]

    @property
    def completed(self) -> dict[str, TrialConfig]:
        """The configurations of the trials whose rows are complete, by key."""
        return {key: one for key, one in self.configurations.items() if self.states[key] == "completed"}


@dataclass(frozen=True)
class Request:
    """What to read.

    Attributes:
        columns: the columns to return; others are read beside them, to hold the rows to their trials.
        trials: the trials whose rows are wanted, by key; None: all, of the table `trials` alone.
        trial: only the rows of this one, and nothing is said of other trials and files.
        pair: only the rows of this pair.
        to_pack: leave out what packing leaves: full merged files, and files with columns that are not known.
    """

    results: str
    table: str
    columns: Sequence[str]
    trials: Mapping[str, TrialConfig] | None = None
    trial: str | None = None
    pair: str | None = None
    to_pack: bool = False

    def wants(self, key: str) -> bool:
        """Whether a trial's rows are asked for."""
        return (self.trials is None or key in self.trials) and self.trial in (None, key)


class Piece(NamedTuple):
    """The rows of some whole trials, what was left out beside them, and of which trials."""

    rows: pa.Table
    problems: Problems
    without: frozenset[str] = frozenset()


def trials(results: str, may_be_empty: bool = False, trial: str | None = None) -> Trials:
    """All trials that have a row, or one, and which of them are done.

    Raises:
        InputError: if the folder holds no results, unless it may be empty.
    """
    rows, problems = _joined(Request(results, "trials", SCHEMAS["trials"].names, trial=trial))
    if not (may_be_empty or len(rows) or problems):
        raise InputError(f"results {results!r} holds no trials; it must be a folder that a trial or a sweep wrote.")
    found = {key: one for key, one in expected.configurations(rows).items() if isinstance(one, TrialConfig)}
    states = dict(zip(rows["key"].to_pylist(), rows["state"].to_pylist(), strict=True))
    return Trials(rows, problems, found, states)


def trial_states(results: str) -> tuple[Mapping[str, str], list[str]]:
    """States of the trials that have a row, by key, and a sentence on every file that was left out.

    Raises:
        InputError: if a merged file cannot be read, so that it is not known which trials are done.
    """
    found = trials(results, may_be_empty=True)
    for problem in found.problems:
        if f"/{MERGED}/{folder('trials')}/" in problem:
            raise InputError(f"results {results!r} holds {problem}")
    return found.states, found.problems


def trial_state(results: str, trial: str) -> str | None:
    """State of a trial's row, completed or failed; None if it has none that can be read."""
    return trials(results, may_be_empty=True, trial=trial).states.get(trial)


def read(
    results: str,
    table: str,
    columns: Sequence[str] | None = None,
    pair: str | None = None,
    of: Trials | None = None,
) -> Read:
    """The rows of all trials in `trials`, of the completed ones in another table; each row once.

    Files that cannot be read, or whose rows are not those of their trials, are left out and named, as are completed
    trials without rows.

    Args:
        columns: the columns to read; None: all.
        pair: only the rows of this pair.
        of: the trials as they were read before; None: they are read now, and their problems are among those returned.

    Raises:
        InputError: if the folder holds no results.
    """
    known = of or trials(results)
    before = [] if of else known.problems
    names = SCHEMAS[table].names if columns is None else columns
    if table == "trials":
        return Read(known.rows.select(names), before)
    rows, problems = _joined(Request(results, table, names, known.completed, pair=pair))
    return Read(rows, before + problems)


def scan(results: str, table: str, columns: Sequence[str], rows: int, of: Trials) -> Iterator[Read]:
    """As `read`, in pieces of about this many rows or a merged file, in which no trial is cut."""
    for piece in pieces(Request(results, table, columns, of.completed), rows):
        yield Read(piece.rows, list(piece.problems.values()))


def read_trial(results: str, table: str, config: TrialConfig) -> pa.Table:
    """One completed trial's rows in one of the four tables.

    Raises:
        InputError: if there are none, or they are not those that its configuration asks for.
    """
    key = settings.key(config)
    rows, problems = _joined(Request(results, table, SCHEMAS[table].names, {key: config}, trial=key))
    if not len(rows):
        gone = f"no {table} of trial {key}; delete trials/{key}.parquet, which says that it is done, and run its "
        raise InputError(f"results {results!r} holds {problems[0] if problems else gone + 'sweep again.'}")
    return rows


def _joined(request: Request) -> Read:
    """The rows of all pieces as one table."""
    tables, problems = [], Problems()
    for piece in pieces(request):
        tables.append(piece.rows)
        problems |= piece.problems
    return Read(pa.concat_tables(tables), list(problems.values()))


def pieces(request: Request, rows: int = ROWS) -> Iterator[Piece]:
    """The rows that count, each trial's in one piece of about so many rows or of a merged file.

    Raises:
        InputError: if a file went away before it was read, as when the folder is packed meanwhile.
    """
    store, root = files.filesystem(request.results)
    nothing = SCHEMAS[request.table].empty_table()
    found: set[str] = set()  # trials that were read, or left out and named
    try:
        # The parts are listed first: one that packing deletes meanwhile is in a merged file by then.
        parts = tablefiles.parts(store, root, request.table, request.trial)
        taken = {key_of(info.path) for info in parts}
        merged, problems = tablefiles.merged(store, root, request.table)
        yield _as_asked(request, Piece(nothing, problems))
        for piece in itertools.chain(_of_parts(request, store, parts, rows), _of_merged(request, store, merged, taken)):
            found.update(piece.rows["key"].unique().to_pylist(), piece.without)
            yield _as_asked(request, piece)
    except FileNotFoundError as error:
        changed = f"results {request.results!r} changed while it was read ({error})"
        raise InputError(f"{changed}; run the command again.") from error
    if request.trial is None:
        yield _as_asked(request, Piece(nothing, _absent(request, root, found)))


def _as_asked(request: Request, piece: Piece) -> Piece:
    told = {path: in_a_line(what) for path, what in piece.problems.items()}  # a file may have any name
    return Piece(piece.rows.select(request.columns), told, piece.without)


def _absent(request: Request, root: str, found: set[str]) -> Problems:
    """Completed trials without a row that should have some."""
    trials = request.trials or {}
    wanted = {key for key, one in trials.items() if expected.size(request.table, one, request.pair)}
    if not (gone := sorted(wanted - found)):
        return {}
    sentence = (
        f"{len(gone)} of {counted(len(trials), 'completed trial')} {'has' if len(trials) == 1 else 'have'} no rows in "
        f"the table {request.table}: files of the results folder are missing (of trial {gone[0]}"
        f"{' and others' if len(gone) > 1 else ''}); put them back from a copy, or delete their files in trials and "
        "run their sweep again."
    )
    return {f"{root}/{folder(request.table)}": sentence}


def _of_parts(request: Request, store: pa.fs.FileSystem, parts: list[pa.fs.FileInfo], rows: int) -> Iterator[Piece]:
    waiting, problems = list[pa.Table](), Problems()
    paths = {key_of(info.path): info.path for info in parts}
    with ThreadPoolExecutor(_THREADS) as pool:
        for some in (parts[start : start + _THREADS] for start in range(0, len(parts), _THREADS)):
            for info, read in zip(some, pool.map(lambda info: _of_part(request, store, info), some), strict=True):
                if isinstance(read, str):
                    problems |= {info.path: read} if read else {}
                else:
                    waiting.append(read)
            if sum(map(len, waiting)) >= rows or some[-1] is parts[-1]:
                yield _sound(request, waiting, problems, paths)
                waiting, problems = [], {}


def _of_part(request: Request, store: pa.fs.FileSystem, info: pa.fs.FileInfo) -> pa.Table | str:
    """The rows of a part, or a sentence on what is wrong with it, which is empty where the part is not wanted."""
    path, key = info.path, key_of(info.path)
    if problem := tablefiles.not_a_file(info):
        return problem
    stray = "delete it if it is a copy, and give it its name back if it was renamed."
    if not re.fullmatch("[0-9a-f]{16}", key):
        return f"{path}, which is not named by a trial as its parts are; {stray}"
    if not request.wants(key):
        return ""
    rows = _content(request, store, path)
    if not isinstance(rows, str) and (odd := [one for one in rows["key"].unique().to_pylist() if one != key]):
        return f"{path}, which holds rows of trial {odd[0]!r}, not only of the trial that it is named by; {stray}"
    return rows


def _of_merged(request: Request, store: pa.fs.FileSystem, merged: list[MergedFile], taken: set[str]) -> Iterator[Piece]:
    for file in merged:
        counting = {key for key in file.keys - taken if request.wants(key)}
        taken |= file.keys
        left = not counting or (request.to_pack and file.rows >= ROWS)
        rows = "" if left else _content(request, store, file.path)
        if isinstance(rows, str):
            problems = {file.path: rows} if rows else {}
            yield Piece(SCHEMAS[request.table].empty_table(), problems, frozenset(counting))
            continue
        problems = {}
        if {*rows["key"].unique().to_pylist()} != file.keys:
            problems = {file.path: f"{file.path}, which holds other trials than it lists; {remedy(file.path)}."}
        rows = rows.filter(pc.is_in(rows["key"], pa.array(sorted(counting), pa.string())))
        yield _sound(request, [rows], problems, dict.fromkeys(counting, file.path))


def _content(request: Request, store: pa.fs.FileSystem, path: str) -> pa.Table | str:
    columns = list(dict.fromkeys([*expected.columns(request.table), *request.columns]))
    return tablefiles.content(store, path, request.table, columns, request.to_pack)


def _sound(request: Request, tables: list[pa.Table], problems: Problems, paths: Mapping[str, str]) -> Piece:
    """The rows of the trials that have all of theirs; the others are named, with their file by key in `paths`."""
    rows = pa.concat_tables(tables) if tables else SCHEMAS[request.table].empty_table()
    if request.pair is not None:
        rows = rows.filter(pc.field("pair") == request.pair)
    wrong = expected.faults(request.table, rows, request.trials or {}, request.pair)
    for path, keys in itertools.groupby(sorted(wrong, key=paths.__getitem__), paths.__getitem__):
        first, *others = keys
        more = f", as have {len(others)} others" if others else ""
        problems[path] = f"{path}, in which trial {first} {wrong[first]}{more}; {remedy(path)}."
    if wrong:
        rows = rows.filter(pc.invert(pc.is_in(rows["key"], pa.array(list(wrong), pa.string()))))
    return Piece(rows, problems, frozenset({*wrong, *map(key_of, problems)}))
