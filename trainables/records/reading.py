"""From the files of a results folder to rows that can be trusted, and sentences on what was left out.

A row belongs to the trial whose key it holds, never to the one that its file's name says: a file in which the two
differ is left out, as are a trial's rows if they are not those that its configuration asks for, each once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.fs

from trainables.records import grids, partfiles
from trainables.records.partfiles import MergedFile, Sources
from trainables.records.resultfiles import filesystem
from trainables.records.schemas import SCHEMAS, folder
from trainables.sentences import counted, in_a_line
from trainables.settings import InputError, TrialConfig

ATTEMPTS = 20
"""How often files are listed again when one went away, into a merged file, before it was read."""

_FILES = 500
"""Parts open at a time: what a footer takes in memory is many times a trial's row."""

Problems = dict[str, str]
"""What was left out, a sentence by path."""


@dataclass(frozen=True)
class Request:
    """What to read: a table, all its trials or some, whole or in part.

    Attributes:
        columns: the columns to return; others are read beside them, to hold the rows to their trials.
        trials: the trials whose rows are wanted, by key; None: all, of the table `trials` alone.
        pair: rows of this pair alone.
        rows: least rows of a piece; None: as many as a file has.
        exact: leave out files that have columns which this program does not know.
    """

    results: str
    table: str
    columns: Sequence[str]
    trials: Mapping[str, TrialConfig] | None = None
    pair: str | None = None
    rows: int | None = None
    exact: bool = False


@dataclass(frozen=True)
class Piece:
    """The rows of some whole trials, without file metadata; what was left out beside them, and of which trials."""

    rows: pa.Table
    problems: Problems = field(default_factory=dict)
    without: frozenset[str] = frozenset()


def pieces(request: Request, listed: Callable[[pa.fs.FileSystem, str, str], Sources] | None = None) -> Iterator[Piece]:
    """The rows that count, each trial's in one piece.

    Args:
        listed: which files to read; None: all. Wanted trials that have no rows are told only then.

    Raises:
        InputError: if files go away again and again while they are read.
    """
    store, root = filesystem(request.results)
    done: set[str] = set()  # trials that were given, and names of parts that were left out
    for _ in range(ATTEMPTS):
        try:
            yield from _pass(request, store, root, (listed or partfiles.sources)(store, root, request.table), done)
            break
        except FileNotFoundError:
            continue  # merged since it was listed
    else:
        raise InputError(f"results {request.results!r} changed while it was read; run the command again.")
    if listed is None:
        empty = SCHEMAS[request.table].empty_table().select(request.columns)
        yield Piece(empty, partfiles.strange(store, root, request.table) | _absent(request, root, done))


def joined(table: str, found: Iterable[Piece]) -> tuple[pa.Table, list[str]]:
    """The rows of pieces as one table, and their problems, a sentence per file."""
    tables: list[pa.Table] = []
    problems: Problems = {}
    for piece in found:
        tables.append(piece.rows)
        problems |= piece.problems
    full = [rows for rows in tables if len(rows)]  # those without rows may be of another schema
    return pa.concat_tables(full or tables[:1] or [SCHEMAS[table].empty_table()]), list(problems.values())


def _absent(request: Request, root: str, done: set[str]) -> Problems:
    """Completed trials without a row that should have some."""
    trials = request.trials or {}
    wanted = {key for key, one in trials.items() if grids.size(grids.axes(request.table, one, request.pair))}
    if not (gone := sorted(wanted - done)):
        return {}
    sentence = (
        f"{len(gone)} of {counted(len(trials), 'completed trial')} {'has' if len(trials) == 1 else 'have'} no rows in "
        f"the table {request.table}: files of the "
        f"results folder are missing (of trial {gone[0]}{' and others' if len(gone) > 1 else ''}); put them back from "
        "a copy, or delete their files in trials and run their sweep again."
    )
    return {f"{root}/{folder(request.table)}": sentence}


def _pass(request: Request, store: pa.fs.FileSystem, root: str, sources: Sources, done: set[str]) -> Iterator[Piece]:
    """All files once, without the trials that are done; adds to them."""
    parts, merged = sources
    left = [path for path in parts if partfiles.key_of(path) not in done]
    while left:
        piece, left = _of_parts(request, store, left)
        yield _noted(piece, request, done)
    for file, counting in merged:
        for piece in of_merged(request, store, file, counting - done):
            yield _noted(piece, request, done)


def _noted(piece: Piece, request: Request, done: set[str]) -> Piece:
    done.update(piece.rows["key"].unique().to_pylist(), piece.without)
    told = {path: in_a_line(what) for path, what in piece.problems.items()}  # a file may have any name
    schema = pa.schema([SCHEMAS[request.table].field(column) for column in request.columns])
    return Piece(piece.rows.select(request.columns).cast(schema), told, piece.without)


def _of_parts(request: Request, store: pa.fs.FileSystem, paths: list[str]) -> tuple[Piece, list[str]]:
    """The rows of the first parts, as many as make a piece; and the paths that are left."""
    fragments: list[pa.dataset.Fragment] = []
    problems: Problems = {}
    rows, number = 0, 0
    for number, path in enumerate(paths, 1):  # noqa: B007  # how many were opened
        fragment, problem = partfiles.opened(store, path, request.table, request.exact)
        if fragment is None:
            problems[path] = problem
            continue
        fragments.append(fragment)
        rows += fragment.metadata.num_rows
        if len(fragments) == _FILES or (request.rows is not None and rows >= request.rows):
            break
    found = _own(list(_tagged_batches(request, store, fragments, problems)), problems)
    kept, wrong = _sound(request, _to_table(found, request.table))
    for key, what in wrong.items():
        path = f"{paths[0].rpartition('/')[0]}/{key}.parquet"
        problems[path] = f"{path}, whose trial {what}; {partfiles.remedy(path)}."
    return Piece(kept, problems, frozenset(map(partfiles.key_of, problems))), paths[number:]


def _own(found: list[tuple[str, pa.RecordBatch]], problems: Problems) -> list[pa.RecordBatch]:
    """The rows of files that hold those of the trial that they are named by, and of no other."""
    keys = pa.chunked_array([batch["key"] for _, batch in found], pa.string()).combine_chunks().fill_null("")
    encoded = keys.dictionary_encode()
    names, key = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    number = {name: place for place, name in enumerate(names)}
    ends = np.cumsum([len(batch) for _, batch in found], dtype=int)
    named = np.array([number.get(partfiles.key_of(path), -1) for path, _ in found], dtype=int)
    strange = np.flatnonzero(np.repeat(named, np.diff(ends, prepend=0)) != key)
    files, first = np.unique(np.searchsorted(ends, strange, side="right"), return_index=True)
    for file, row in zip(files, strange[first], strict=True):
        path, _ = found[file]
        problems[path] = (
            f"{path}, which holds rows of trial {names[key[row]]!r} and not, or not only, of the trial that it is "
            "named by; delete it if it is a copy, and give it its name back if it was renamed."
        )
    return [batch for path, batch in found if path not in problems]


def of_merged(request: Request, store: pa.fs.FileSystem, file: MergedFile, counting: frozenset[str]) -> Iterator[Piece]:
    """The rows of a merged file that count, in pieces."""
    wanted = counting if request.trials is None else counting & request.trials.keys()
    nothing = SCHEMAS[request.table].empty_table()
    fragment, problem = partfiles.opened(store, file.path, request.table, request.exact)
    if fragment and file.generation == partfiles.DAMAGED:
        fragment, problem = None, f"{file.path}, which does not list its trials as merged files do; put it elsewhere."
    if fragment is None:
        yield Piece(nothing, {file.path: problem}, wanted)
        return
    if request.table == "trials" and fragment.metadata.num_rows != len(file.keys):
        told = f"{file.path}, which has {fragment.metadata.num_rows} rows and lists {len(file.keys)} trials"
        yield Piece(nothing, {file.path: f"{told}; {partfiles.remedy(file.path)}."})
    if wanted:
        try:
            for rows in _whole_trials(_batches(request, store, fragment, wanted), request.rows):
                kept, wrong = _sound(request, rows)
                yield Piece(kept, _of_file(file.path, wrong), frozenset(wrong))
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            yield Piece(nothing, {file.path: partfiles.damaged(file.path, error)}, wanted)


def _of_file(path: str, wrong: Mapping[str, str]) -> Problems:
    """One sentence on the trials of a merged file that were left out."""
    if not wrong:
        return {}
    key, what = next(iter(wrong.items()))
    more = f", as have {len(wrong) - 1} others" if len(wrong) > 1 else ""
    return {path: f"{path}, in which trial {key} {what}{more}; {partfiles.remedy(path)}."}


def _batches(
    request: Request, store: pa.fs.FileSystem, fragment: pa.dataset.Fragment, wanted: frozenset[str]
) -> Iterator[pa.Table]:
    chosen = pc.field("key").isin(pa.array(sorted(wanted), pa.string()))
    for tagged in _scanner(request, store, [fragment], chosen).scan_batches():
        tagged.record_batch.validate(full=True)
        yield _to_table([tagged.record_batch], request.table)


def _whole_trials(batches: Iterable[pa.Table], rows: int | None) -> Iterator[pa.Table]:
    """Batches in order, joined to tables of at least this many rows that end where a trial ends."""
    waiting: list[pa.Table] = []
    for batch in batches:
        waiting.append(batch)
        if rows is not None and sum(map(len, waiting)) >= rows:
            joined = pa.concat_tables(waiting)
            keys = joined["key"].combine_chunks().to_numpy(zero_copy_only=False)
            last = int(np.argmax(keys == keys[-1]))
            if last:
                yield joined[:last]
                waiting = [joined[last:]]
    if waiting and sum(map(len, waiting)):
        yield pa.concat_tables(waiting)


def _sound(request: Request, rows: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """The rows of the wanted trials that have all of theirs, and what is wrong with the others, by key."""
    if request.trials is not None:
        rows = rows.filter(pc.is_in(rows["key"], pa.array(list(request.trials), pa.string())))
    wrong = grids.faults(request.table, rows, request.trials or {}, request.pair)
    if wrong:
        rows = rows.filter(pc.invert(pc.is_in(rows["key"], pa.array(list(wrong), pa.string()))))
    return rows, wrong


def _tagged_batches(
    request: Request, store: pa.fs.FileSystem, fragments: list[pa.dataset.Fragment], problems: Problems
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of some files, each batch with its file's path; without a file whose content turns out to be damaged."""
    given: list[tuple[str, pa.RecordBatch]] = []
    try:
        for tagged in _scanner(request, store, fragments).scan_batches():
            tagged.record_batch.validate(full=True)
            given.append((tagged.fragment.path, tagged.record_batch))
        yield from given
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        if len(fragments) == 1:
            problems[fragments[0].path] = partfiles.damaged(fragments[0].path, error)
            return
        for one in fragments:
            yield from _tagged_batches(request, store, [one], problems)


def _scanner(
    request: Request,
    store: pa.fs.FileSystem,
    fragments: list[pa.dataset.Fragment],
    chosen: pc.Expression | None = None,
) -> pa.dataset.Scanner:
    """A scan of the columns to read: those that are asked for, and those that say whose rows they are."""
    if request.pair is not None:
        of_pair = pc.field("pair") == request.pair
        chosen = of_pair if chosen is None else chosen & of_pair
    columns = dict.fromkeys([*grids.columns(request.table), *request.columns])
    dataset = pa.dataset.FileSystemDataset(fragments, partfiles.stored_schema(request.table), partfiles.FORMAT, store)
    return dataset.scanner(columns=partfiles.projection(columns), filter=chosen)


def _to_table(batches: list[pa.RecordBatch], table: str) -> pa.Table:
    if not batches:
        return SCHEMAS[table].empty_table()
    return partfiles.with_added(pa.Table.from_batches(batches).replace_schema_metadata())
