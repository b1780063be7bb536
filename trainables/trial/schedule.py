"""One whole trial, top to bottom: train the network; at every probe read its layers, estimate, and record."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import torch

from trainables import truth
from trainables.estimators import mine
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.records import schemas
from trainables.settings import TrialConfig
from trainables.trial import network_run, provenance, rows


@dataclass(frozen=True)
class Checkpoint:
    """A trial after one of its runs: its rows so far, and all that it takes to resume.

    Attributes:
        run: runs of MINE that are done.
        weights, finite: the statistics networks after the last run, and which fits were finite, (pairs, replicates).
        rows: by table, one part per run (`estimates`, `curves`), or the network's whole training (`network`).
    """

    config: TrialConfig
    run: int = 0
    weights: Mapping[str, torch.Tensor] = field(default_factory=dict)
    finite: torch.Tensor | None = None
    rows: Mapping[str, tuple[pa.Table, ...]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    started_at: datetime.datetime = field(default_factory=schemas.now)

    @property
    def epoch(self) -> int:
        """The network's epoch of the last run."""
        return self.config.probe_epochs[self.run - 1]

    @property
    def accuracy(self) -> float:
        """The network's test accuracy at the last run."""
        return self.rows["network"][0]["test_accuracy"][self.epoch].as_py()


def run(
    config: TrialConfig, device: torch.device, results: str | None = None, reached: Checkpoint | None = None
) -> Iterator[Checkpoint]:
    """Run a trial, yielding after every probe; the last checkpoint holds all rows.

    Args:
        results: where the network and its truths are read and written for other trials; None: both are made here.
        reached: where to resume; None: from the start. The rows are the same either way.

    Raises:
        InputError: if the trial takes more memory than the device has, or the data cannot be loaded.
    """
    provenance.forget_device_peak(device)
    reached = Checkpoint(config) if reached is None else reached
    watch = provenance.Stopwatch(device, reached.seconds)
    trained, probed = network_run.subject(config, device, results, watch.phase)
    with watch.phase("data"):
        parts = network_run.parts(config, probed)
        fitted = parts["fitted"]
        ceilings = {"X": truth.entropy(probed.inputs[fitted]), "Y": truth.entropy(probed.labels[fitted])}

    for number, epoch in list(enumerate(config.probe_epochs, start=1))[reached.run :]:
        with watch.phase("probe"):
            outputs = trained.outputs(config, epoch, probed, config.layers)
            samples = {part: network_run.samples(config, probed, outputs, of) for part, of in parts.items()}
        with watch.phase("truth"):
            answers, stds = {}, {config.mine.noise_std, 0.0}
            for part, of_part in samples.items():
                truths = network_run.obtain_truths(config, part, epoch, of_part, stds, results)
                answers[part] = rows.known_answers(config, truths, ceilings, of_part, epoch, part)
        with watch.phase("mine"):
            networks, started_from = _networks(reached, trained.shapes(config), number, device)
            curves = mine.train(networks, samples["fitted"], config.seed, number)
            others = samples.get("held_out")
            held_out = mine.read_out(networks, others, config.seed, number) if others else {}
        del outputs, samples, others, of_part  # a gigabyte at full size, before the next probe makes its own
        estimates = rows.estimates(config, number, curves, answers, started_from, held_out)
        reached = Checkpoint(
            config,
            number,
            networks.state(),
            curves.finite.all(dim=0),
            {
                "network": (rows.network(config, trained),),
                "estimates": (*reached.rows.get("estimates", ()), estimates),
                "curves": (*reached.rows.get("curves", ()), rows.curves(config, number, curves)),
            },
            dict(watch.seconds),
            reached.started_at,
        )
        yield reached


def _networks(
    reached: Checkpoint, shapes: Mapping[str, tuple[int, ...]], run: int, device: torch.device
) -> tuple[StatisticsNetworks, np.ndarray]:
    """The statistics networks at the start of a run, and where each fit's weights came from."""
    config = reached.config
    networks = StatisticsNetworks(config.mine, shapes, config.seed, run, device, pairs=config.pairs)
    started_from = np.full((len(networks.pairs), config.mine.replicates), "initialisation", dtype=object)
    if config.mine.transfer_mode == "finetune" and reached.finite is not None:
        # A fit that is no longer finite starts from fresh weights; its siblings go on.
        networks.load(reached.weights, keep=reached.finite)
        started_from[reached.finite.numpy()] = "previous run"
    return networks, started_from
