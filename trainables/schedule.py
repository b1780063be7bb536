"""One whole trial, top to bottom: train LeNet-5 an epoch, probe, estimate, record."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from trainables import data, fit_rows, lenet, mine, provenance, records, truth
from trainables.config import InputError, TrialConfig, key
from trainables.draws import generator
from trainables.statistics_network import StatisticsNetworks

CHECKPOINT_VERSION = 1
"""Raised when a checkpoint's content changes."""


@dataclass
class Progress:
    """A trial between two probes: all that is needed to go on, and the rows so far.

    Attributes:
        run: runs of MINE that are done.
        epoch: LeNet-5's last trained epoch.
        rows: tables by name, one part a run (`estimates`, `curves`) or an epoch (`lenet`).
    """

    config: TrialConfig
    device: torch.device
    run: int = 0
    epoch: int = -1
    lenet_state: dict[str, Any] = field(default_factory=dict)
    networks_state: dict[str, torch.Tensor] = field(default_factory=dict)
    finite: torch.Tensor | None = None
    rows: dict[str, list[pa.Table]] = field(default_factory=lambda: {"lenet": [], "estimates": [], "curves": []})
    seconds: dict[str, float] = field(default_factory=dict)
    started_at: datetime.datetime = field(default_factory=records.now)

    def parts(self) -> dict[str, pa.Table]:
        """The four tables of a completed trial."""
        columns = provenance.columns(self.device, self.seconds)
        columns |= {"state": "completed", "error": None, "started_at": self.started_at}
        tables = {name: pa.concat_tables(parts) for name, parts in self.rows.items()}
        return {**tables, "trials": records.trial_row(self.config, columns)}

    def latest(self, table: str) -> pa.Table:
        """The rows that the last run or epoch added to a table."""
        return self.rows[table][-1]


def run(config: TrialConfig, device: torch.device, progress: Progress | None = None) -> Iterator[Progress]:
    """Run a trial, yielding after every probe; the last progress holds the whole record.

    Args:
        progress: where to go on from; None: from the start. The rows are the same either way.

    Raises:
        InputError: if the data cannot be loaded.
    """
    progress = progress or Progress(config, device)
    watch = provenance.Stopwatch(device, progress.seconds)
    progress.seconds = watch.seconds
    with watch.phase("data"):
        images = data.load(config.data)
        learnt, test = images.train.subset(config.lenet.train_samples).to(device), images.test.to(device)
        probed = images.train.subset(config.mine.samples).to(device)
    with watch.phase("probe"):
        ceilings = {"X": truth.entropy(probed.pixels), "Y": truth.entropy(probed.labels)}
    network = lenet.LeNet5(generator(config.seed, "lenet weights")).to(device)
    optimizer = lenet.make_optimizer(network, config.lenet)
    if progress.lenet_state:
        network.load_state_dict(progress.lenet_state["network"])
        optimizer.load_state_dict(progress.lenet_state["optimizer"])

    for epoch in range(progress.epoch + 1, config.lenet.epochs):
        with watch.phase("lenet"):
            order = generator(config.seed, "lenet batches", epoch)
            loss = lenet.train_epoch(network, optimizer, learnt, config.lenet.batch_size, order)
            accuracy = lenet.accuracy(network, test)
        progress.epoch = epoch
        progress.rows["lenet"].append(_lenet_row(config, epoch, loss, accuracy))
        if epoch not in config.probe_epochs:
            continue
        progress.run += 1
        with watch.phase("probe"):
            outputs = lenet.activations(network, probed, config.mine.layers)
        with watch.phase("mine"):
            networks, started_from = _networks(progress)
            samples = mine.Samples(probed.pixels.flatten(1), probed.labels, outputs)
            curves = mine.train(networks, samples, config.seed, progress.run)
        position = (key(config), progress.run, epoch, curves)
        progress.rows["estimates"].append(fit_rows.estimates(*position, ceilings, started_from))
        progress.rows["curves"].append(fit_rows.curves(*position))
        progress.networks_state, progress.finite = networks.state(), curves.finite[-1].to(device)
        progress.lenet_state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        yield progress


def _networks(progress: Progress) -> tuple[StatisticsNetworks, np.ndarray]:
    """The statistics networks at the start of a run, and where each fit's weights came from."""
    config, shapes = progress.config, {"X": (1, data.IMAGE_SIDE, data.IMAGE_SIDE), **lenet.LAYER_SHAPES}
    networks = StatisticsNetworks(config.mine, shapes, config.seed, progress.run, progress.device)
    started_from = np.full((len(networks.pairs), config.mine.replicates), "initialisation", dtype=object)
    if config.mine.transfer_mode == "finetune" and progress.finite is not None:
        # A fit that is no longer finite starts from fresh weights; its siblings go on.
        networks.load(progress.networks_state, keep=progress.finite)
        started_from[progress.finite.cpu().numpy()] = "previous run"
    return networks, started_from


def _lenet_row(config: TrialConfig, epoch: int, loss: float, accuracy: float) -> pa.Table:
    row = {"key": key(config), "epoch": epoch, "train_loss": loss, "test_accuracy": accuracy}
    return records.table("lenet", {name: [value] for name, value in row.items()})


def save(progress: Progress) -> bytes:
    """A checkpoint: tensors and plain values only, so that it loads without running code."""
    content = {
        "version": CHECKPOINT_VERSION,
        "key": key(progress.config),
        "run": progress.run,
        "epoch": progress.epoch,
        "lenet": progress.lenet_state,
        "networks": progress.networks_state,
        "finite": progress.finite,
        "rows": {name: _to_ipc(pa.concat_tables(parts)) for name, parts in progress.rows.items()},
        "seconds": progress.seconds,
        "started_at": progress.started_at.isoformat(),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def restore(config: TrialConfig, device: torch.device, checkpoint: bytes) -> Progress:
    """The progress that `save` wrote.

    Raises:
        InputError: if the checkpoint is damaged, of another version, or of another trial.
    """
    try:
        content = torch.load(io.BytesIO(checkpoint), map_location=device, weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds on a damaged file
        raise InputError(f"checkpoint cannot be read ({type(error).__name__}); it must be whole.") from error
    for name, expected in (("version", CHECKPOINT_VERSION), ("key", key(config))):
        if content.get(name) != expected:
            raise InputError(f"checkpoint's {name} is {content.get(name)!r}; it must be {expected!r}.")
    return Progress(
        config, device, content["run"], content["epoch"], content["lenet"], content["networks"], content["finite"],
        {name: [_from_ipc(part)] for name, part in content["rows"].items()},
        content["seconds"], datetime.datetime.fromisoformat(content["started_at"]),
    )  # fmt: skip


def _to_ipc(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue().to_pybytes()


def _from_ipc(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()


def failed_parts(config: TrialConfig, device: torch.device, error: str) -> dict[str, pa.Table]:
    """The one row that a trial leaves which raised."""
    columns = provenance.columns(device, dict.fromkeys(("data", "lenet", "probe", "mine"), 0.0))
    columns |= {"state": "failed", "error": error, "started_at": records.now()}
    return {"trials": records.trial_row(config, columns)}
