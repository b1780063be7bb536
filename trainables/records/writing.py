"""A trial's rows written: a part per table, atomically, so a repeated trial overwrites itself."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet

from trainables.records import files
from trainables.records.layout import folder


def to_parquet(content: pa.Table) -> pa.Buffer:
    """An Arrow table as the bytes of a Parquet file, with checksums: a bit that flips on a disk is found."""
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(content, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def write_trial(results: str, parts: Mapping[str, pa.Table]) -> None:
    """Write a trial's parts, by table name; `trials` last, since its row says that the rest is there."""
    store, root = files.filesystem(results)
    trial = parts["trials"].column("key")[0].as_py()
    for name in sorted(parts, key="trials".__eq__):
        files.write_bytes(store, f"{root}/{folder(name)}/{trial}.parquet", to_parquet(parts[name]))
