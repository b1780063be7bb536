"""A trial that looks after itself: it goes on from its checkpoint and leaves its record.

The checkpoint lies beside the results, under the trial's key, so a trial goes on wherever it is started
again: by the same sweep, by another one, or alone.
"""

import logging
import traceback
from collections.abc import Iterator

import torch

from trainables import records
from trainables.records import files
from trainables.settings import InputError, TrialConfig, key
from trainables.trial import schedule
from trainables.trial.schedule import Progress

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
"""Folder of the checkpoints, beside the tables."""


def run(config: TrialConfig, results: str, device: torch.device) -> Iterator[Progress]:
    """Run a trial and write its rows to `results`, yielding after every probe.

    A checkpoint is written after every probe and removed once the rows are there. A trial that goes on from a
    checkpoint yields that first.

    Raises:
        Exception: whatever the trial raised, after a row with state `failed` was written.
    """
    progress = _restore(config, results, device)
    try:
        if progress is not None:
            yield progress
        for progress in schedule.run(config, device, results, progress):  # noqa: B020  # the same, moved on
            files.write_snapshot(results, CHECKPOINTS, key(config), schedule.save(progress))
            yield progress
        assert progress is not None, "a schedule has at least one probe, after epoch 0"
        records.write_trial(results, progress.parts())
    except Exception:
        records.write_trial(results, schedule.failed_parts(config, device, traceback.format_exc()))
        raise
    files.delete_snapshot(results, CHECKPOINTS, key(config))


def _restore(config: TrialConfig, results: str, device: torch.device) -> Progress | None:
    """Where the trial stood when it was last cut off; None: start anew."""
    checkpoint = files.read_snapshot(results, CHECKPOINTS, key(config))
    if checkpoint is None:
        return None
    try:
        return schedule.restore(config, device, checkpoint)
    except InputError as error:
        logger.warning("trial %s starts anew: %s", key(config), error)
        return None
