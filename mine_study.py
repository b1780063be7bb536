"""Mutual information of the layers of your own network: MINE's estimates, each beside the exact truth.

    import mine_study as ms

    study = ms.Study("results/mlp", settings=ms.grid(noise_std=[0.1, 0.5], epochs=[100]), seeds=range(3))
    for seed in study.seeds:
        for epoch, model in train(seed):                       # your loop, your nn.Module
            study.probe(model, X, y, layers=["fc1", "act2"], epoch=epoch, seed=seed)
    study.run()                                                # resumes after any interruption
    study.table(), study.plane(), study.report("out"), study.fits()

`fit` and `truths` are for arrays that are no part of a study; `load` reads the results of any.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from analysis import Results, StudyResults, load
from analysis.notebook import Picture
from study.resources import Resources
from trainables import devices, records
from trainables.errors import InputError, require
from trainables.estimators import given
from trainables.estimators.arrays import fit, truths
from trainables.estimators.noise_levels import noise_levels
from trainables.records import files, plans
from trainables.settings import (
    DataConfig,
    MineConfig,
    NetworkConfig,
    ScheduleConfig,
    TrialConfig,
    key,
    labels,
    replace,
)
from trainables.subjects import datasets, networks, probing
from trainables.subjects.own import PROBED
from trainables.trial import activations as stored
from trainables.trial import recorded

__all__ = [
    "DataConfig",
    "InputError",
    "MineConfig",
    "NetworkConfig",
    "Resources",
    "Results",
    "ScheduleConfig",
    "Study",
    "fit",
    "grid",
    "load",
    "noise_levels",
    "truths",
]


def grid(**values: Sequence[Any]) -> list[MineConfig]:
    """MINE's settings in all combinations of values, by field of `MineConfig`; the last field fastest.

    >>> [(one.noise_std, one.hidden_units) for one in grid(noise_std=[0.1, 0.5], hidden_units=[20])]
    [(0.1, 20), (0.5, 20)]

    Raises:
        InputError: on an unknown field or a value out of range.
    """
    made = []
    for combination in itertools.product(*values.values()):
        chosen = {f"mine.{name}": value for name, value in zip(values, combination, strict=True)}
        made.append(replace(TrialConfig(), {"mine.samples": None, **chosen}).mine)
    return made


class Study:
    """A study of one network: settings of MINE x seeds, in a results folder.

    Of a network that you train yourself, `probe` it as it learns; a network that the study trains is named by
    `network` and `data`, as the command line does. The same tables, figures and report are made of both.

    Attributes:
        results: folder or URI.
        settings: MINE's, one or more.
        seeds: each one training of the network.
    """

    def __init__(
        self,
        results: str | Path,
        settings: MineConfig | Sequence[MineConfig] = MineConfig(),  # noqa: B008  # frozen
        seeds: Iterable[int] = (0,),
        *,
        network: NetworkConfig | None = None,
        data: DataConfig | None = None,
        schedule: ScheduleConfig = ScheduleConfig(),  # noqa: B008  # frozen
        bins: int | None = None,
        name: str = "own",
    ) -> None:
        """Nothing is written yet.

        Args:
            network, data, schedule: of a network that the study trains; none of them for one that is probed.
            bins: for real-valued y: into how many classes of equal counts it is put.
            name: of the study.

        Raises:
            InputError: if a seed is none, or only one of network and data is given.
        """
        self.results, self.name, self.bins = str(results), name, bins
        self.settings = [settings] if isinstance(settings, MineConfig) else list(settings)
        self.seeds = tuple(given.seed(seed) for seed in seeds)
        require(len(self.settings) > 0 and len(self.seeds) > 0, "settings or seeds", [], "one or more each")
        require((network is None) == (data is None), "network and data", "one of the two", "both, or none of them")
        self.trained = None if network is None or data is None else TrialConfig(0, data, network, schedule)

    def __repr__(self) -> str:
        of = "probed networks" if self.trained is None else self.trained.network.name
        return f"Study({self.results!r}: {len(self.settings)} settings x {len(self.seeds)} seeds of {of})"

    def probe(
        self,
        model: nn.Module | None = None,
        X: Any = None,  # noqa: N803  # as everywhere in the field
        y: Any = None,
        layers: Sequence[str] = (),
        *,
        epoch: int,
        seed: int,
        activations: Mapping[str, Any] | None = None,
    ) -> None:
        """Store the layers' activations after an epoch of your training, to be estimated by `run`.

        The model is read in evaluation mode, without gradients, and left as it was. What is stored already is
        overwritten, until it has been estimated.

        Args:
            model: takes X as it is, in batches; not with `activations`.
            X: inputs, (N, ...), on any device.
            y: labels of any kind, (N,); real numbers if the study has `bins`; None: I(Y;L) is not estimated.
            layers: as `model.named_modules()` names them, in the order in which tables and figures show them;
                `output` is the softmax of the model's output.
            epoch: of your training, from 0.
            activations: in place of model and layers: arrays by layer, each (N, ...).

        Raises:
            InputError: if a layer is not there, is called more than once or returns no tensor; arrays do not fit
                together; or other activations of this seed have been estimated.
        """
        require(self.trained is None, "network", "trained by the study", "none, for one that is probed")
        require(seed in self.seeds, "seed", seed, f"one of the study's, {', '.join(map(str, self.seeds))}")
        require(isinstance(epoch, int) and epoch >= 0, "epoch", epoch, "a whole number from 0")
        require((model is None) != (activations is None), "model and activations", "both or none", "one of the two")
        if model is not None:
            require(len(layers) > 0, "layers", [], "one layer or more")
            activations = probing.outputs(model, torch.as_tensor(X), networks.described(PROBED, tuple(layers)).layers)
        binned = None if y is None or self.bins is None else datasets.classes("y", np.ravel(y), self.bins)
        known = given.read(X, y if binned is None else binned, activations)
        require(known.x is not None, "X", None, "the inputs")
        assert known.x is not None
        numbers = np.zeros(len(known), dtype=np.int64) if known.labels is None else known.labels
        arrays = {name: one.single().numpy().reshape(len(one), *one.shape) for name, one in known.layers.items()}
        inputs = known.x.single().numpy().reshape(len(known), *known.x.shape)
        before = stored.of_seed(self.results, seed)
        stored.write(self.results, seed, epoch, inputs, numbers, arrays, self._estimated(before))

    def _estimated(self, before: stored.Probed | None) -> bool:
        """Whether trials of what is stored of a seed are done."""
        states, _ = records.trial_states(self.results)
        if before is None or not states:
            return False
        found = records.trials(self.results)
        return any(found.configurations[one].network.source == before.source for one in found.completed)

    def configurations(self) -> list[TrialConfig]:
        """The configurations of a network that the study trains; their seed is not used."""
        require(self.trained is not None, "network", None, "named, for the study to train it")
        assert self.trained is not None
        whole = self.trained.with_sources()
        return [replace(whole, {f"mine.{name}": value for name, value in vars(one).items()}) for one in self.settings]

    def trials(self) -> list[TrialConfig]:
        """The study's trials, seed by seed.

        Raises:
            InputError: if nothing of a seed has been probed, or seeds differ in epochs or layers.
        """
        if self.trained is not None:
            return [replace(one, {"seed": seed}) for seed in self.seeds for one in self.configurations()]
        there = {seed: stored.of_seed(self.results, seed) for seed in self.seeds}
        missing = [seed for seed, one in there.items() if one is None]
        require(not missing, "seeds", list(self.seeds), f"probed first: nothing is there of {missing}")
        made = []
        first = there[self.seeds[0]]
        for seed, one in there.items():
            assert one is not None and first is not None
            same = (one.epochs, one.layers) == (first.epochs, first.layers)
            require(same, f"epochs of seed {seed}", one.epochs, f"{first.epochs}, as of seed {self.seeds[0]}")
            made += [self._probed(one, setting) for setting in self.settings]
        return made

    def _probed(self, there: stored.Probed, setting: MineConfig) -> TrialConfig:
        """A trial of activations that are there."""
        data, schedule = DataConfig(name=PROBED, bins=self.bins), ScheduleConfig(epochs=there.epochs)
        network = NetworkConfig(
            name=PROBED, layers=there.layers, source=there.source, epochs=there.epochs[-1] + 1
        )  # fmt: skip
        everything = {f"mine.{name}": value for name, value in vars(setting).items()}
        everything |= {"mine.samples": there.samples}
        if there.listed["classes"] == 1 and not setting.pairs:  # there is nothing to know of a constant
            everything["mine.pairs"] = tuple(f"X;{layer}" for layer in there.layers)
        trial = replace(TrialConfig(there.seed, data, network, schedule), everything)
        trial.check_sizes()
        return trial

    def run(
        self, threads: int = 1, device: str | None = "cpu", ray: bool | str = False, gpus_per_trial: float = 0.0
    ) -> None:
        """Run what is missing of the study's trials; run again, it resumes.

        Args:
            threads: of PyTorch per trial.
            device: of the trials, where Ray does not place them; None: the GPU if there is one.
            ray: True: on Ray on this machine; or the address of a cluster that sees the results folder.
            gpus_per_trial: under Ray.

        Raises:
            InputError: if a trial takes more memory than there is, or as `trials`.
        """
        planned = self.trials()
        missing = self._missing(planned)
        if ray:
            from study import sweep

            address = "local" if ray is True else ray
            resources = Resources(address=address, cpus_per_trial=threads, gpus_per_trial=gpus_per_trial)
            sweep.check(planned, self.results, resources)
            sweep.launch(self.name, planned, self.results, resources)
            return
        files.check_writable(self.results)
        plans.write(self.results, plans.Plan(self.name, tuple(planned)))
        torch.set_num_threads(threads)
        chosen, words = devices.choose_device(device), dict(zip(planned, labels(planned), strict=True))
        for number, trial in enumerate(missing, start=1):
            for reached in recorded.run(trial, self.results, chosen):
                where = f"run {reached.run} of {trial.runs}"
                print(f"trial {number} of {len(missing)}: {words[trial]}: {where}", flush=True)

    def _missing(self, planned: Iterable[TrialConfig]) -> list[TrialConfig]:
        states, _ = records.trial_states(self.results)
        return [trial for trial in planned if states.get(key(trial)) != "completed"]

    def load(self, *where: str) -> StudyResults:
        """The results, or those of the trials with these values (`noise_std=0.1`)."""
        return load(self.results, where)

    def fits(self, *where: str) -> pd.DataFrame:
        """One row per fit: seed, epoch, layer, variable, replicate, settings, estimate, truth, optimum, outcome."""
        return self.load(*where).fits()

    def table(self, name: str = "stability", *where: str) -> pd.DataFrame:
        """A table of the results, by the names of `mine-study table --which`."""
        return self.load(*where).table(name)

    def plane(self, *where: str) -> Picture:
        """The information plane of the first configuration."""
        return self.load(*where).plane()

    def curves(self, pair: str | None = None, *where: str) -> Picture:
        """A pair's learning curves, `X;fc1`; None: of the first."""
        return self.load(*where).curves(pair)

    def report(self, out: str | Path) -> Path:
        """Write the report, one HTML page with its figures and tables beside it, into a folder."""
        from analysis import report

        return report.write(self.results, str(out))

    def drop_activations(self) -> None:
        """Delete the stored activations; rows, tables and figures stay.

        Raises:
            InputError: if a trial has not been run.
        """
        missing = self._missing(self.trials())
        require(not missing, "trials that have not been run", len(missing), "0: run() first")
        for seed in self.seeds:
            stored.drop(self.results, seed)
