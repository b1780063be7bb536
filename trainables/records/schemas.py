"""The Arrow schemas of the four tables, and a trial's columns as tables that keep to them."""

import datetime
import json
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from trainables.sentences import in_a_line
from trainables.settings import TrialConfig, descriptions, fields, flatten, key, stored

SCHEMA_VERSION = "1"
"""Raised when a column changes its meaning or goes away."""

_READ_OUTS = {
    f"{part}_{name}": f"{words}, {said}."
    for part, said in (
        ("read_out", "over the last window, of all of an epoch's samples at once"),
        ("held_out", "of the trained T on the samples that it was not trained on"),
    )
    for name, words in (
        ("donsker_varadhan", "T read out by Donsker-Varadhan"),
        ("smile", "The same with exp(T) clipped by mine.clip"),
        ("nwj", "T read out by NWJ, where training fixes its constant"),
        ("infonce", "T read out by InfoNCE, where it was taken of all pairs of a batch"),
    )
} | {
    "held_out_truth": "As truth, of the samples that T was not trained on.",
    "held_out_truth_standard_error": "As truth_standard_error, of the same.",
    "held_out_optimum": "As optimum, of the same.",
    "optimum_standard_error": "Of optimum, where it is finite and was drawn.",
}

LATER = frozenset({"late_slope", "late_slope_error", *_READ_OUTS})
"""Columns that came after the first results; null where a file does not have them, or a writer leaves them out."""

RENAMED: Mapping[str, str] = {
    "optimum": "target",
    **{name: stored(name) for name in (*fields(), "network_epoch", "seconds_network") if stored(name) != name},
}
"""Columns that have another name in earlier files."""

STATES = ("completed", "failed")
"""A trial's state: completed also where fits exploded; failed if it raised."""


def _field(name: str, kind: pa.DataType, description: str, unit: str = "", nullable: bool = False) -> pa.Field:
    metadata = {"description": description, **({"unit": unit} if unit else {})}
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def _configuration_fields() -> list[pa.Field]:
    """One column per configuration field; its type from the annotation, its description from the docstring."""
    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    columns = []
    for path, hint in fields().items():
        allowed = typing.get_args(hint) or (hint,)
        first = allowed[0] if isinstance(allowed[0], type) else type(allowed[0])  # a Literal's are values
        kind = pa.list_(kinds[first]) if typing.get_origin(hint) is tuple else kinds[first]
        columns.append(_field(path, kind, descriptions()[path], nullable=type(None) in allowed))
    return columns


_KEY = _field("key", pa.string(), "Trial key: hash of all that changes the trial's numbers.")

_FIT = [
    _KEY,
    _field("run", pa.int32(), "Run: the n-th MINE training of the schedule, from 1."),
    _field("network_epoch", pa.int32(), "The network's epoch after which the run took place, from 0."),
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
            _field("seconds_network", pa.float64(), "Training and testing the network, or reading its run.", "s"),
            _field("seconds_truth", pa.float64(), "Computing truths and ceilings, or reading them.", "s"),
            _field("seconds_probe", pa.float64(), "Computing the layers' outputs.", "s"),
            _field("seconds_mine", pa.float64(), "Training the statistics networks.", "s"),
            _field("peak_memory_bytes", pa.int64(), "Peak resident memory of the process so far.", "byte"),
            _field("peak_device_bytes", pa.int64(), "Peak memory on the GPU; null on a CPU.", "byte", nullable=True),
        ]
    ),
    "network": pa.schema(
        [
            _KEY,
            _field("epoch", pa.int32(), "The network's training epoch, from 0."),
            _field("train_loss", pa.float64(), "Mean cross-entropy over the epoch.", "nat"),
            _field("test_accuracy", pa.float64(), "Share of test samples classified rightly after the epoch."),
        ]
    ),
    "estimates": pa.schema(
        [
            *_FIT,
            _field("epochs", pa.int32(), "MINE epochs of the fit."),
            _field("estimate", pa.float64(), "Mean bound over the last window; null if not finite.", "nat", True),
            _field("pooled_estimate", pa.float64(), "The same of the pooled bound.", "nat", True),
            _field("late_slope", pa.float64(), "Slope of the curve over its last half, per doubling.", "nat", True),
            _field("late_slope_error", pa.float64(), "Standard error of late_slope.", "nat", True),
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
            _field("optimum", pa.float64(), "What the marginals make the bound aim at; may be infinite.", "nat"),
            *(_field(name, pa.float64(), text, "nat", nullable=True) for name, text in _READ_OUTS.items()),
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
        ValueError: if the columns are not exactly those of the schema, or a value is missing where none may be.
    """
    schema = SCHEMAS[name].with_metadata({"schema_version": SCHEMA_VERSION})
    rows = len(next(iter(columns.values())))
    columns = {later: [None] * rows for later in LATER.intersection(schema.names)} | dict(columns)
    if set(columns) != set(schema.names):
        odd = sorted(set(columns) ^ set(schema.names))
        raise ValueError(f"columns of {name} do not match its schema: {', '.join(odd)}")
    arrays = [_array(columns[field.name], field) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any] | np.ndarray, field: pa.Field) -> pa.Array:
    array = pa.array(values, from_pandas=field.nullable).cast(field.type)
    if array.null_count and not field.nullable:
        raise ValueError(f"column {field.name} has missing values and must have none")
    return array


def trial_row(config: TrialConfig, provenance: Mapping[str, Any]) -> pa.Table:
    """The one row of `trials`: key, configuration, and `provenance`, which holds every other column."""
    columns: dict[str, Any] = {"key": key(config), **flatten(config), **provenance}
    columns["mine.pairs"] = list(config.pairs)
    return table("trials", {name: [value] for name, value in columns.items()})


def versions_json(versions: Mapping[str, str]) -> str:
    """Versions as the JSON text that the `versions` column holds."""
    return json.dumps(dict(sorted(versions.items())))


def versions(text: str) -> dict[str, str]:
    """The inverse of `versions_json`; text that it did not write is one nameless version."""
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    return found if isinstance(found, dict) else {"": text}


def reason(error: str | None, most: int = 200) -> str:
    """Why a trial failed: the last line of its error, shortened; empty where nothing is recorded."""
    said = next(filter(None, (in_a_line(line[: 2 * most]) for line in reversed((error or "").splitlines()))), "")
    return said if len(said) <= most else f"{said[:most]}…"


def now() -> datetime.datetime:
    """The present time in UTC, as `started_at` holds it."""
    return datetime.datetime.now(datetime.UTC)
