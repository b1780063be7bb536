"""Records: the Arrow schemas of the four tables, and writing and reading a trial's parts.

Results lie under any `pyarrow.fs` URI or local path as `<table>/<trial key>.parquet`. A trial's part is
written whole or not at all and named by its key, so a repeated trial overwrites itself; the part in
`trials` is written last and says that the others are complete. `trainables.compaction` merges parts.

A leaf but for the configuration and `partfiles`; it imports neither torch nor ray.
"""

import datetime
import json
import math
import typing
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from trainables import partfiles
from trainables.config import ADDED, InputError, TrialConfig, descriptions, fields, flatten, key

SCHEMA_VERSION = "1"
"""Raised when a column changes its meaning or goes away. Where a column of the configuration is not there, it came
later, and what `config.ADDED` says of it is read."""

STATES = ("completed", "failed")
"""A trial's state: completed also where fits exploded; failed if it raised."""

PROBES = "probes"
"""Folder of the files by which nodes show that they see the same results."""

_OBJECT_STORES = ("s3", "gcs", "abfs")


def _field(name: str, kind: pa.DataType, description: str, unit: str = "", nullable: bool = False) -> pa.Field:
    metadata = {"description": description, **({"unit": unit} if unit else {})}
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def _configuration_fields() -> list[pa.Field]:
    """One column a configuration field; its type from the annotation, its description from the docstring."""
    columns = []
    for path, hint in fields().items():
        allowed = typing.get_args(hint)
        nullable = type(None) in allowed
        if typing.get_origin(hint) is tuple:
            kind = pa.list_(pa.string())
        else:
            sample = next((a for a in allowed if a is not type(None)), hint)
            python_type = sample if isinstance(sample, type) else type(sample)
            kind = {int: pa.int64(), float: pa.float64(), str: pa.string()}[python_type]
        columns.append(_field(path, kind, descriptions()[path], nullable=nullable))
    return columns


_KEY = _field("key", pa.string(), "Trial key: hash of all that changes the trial's numbers.")
_FIT = [
    _KEY,
    _field("run", pa.int32(), "Run: the n-th MINE training of the schedule, from 1."),
    _field("lenet_epoch", pa.int32(), "LeNet-5's epoch after which the run took place, from 0."),
    _field("pair", pa.string(), "Pair, variable;layer."),
    _field("replicate", pa.int32(), "Replicate: which of the statistics networks side by side, from 0."),
]

SCHEMAS: dict[str, pa.Schema] = {
    "trials": pa.schema(
        [
            _KEY,
            _field("state", pa.string(), "completed or failed."),
            _field("error", pa.string(), "What a failed trial raised.", nullable=True),
            *_configuration_fields(),
            _field("started_at", pa.timestamp("us", tz="UTC"), "When the trial started."),
            _field("git_commit", pa.string(), "Commit of the code; null outside a checkout.", nullable=True),
            _field("versions", pa.string(), "Versions of Python and the packages, as JSON."),
            _field("device", pa.string(), "Device that the trial ran on."),
            _field("threads", pa.int32(), "Threads that torch used."),
            _field("seconds_data", pa.float64(), "Loading the data.", "s"),
            _field("seconds_lenet", pa.float64(), "Training and testing LeNet-5, or reading its run.", "s"),
            _field("seconds_truth", pa.float64(), "Computing truths and ceilings, or reading them.", "s"),
            _field("seconds_probe", pa.float64(), "Computing the layers' outputs.", "s"),
            _field("seconds_mine", pa.float64(), "Training the statistics networks.", "s"),
            _field("peak_memory_bytes", pa.int64(), "Peak resident memory of the process so far.", "byte"),
            _field("peak_device_bytes", pa.int64(), "Peak memory on the GPU; null on a CPU.", "byte", nullable=True),
        ]
    ),
    "lenet": pa.schema(
        [
            _KEY,
            _field("epoch", pa.int32(), "LeNet-5's training epoch, from 0."),
            _field("train_loss", pa.float64(), "Mean cross-entropy over the epoch.", "nat"),
            _field("test_accuracy", pa.float64(), "Share of test images classified rightly after the epoch."),
        ]
    ),
    "estimates": pa.schema(
        [
            *_FIT,
            _field("epochs", pa.int32(), "MINE epochs of the fit."),
            _field("estimate", pa.float64(), "Mean bound over the last window; null if not finite.", "nat", True),
            _field("pooled_estimate", pa.float64(), "The same of the pooled bound.", "nat", True),
            _field("previous_window_mean", pa.float64(), "Mean bound over the window before the last.", "nat", True),
            _field("highest_running_mean", pa.float64(), "Highest mean bound over any window.", "nat", True),
            _field("lowest_running_mean", pa.float64(), "Lowest mean bound over any window.", "nat", True),
            _field("first_nonfinite_epoch", pa.int32(), "First MINE epoch with a non-finite number.", nullable=True),
            _field("first_outside_epoch", pa.int32(), "First MINE epoch, from 1, outside the rule.", nullable=True),
            _field("dead_units", pa.int32(), "Hidden units that were zero on every sample of the last epoch."),
            _field("dead_hidden_layers", pa.int32(), "Hidden layers all of whose units were so."),
            _field("ceiling", pa.float64(), "H(X) or H(Y) of the samples that MINE used.", "nat"),
            _field("truth", pa.float64(), "Exact mutual information with the noisy layer.", "nat"),
            _field("truth_standard_error", pa.float64(), "Standard error of truth; 0 without noise.", "nat"),
            _field("truth_draws", pa.int32(), "Monte Carlo draws of truth; a cap bounds them."),
            _field("truth_without_noise", pa.float64(), "Truth of the same layer at noise_std 0.", "nat"),
            _field("target", pa.float64(), "What the marginals make the bound aim at; may be infinite.", "nat"),
            _field("started_from", pa.string(), "Weights at the start: initialisation or previous run."),
        ]
    ),
    "curves": pa.schema(
        [
            *_FIT,
            _field("mine_epoch", pa.int32(), "MINE epoch, from 1."),
            _field("bound", pa.float32(), "Mean bound of the epoch's batches; NaN or infinite as it came.", "nat"),
            _field("pooled_bound", pa.float32(), "The bound over all of the epoch's samples at once.", "nat"),
            _field("log_mean_exp", pa.float32(), "Mean log-mean-exp term of the epoch's batches.", "nat"),
            _field("gradient_norm", pa.float32(), "Norm of the fit's gradient at the epoch's last step."),
        ]
    ),
}  # fmt: skip


def table(name: str, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> pa.Table:
    """An Arrow table of one of the four kinds; NaN becomes null in nullable columns.

    Raises:
        ValueError: if the columns are not exactly those of the schema, or a column that must not be
            missing has a missing value.
    """
    schema = SCHEMAS[name].with_metadata({"schema_version": SCHEMA_VERSION})
    if set(columns) != set(schema.names):
        odd = sorted(set(columns) ^ set(schema.names))
        raise ValueError(f"columns of {name} do not match its schema: {', '.join(odd)}")
    arrays = [_array(columns[field.name], field) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any] | np.ndarray, field: pa.Field) -> pa.Array:
    if field.nullable and not isinstance(values, np.ndarray):
        values = [None if isinstance(v, float) and math.isnan(v) else v for v in values]
    array = pa.array(values, from_pandas=field.nullable).cast(field.type)
    if array.null_count and not field.nullable:
        raise ValueError(f"column {field.name} has missing values and must have none")
    return array


def trial_row(config: TrialConfig, provenance: Mapping[str, Any]) -> pa.Table:
    """The one row of `trials`: key, configuration, and `provenance`, which holds every other column."""
    columns: dict[str, Any] = {"key": key(config), **flatten(config), **provenance}
    columns["mine.pairs"] = list(config.mine.pairs)
    return table("trials", {name: [value] for name, value in columns.items()})


def filesystem(results: str, field: str = "results") -> tuple[pa.fs.FileSystem, str]:
    """The file system and the path of a results folder given as a local path or a URI; `field` is what it is called.

    Raises:
        InputError: if it is empty, or the URI's scheme is not known.
    """
    if not results.split("://", 1)[-1]:
        raise InputError(f"{field} {results!r} names no place; it must be a local path or a URI of pyarrow.fs.")
    if "://" not in results:
        return pa.fs.LocalFileSystem(), str(PurePosixPath(_absolute(results)))
    try:
        return pa.fs.FileSystem.from_uri(results)
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        raise InputError(
            f"{field} {results!r} cannot be opened ({error}); it must be a local path or a URI of pyarrow.fs."
        ) from error


def _absolute(path: str) -> str:
    from pathlib import Path

    return str(Path(path).expanduser().absolute())


def write_bytes(filesystem: pa.fs.FileSystem, path: str, content: bytes | pa.Buffer) -> None:
    """Write a file whole or not at all; a reader never sees a part of it.

    An object store shows an object only once it is complete and has no rename; elsewhere the content
    goes to a temporary name in the same folder and is renamed.
    """
    if filesystem.type_name in _OBJECT_STORES:
        with filesystem.open_output_stream(path) as stream:
            stream.write(content)
        return
    filesystem.create_dir(str(PurePosixPath(path).parent), recursive=True)
    # Readers of a folder pass over names that begin with a dot.
    temporary = str(PurePosixPath(path).with_name(f".{uuid.uuid4().hex}.tmp"))
    try:
        with filesystem.open_output_stream(temporary) as stream:
            stream.write(content)
        filesystem.move(temporary, path)
    except BaseException:
        if filesystem.get_file_info(temporary).type == pa.fs.FileType.File:
            filesystem.delete_file(temporary)
        raise


def to_parquet(content: pa.Table) -> pa.Buffer:
    """An Arrow table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(content, sink, compression="zstd")
    return sink.getvalue()


def write_trial(results: str, parts: Mapping[str, pa.Table]) -> None:
    """Write a trial's parts, by table name; `trials` last, since its row says that the rest is there."""
    store, root = filesystem(results)
    trial = parts["trials"].column("key")[0].as_py()
    for name in sorted(parts, key=lambda name: name == "trials"):
        write_bytes(store, f"{root}/{name}/{trial}.parquet", to_parquet(parts[name]))


def check_writable(results: str, field: str = "results") -> None:
    """Write and remove a probe; `field` is what the folder is called.

    Raises:
        InputError: if the folder cannot be written.
    """
    store, root = filesystem(results, field)
    probe = f"{root}/.probe-{uuid.uuid4().hex}"
    try:
        write_bytes(store, probe, b"")
        store.delete_file(probe)
    except OSError as error:
        raise InputError(
            f"{field} {results!r} cannot be written ({error}); it must be a writable folder or URI."
        ) from error


def read(
    results: str,
    name: str,
    columns: Iterable[str] | None = None,
    filter: Any = None,
    skipped: list[str] | None = None,
) -> pa.Table:
    """One of the four tables, all trials, each trial's rows once (see `trainables.partfiles`).

    Args:
        columns: the columns to read; None: all.
        filter: a pyarrow expression, pushed down to the files.
        skipped: where a sentence is added for every file that cannot be read; None: the first one raises.

    Raises:
        InputError: if the folder holds no results, or a file is damaged or of another schema version.
    """
    schema = SCHEMAS[name] if columns is None else pa.schema([SCHEMAS[name].field(column) for column in columns])
    for attempt in range(_ATTEMPTS):
        missed: list[str] = []
        try:
            batches = list(_scan(results, name, schema.names, filter, missed if skipped is not None else None, None))
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        if skipped is not None:
            skipped += missed
        return pa.concat_tables(batches) if batches else schema.empty_table()
    raise AssertionError("the last attempt returns or raises")


_ATTEMPTS = 5
"""How often files are listed anew when one went away, into a merged file, before it was read."""


def read_trial(results: str, name: str, trial: str) -> pa.Table:
    """One trial's part of one of the four tables.

    Raises:
        InputError: if there is none, or it is damaged or of another schema version.
    """
    store, root = filesystem(results)
    path = f"{root}/{name}/{trial}.parquet"
    if store.get_file_info(path).type == pa.fs.FileType.File:  # without a listing of all the others
        fragment = open_file(store, path, name, results, None)
        dataset = _dataset([fragment], name, store)
        return with_added(next(_tables(dataset, SCHEMAS[name].names, None, results, None, None)))
    rows = read(results, name, filter=pa.dataset.field("key") == trial)
    if not len(rows):
        raise InputError(
            f"results {results!r} holds no {name} of trial {trial}; if it holds trials/{trial}.parquet, which says "
            "that the trial is done, delete that and run its sweep again."
        )
    return rows


def scan(
    results: str, name: str, columns: Sequence[str], rows: int, skipped: list[str] | None = None
) -> Iterator[pa.Table]:
    """As `read`, in pieces of about this many rows, in which no trial is cut; `columns` must have `key`.

    Raises:
        InputError: as `read`, and if the folder is compacted meanwhile.
    """
    try:
        yield from _scan(results, name, columns, None, skipped, rows)
    except FileNotFoundError as error:
        raise InputError(f"results {results!r} changed while it was read ({error}); run the command again.") from error


def _scan(
    results: str, name: str, columns: Sequence[str], filter: Any, skipped: list[str] | None, rows: int | None
) -> Iterator[pa.Table]:
    store, root = filesystem(results)
    if not partfiles.exist(store, root, name) and not partfiles.exist(store, root, "trials"):
        raise InputError(f"results {results!r} holds no trials; it must be a folder that a trial or a sweep wrote.")
    for dataset, only in _datasets(results, name, skipped):
        chosen = only if filter is None else filter if only is None else filter & only
        yield from map(with_added, _tables(dataset, columns, chosen, results, skipped, rows))


def _tables(
    dataset: pa.dataset.Dataset,
    columns: Sequence[str],
    filter: Any,
    results: str,
    skipped: list[str] | None,
    rows: int | None,
) -> Iterator[pa.Table]:
    """The rows of some files, in pieces if `rows` is given; without a file whose content turns out to be damaged."""
    given: set[str] = set()
    try:
        if rows is None:
            yield dataset.to_table(columns=list(columns), filter=filter).replace_schema_metadata()
            return
        for piece in _whole_trials(dataset.to_batches(columns=list(columns), filter=filter), rows):
            given.update(piece["key"].unique().to_pylist())
            yield piece
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        left = [fragment for fragment in dataset.get_fragments() if partfiles.key_of(fragment.path) not in given]
        if len(left) == 1:
            _refuse(damaged(left[0].path, error), results, skipped)
            return
        for fragment in left:
            alone = pa.dataset.FileSystemDataset([fragment], dataset.schema, partfiles.FORMAT, dataset.filesystem)
            yield from _tables(alone, columns, filter, results, skipped, rows)


def _whole_trials(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Batches in order, joined to tables of at least this many rows that end where a trial ends."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows:
            joined = pa.Table.from_batches(waiting).replace_schema_metadata()
            keys = joined["key"].combine_chunks().to_numpy(zero_copy_only=False)
            last = int(np.argmax(keys == keys[-1]))
            if last:
                yield joined[:last]
                waiting = joined[last:].to_batches()
    if waiting and sum(map(len, waiting)):
        yield pa.Table.from_batches(waiting).replace_schema_metadata()


_FILES = 500
"""Parts open at a time: what a footer takes in memory is many times a trial's row."""


def _datasets(results: str, name: str, skipped: list[str] | None) -> Iterator[tuple[pa.dataset.Dataset, Any]]:
    """Data sets that together hold a table, each with a filter for the rows that count, or None."""
    store, root = filesystem(results)
    parts, merged = partfiles.sources(store, root, name)
    for start in range(0, len(parts), _FILES):
        opened = [open_file(store, path, name, results, skipped) for path in parts[start : start + _FILES]]
        yield _dataset([fragment for fragment in opened if fragment], name, store), None
    for file, counting in merged:
        if fragment := open_file(store, file.path, name, results, skipped):
            only = pa.dataset.field("key").isin(pa.array(sorted(counting), pa.string()))
            yield _dataset([fragment], name, store), None if counting == file.keys else only


def with_added(rows: pa.Table) -> pa.Table:
    """Rows as read, with what `config.ADDED` says of fields that came after the rows were written.

    A column that a file does not have is read as nulls, which no column that may not be null has otherwise.
    """
    for place, column in enumerate(rows.schema):
        if column.name in ADDED and rows[place].null_count:
            filled = rows[place].fill_null(pa.scalar(ADDED[column.name], column.type))
            rows = rows.set_column(place, column, filled)
    return rows


def _dataset(fragments: list[pa.dataset.Fragment], name: str, store: pa.fs.FileSystem) -> pa.dataset.Dataset:
    return pa.dataset.FileSystemDataset(fragments, SCHEMAS[name], partfiles.FORMAT, store)


def open_file(
    store: pa.fs.FileSystem, path: str, name: str, results: str, skipped: list[str] | None
) -> pa.dataset.ParquetFileFragment | None:
    """A file of a table, its footer read; None if it is damaged or not of this schema, with a sentence in `skipped`.

    Raises:
        InputError: in place of None if `skipped` is None.
    """
    fragment = partfiles.FORMAT.make_fragment(path, store)
    try:
        fragment.ensure_complete_metadata()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        problem = damaged(path, error)
    else:
        version = (fragment.metadata.metadata or {}).get(b"schema_version", b"none").decode()
        odd = _odd_columns(SCHEMAS[name], fragment.physical_schema)
        if version == SCHEMA_VERSION and not odd:
            return fragment
        if version == SCHEMA_VERSION:
            problem = f"{path} with columns that are missing or of another type: {', '.join(odd)}."
        else:
            problem = f"{path} of schema version {version}; this program reads version {SCHEMA_VERSION}."
    _refuse(problem, results, skipped)
    return None


def _odd_columns(schema: pa.Schema, found: pa.Schema) -> list[str]:
    """Columns that a file lacks, but for those that may be null or came later, or has with another type."""
    there = dict(zip(found.names, found.types, strict=True))
    wanted = [column for column in schema if column.name in there or not (column.nullable or column.name in ADDED)]
    return [column.name for column in wanted if there.get(column.name) != column.type]


def damaged(path: str, error: Exception) -> str:
    """What is wrong with a file of a table, and what to do."""
    said = " ".join("".join(letter if letter.isprintable() else " " for letter in str(error)).split())
    return f"a damaged file, {path} ({said}); {_remedy(path)} and run its sweep or trial again."


def _refuse(problem: str, results: str, skipped: list[str] | None) -> None:
    if skipped is None:
        raise InputError(f"results {results!r} holds {problem}")
    skipped.append(problem)


def _remedy(path: str) -> str:
    """What to delete so that a damaged file's trials run again: also the rows in `trials` that say they are done."""
    *_, place, table, name = path.split("/")
    if table == "trials":
        return "delete it"
    return "delete the folder merged" if place == partfiles.MERGED else f"delete it and trials/{name}"


def trial_states(results: str, skipped: list[str] | None = None) -> dict[str, str]:
    """State by key of the trials that have a row; empty where nothing was written yet."""
    store, root = filesystem(results)
    if not partfiles.exist(store, root, "trials"):
        return {}
    rows = read(results, "trials", ["key", "state"], skipped=skipped)
    return dict(zip(rows["key"].to_pylist(), rows["state"].to_pylist(), strict=True))


def trial_state(results: str, trial: str) -> str | None:
    """State of a trial's row, completed or failed; None if it has none."""
    store, root = filesystem(results)
    part = f"{root}/trials/{trial}.parquet"
    if store.get_file_info(part).type == pa.fs.FileType.File:
        return pa.parquet.read_table(part, filesystem=store, columns=["state"])["state"][0].as_py()
    for file in partfiles.merged_files(store, root, "trials"):
        if trial in file.keys:
            rows = pa.parquet.read_table(
                file.path, filesystem=store, columns=["key", "state"], filters=[("key", "==", trial)]
            )
            return rows["state"][0].as_py()
    return None


def write_snapshot(results: str, folder: str, name: str, content: bytes) -> None:
    """Write a file that is no table (a checkpoint, a LeNet-5 run, a truth), in place of the one before."""
    store, root = filesystem(results)
    write_bytes(store, f"{root}/{folder}/{name}.pt", content)


def read_snapshot(results: str, folder: str, name: str) -> bytes | None:
    """What `write_snapshot` wrote; None if there is nothing."""
    store, root = filesystem(results)
    try:
        with store.open_input_stream(f"{root}/{folder}/{name}.pt") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def delete_snapshot(results: str, folder: str, name: str) -> None:
    """Remove what `write_snapshot` wrote, if it is there."""
    store, root = filesystem(results)
    path = f"{root}/{folder}/{name}.pt"
    try:
        # An object store deletes what is not there in silence, and puts a folder in its place.
        if store.get_file_info(path).type == pa.fs.FileType.File:
            store.delete_file(path)
    except FileNotFoundError:
        return  # another sweep in the same folder was faster


def check_seen(results: str, sweep: str) -> None:
    """Hold this process to the folder that the sweep's driver sees.

    Raises:
        InputError: if the file that the driver wrote there cannot be read here.
    """
    if read_snapshot(results, PROBES, sweep) is None:
        raise InputError(f"results {results!r} is here not the folder that the sweep started in; it must be.")


def write_text(results: str, folder: str, name: str, text: str) -> None:
    """Write a small text file beside the tables, in place of the one before, whole or not at all."""
    store, root = filesystem(results)
    write_bytes(store, f"{root}/{folder}/{name}", text.encode())


def read_texts(results: str, folder: str, ending: str) -> list[tuple[str, str]]:
    """The text files of a folder beside the tables whose names end so: (name, text), by name."""
    store, root = filesystem(results)
    texts = []
    for name in sorted(written_at(results, folder, ending)):
        with store.open_input_stream(f"{root}/{folder}/{name}{ending}") as stream:
            texts.append((f"{name}{ending}", stream.read().decode()))
    return texts


def written_at(results: str, folder: str, ending: str) -> dict[str, datetime.datetime]:
    """When each file of a folder was written, by its name without the ending; empty where there is no folder."""
    store, root = filesystem(results)
    infos = store.get_file_info(pa.fs.FileSelector(f"{root}/{folder}", allow_not_found=True))
    return {
        info.base_name.removesuffix(ending): info.mtime
        for info in infos
        if info.type == pa.fs.FileType.File and info.base_name.endswith(ending) and not info.base_name.startswith(".")
    }


def versions_json(versions: Mapping[str, str]) -> str:
    """Versions as the JSON text that the `versions` column holds."""
    return json.dumps(dict(sorted(versions.items())))


def now() -> datetime.datetime:
    """The present time in UTC, as `started_at` holds it."""
    return datetime.datetime.now(datetime.UTC)
