"""Results folders, what every reader has of them, and files in them that are changed."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis import load, tables
from trainables.records import layout, schemas
from trainables.settings import TrialConfig, key

TABLES = sorted(schemas.SCHEMAS)


def part(folder: Path, table: str, config: TrialConfig) -> Path:
    return folder / layout.folder(table) / f"{key(config)}.parquet"


def seen(folder: Path) -> dict[str, pd.DataFrame]:
    """What every reader of a folder has, by table."""
    study = load(str(folder))
    return {
        "trials": study.trials.sort_index(),
        "network": study.network.astype({"key": str}).sort_values(["key", "epoch"], ignore_index=True),
        "estimates": study.estimates.astype({"key": str, "pair": str}).sort_values(
            ["key", "run", "pair", "replicate"], ignore_index=True
        ),
        "curves": study.curve_rows("Y;sm1").astype({"key": str}).sort_values(
            ["key", "run", "replicate", "mine_epoch"], ignore_index=True
        ),
    }  # fmt: skip


def assert_alike(found: dict[str, pd.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    for table in TABLES:
        pd.testing.assert_frame_equal(found[table], expected[table], check_categorical=False)


def named(folder: Path, path: Path) -> list[str]:
    """The sentences on a file in the notes of `table`, from each table that reads it."""
    name = {"lenet": "accuracy", "curves": "convergence"}.get(path.parent.name, "stability")
    return [note for note in tables.build(name, str(folder))[1] if note.startswith("Not read: ") and str(path) in note]


def change(path: Path, how) -> None:  # noqa: ANN001
    """Rewrite a file's rows with their metadata."""
    rows = pq.read_table(path)
    pq.write_table(how(rows).replace_schema_metadata(rows.schema.metadata), path)


def put(rows: pa.Table, column: str, values: list) -> pa.Table:
    place = rows.column_names.index(column)
    return rows.set_column(place, column, pa.array(values, rows.schema.field(column).type))
