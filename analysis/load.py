"""From Parquet to DataFrames. Columns of the configuration carry its field paths."""

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from trainables import records
from trainables.config import configuration_key, fields, unflatten


def trials(results: str) -> pd.DataFrame:
    """All trials, one row each, indexed by key; see `trainables.records.SCHEMAS["trials"]`.

    `mine.pairs` is text, and `configuration` tells configurations apart: trials that differ in the seed alone,
    or in settings that change no number, have the same.
    """
    rows = records.read(results, "trials")
    flat = rows.select(list(fields())).to_pylist()
    configurations = [configuration_key(unflatten(row)) for row in flat]
    # Sizes may be null for "all", and stay whole numbers beside it.
    frame = rows.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    frame["mine.pairs"] = frame["mine.pairs"].map(", ".join)
    return frame.assign(configuration=configurations).set_index("key")


def estimates(results: str) -> pd.DataFrame:
    """All fits of completed trials, one row each."""
    return _of_completed(results, "estimates")


def lenet(results: str) -> pd.DataFrame:
    """LeNet-5's loss and accuracy, one row a trial and epoch."""
    return _of_completed(results, "lenet")


def curves(results: str, pair: str) -> pd.DataFrame:
    """The curves of one pair, one row a fit of a completed trial and MINE epoch."""
    return _of_completed(results, "curves", pc.field("pair") == pair)


def _of_completed(results: str, table: str, filter: Any = None) -> pd.DataFrame:
    """Rows whose trial says that its record is complete; a trial cut off while writing has no such row."""
    states = records.trial_states(results)
    rows = records.read(results, table, filter=filter).to_pandas()
    return rows[rows["key"].map(states.get) == "completed"].reset_index(drop=True)


def configuration_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of `trials` that hold the configuration without the seed."""
    return [path for path in fields() if path != "seed" and path in frame.columns]
