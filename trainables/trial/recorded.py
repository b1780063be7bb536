"""A trial with its record: it resumes from its checkpoint and leaves its rows, whether it completes or fails.

The checkpoint is a file beside the results, under the trial's key, so a trial resumes wherever it is started again:
by the same sweep, by another one, or alone.
"""

import datetime
import traceback
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import torch

from trainables import records
from trainables.records import files, schemas
from trainables.records.layout import CHECKPOINTS
from trainables.settings import TrialConfig, key
from trainables.trial import provenance, schedule, snapshots
from trainables.trial.schedule import Checkpoint

VERSION = 5
"""Raised when a checkpoint's content changes, or the numbers that follow from it."""


def run(config: TrialConfig, results: str, device: torch.device) -> Iterator[Checkpoint]:
    """Run a trial and write its rows to `results`, yielding after every probe.

    A checkpoint is written after every probe and removed once the rows are there. A trial that resumes from a
    checkpoint yields that first.

    Raises:
        Exception: whatever the trial raised, after a row with state `failed` was written.
    """
    reached = read(config, device, results)
    try:
        if reached is not None:
            yield reached
        for reached in schedule.run(config, device, results, reached):  # noqa: B020  # the next after this one
            write(reached, device, results)
            yield reached
        assert reached is not None, "a schedule has at least one probe"
        records.write_trial(results, parts(reached, device))
    except Exception:
        records.write_trial(results, failed_parts(config, device, traceback.format_exc()))
        raise
    files.delete_snapshot(results, CHECKPOINTS, key(config))


def parts(reached: Checkpoint, device: torch.device) -> dict[str, pa.Table]:
    """The four tables of a completed trial, from its last checkpoint."""
    columns = provenance.columns(device, reached.seconds)
    columns |= {"state": "completed", "error": None, "started_at": reached.started_at}
    tables = {name: pa.concat_tables(of_runs) for name, of_runs in reached.rows.items()}
    return {**tables, "trials": schemas.trial_row(reached.config, columns)}


def failed_parts(config: TrialConfig, device: torch.device, error: str) -> dict[str, pa.Table]:
    """The one row of a trial that raised."""
    columns = provenance.columns(device, provenance.Stopwatch(device).seconds)
    columns |= {"state": "failed", "error": error, "started_at": schemas.now()}
    return {"trials": schemas.trial_row(config, columns)}


def write(reached: Checkpoint, device: torch.device, results: str) -> None:
    """Write the trial's checkpoint, in place of the one before.

    It carries its device, since on another model of GPU the noise is another draw of the same law.
    """
    content: dict[str, Any] = {name: value for name, value in vars(reached).items() if name != "config"}
    content["device"] = provenance.device_name(device)
    content["rows"] = {name: _to_ipc(pa.concat_tables(of_runs)) for name, of_runs in reached.rows.items()}
    content["started_at"] = reached.started_at.isoformat()
    snapshots.write(results, CHECKPOINTS, key(reached.config), content, VERSION)


def read(config: TrialConfig, device: torch.device, results: str) -> Checkpoint | None:
    """The checkpoint that `write` wrote, if it is of this trial on such a device; else None."""
    name = provenance.device_name(device)
    content = snapshots.read(results, CHECKPOINTS, key(config), VERSION, device=name)
    if content is None:
        return None
    tables = {name: (pa.ipc.open_stream(part).read_all(),) for name, part in content["rows"].items()}
    started_at = datetime.datetime.fromisoformat(content["started_at"])
    left = {name: content[name] for name in ("run", "weights", "finite", "seconds")}
    return Checkpoint(config, rows=tables, started_at=started_at, **left)


def _to_ipc(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue().to_pybytes()
