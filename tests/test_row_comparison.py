"""The comparison that chaos rests on must itself find what differs."""

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tests.row_comparison import differences
from trainables.settings import key
from trainables.trial import recorded as trial


def test_repeated_trials_are_equal_and_every_kind_of_difference_is_found(tiny, tmp_path):
    ours, theirs = tmp_path / "a", tmp_path / "b"
    for results in (ours, theirs):
        list(trial.run(tiny, str(results), torch.device("cpu")))
    assert differences(str(ours), str(theirs)) == []
    path = ours / "curves" / f"{key(tiny)}.parquet"
    whole = pq.read_table(path)
    bound = whole["bound"].to_pylist()
    changed = pa.array([bound[0] + 1e-6, *bound[1:]], pa.float32())
    pq.write_table(whole.set_column(whole.schema.get_field_index("bound"), whole.schema.field("bound"), changed), path)
    assert differences(str(ours), str(theirs)) == ["curves.bound: 1 values differ"]
    pq.write_table(pa.concat_tables([whole, whole.slice(0, 2)]), path)
    left_out, missing = differences(str(ours), str(theirs))
    assert str(path) in left_out and missing == f"curves: {len(whole)} rows missing, 0 too many"
    path.unlink()
    left_out, missing = differences(str(ours), str(theirs))
    assert "1 of 1 completed trial has no rows in the table curves" in left_out
