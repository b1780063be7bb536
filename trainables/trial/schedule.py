"""One whole trial, top to bottom: the network, its truths, then at every probe estimate and record."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import torch

from trainables import truth
from trainables.draws import generator
from trainables.estimators import mine
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.records import schemas
from trainables.settings import InputError, TrialConfig, key
from trainables.subjects import data
from trainables.trial import fit_rows, memory, network_run, provenance, snapshots
from trainables.trial.network_run import NetworkRun

CHECKPOINT_VERSION = 4
"""Raised when a checkpoint's content changes, or the numbers that follow from it."""


@dataclass
class Progress:
    """A trial between two probes: all that is needed to go on, and the rows so far.

    Attributes:
        run: runs of MINE that are done.
        networks_state, finite: the statistics networks after the last run, and which fits were finite.
        rows: tables by name, one part a run (`estimates`, `curves`) or the network's whole run (`network`).
    """

    config: TrialConfig
    device: torch.device
    run: int = 0
    networks_state: dict[str, torch.Tensor] = field(default_factory=dict)
    finite: torch.Tensor | None = None
    rows: dict[str, list[pa.Table]] = field(default_factory=lambda: {"network": [], "estimates": [], "curves": []})
    seconds: dict[str, float] = field(default_factory=dict)
    started_at: datetime.datetime = field(default_factory=schemas.now)

    @property
    def epoch(self) -> int:
        """The network's epoch of the last run."""
        return self.config.probe_epochs[self.run - 1]

    @property
    def accuracy(self) -> float:
        """The network's test accuracy at the last run."""
        return self.rows["network"][0]["test_accuracy"][self.epoch].as_py()

    def parts(self) -> dict[str, pa.Table]:
        """The four tables of a completed trial."""
        columns = provenance.columns(self.device, self.seconds)
        columns |= {"state": "completed", "error": None, "started_at": self.started_at}
        tables = {name: pa.concat_tables(parts) for name, parts in self.rows.items()}
        return {**tables, "trials": schemas.trial_row(self.config, columns)}


def run(
    config: TrialConfig, device: torch.device, results: str | None = None, progress: Progress | None = None
) -> Iterator[Progress]:
    """Run a trial, yielding after every probe; the last progress holds the whole record.

    Args:
        results: where the network's run and its truths are read and published; None: both are made anew.
        progress: where to go on from; None: from the start. The rows are the same either way.

    Raises:
        InputError: if the trial takes more memory than the device has, or the data cannot be loaded.
    """
    memory.check_trial(config, device)
    progress = progress or Progress(config, device)
    provenance.forget_device_peak(device)
    watch = provenance.Stopwatch(device, progress.seconds)
    layers, stds = tuple(config.layers), (0.0, config.mine.noise_std)
    with watch.phase("data"):
        loaded = data.load(**vars(config.data)).to(device)
        parts = network_run.parts(config, loaded)
    with watch.phase("network"):
        trained = network_run.obtain(config, loaded, results)
        progress.rows["network"] = [_network_rows(config, trained)]
    with watch.phase("truth"):
        truths = {
            part: network_run.obtain_truths(config, trained, part, examples, layers, stds, results)
            for part, examples in parts.items()
        }
        ceilings = {"X": truth.entropy(parts["fitted"].inputs), "Y": truth.entropy(parts["fitted"].labels)}
    del loaded  # from here on only the probed samples are needed

    for epoch in config.probe_epochs[progress.run :]:
        progress.run += 1
        with watch.phase("probe"):
            samples = {
                part: mine.Samples(
                    examples.inputs.flatten(1), examples.labels, trained.outputs(config, epoch, examples, layers)
                )
                for part, examples in parts.items()
            }
        with watch.phase("mine"):
            networks, started_from = _networks(progress)
            curves = mine.train(networks, samples["fitted"], config.seed, progress.run)
            held_out = config.mine.held_out > 0
            read = mine.read_out(networks, samples["held_out"], config.seed, progress.run) if held_out else {}
        with watch.phase("truth"):
            answers = {
                part: {
                    pair: fit_rows.known_answers(
                        config.mine, pair, ceilings, of, truths[part][epoch, pair[2:], config.mine.noise_std],
                        truths[part][epoch, pair[2:], 0.0], generator(config.seed, "contrast", epoch, part, pair),
                    )
                    for pair in config.pairs
                }
                for part, of in samples.items()
            }  # fmt: skip
        del samples  # a gigabyte at full size, before the next probe makes its own
        position = (key(config), progress.run, epoch, curves)
        found = (answers["fitted"], started_from, read, answers.get("held_out", {}))
        progress.rows["estimates"].append(fit_rows.estimates(*position, *found))
        progress.rows["curves"].append(fit_rows.curves(*position))
        progress.networks_state, progress.finite = networks.state(), curves.finite.all(dim=0)
        yield progress


def _networks(progress: Progress) -> tuple[StatisticsNetworks, np.ndarray]:
    """The statistics networks at the start of a run, and where each fit's weights came from."""
    config = progress.config
    shapes = dict(network_run.shapes(config.network.name, config.data.name))
    networks = StatisticsNetworks(config.mine, shapes, config.seed, progress.run, progress.device, pairs=config.pairs)
    started_from = np.full((len(networks.pairs), config.mine.replicates), "initialisation", dtype=object)
    if config.mine.transfer_mode == "finetune" and progress.finite is not None:
        # A fit that is no longer finite starts from fresh weights; its siblings go on.
        networks.load(progress.networks_state, keep=progress.finite)
        started_from[progress.finite.numpy()] = "previous run"
    return networks, started_from


def _network_rows(config: TrialConfig, trained: NetworkRun) -> pa.Table:
    epochs = len(trained.train_loss)
    columns = {"key": [key(config)] * epochs, "epoch": range(epochs)}
    return schemas.table(
        "network", columns | {"train_loss": trained.train_loss, "test_accuracy": trained.test_accuracy}
    )


def save(progress: Progress) -> bytes:
    """A checkpoint of a trial."""
    content = {
        "run": progress.run,
        "device": provenance.device_name(progress.device),
        "networks": progress.networks_state,
        "finite": progress.finite,
        "rows": {name: _to_ipc(pa.concat_tables(parts)) for name, parts in progress.rows.items()},
        "seconds": progress.seconds,
        "started_at": progress.started_at.isoformat(),
    }
    return snapshots.dump(content, CHECKPOINT_VERSION, key(progress.config))


def restore(config: TrialConfig, device: torch.device, checkpoint: bytes) -> Progress:
    """The progress that `save` wrote.

    Raises:
        InputError: if the checkpoint is damaged, of another version, of another trial, or of another device: its
            rows and those that follow would be of two draws of the noise.
    """
    content = snapshots.parse(checkpoint, CHECKPOINT_VERSION, key(config))
    there, here = content["device"], provenance.device_name(device)
    if there != here:
        raise InputError(f"checkpoint's device is {there!r}; it must be {here!r}, as the trial's is now.")
    rows = {name: [_from_ipc(part)] for name, part in content["rows"].items()}
    started_at = datetime.datetime.fromisoformat(content["started_at"])
    networks, finite = content["networks"], content["finite"]
    return Progress(config, device, content["run"], networks, finite, rows, content["seconds"], started_at)


def _to_ipc(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue().to_pybytes()


def _from_ipc(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()


def failed_parts(config: TrialConfig, device: torch.device, error: str) -> dict[str, pa.Table]:
    """The one row that a trial leaves which raised."""
    columns = provenance.columns(device, provenance.Stopwatch(device).seconds)
    columns |= {"state": "failed", "error": error, "started_at": schemas.now()}
    return {"trials": schemas.trial_row(config, columns)}
