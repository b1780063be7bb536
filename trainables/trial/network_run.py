"""A network's training and the truths of its layers: made once, then read by all trials of a results folder.

Neither depends on MINE's settings, so trials of one seed share them: as files under a hash of what decides them,
written atomically, and made again, with the same numbers, where they are missing.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables import truth
from trainables.draws import generator
from trainables.estimators import memory
from trainables.estimators.mine import Samples
from trainables.records.layout import NETWORK_RUNS, TRUTHS
from trainables.settings import TrialConfig, content_key, network_key, stored
from trainables.subjects import data, own, probing, training
from trainables.subjects.data import DataSet, Examples
from trainables.subjects.own import PROBED
from trainables.trial import activations, snapshots
from trainables.trial.activations import Probed
from trainables.truth import Truth

VERSION = 1
"""Raised when the content or the numbers of a file change."""


@dataclass(frozen=True)
class NetworkRun:
    """A trained network.

    Attributes:
        states: parameters after each probed epoch, by epoch.
        train_loss, test_accuracy: by epoch.
    """

    states: dict[int, dict[str, Tensor]]
    train_loss: list[float]
    test_accuracy: list[float]

    def shapes(self, config: TrialConfig) -> Mapping[str, tuple[int, ...]]:
        """Of one sample of X and of each layer; of Y the number of classes."""
        return training.shapes(config.network.name, config.network.layers, config.data_set)

    def outputs(self, config: TrialConfig, epoch: int, samples: Examples, layers: Iterable[str]) -> dict[str, Tensor]:
        """The layers' outputs after a probed epoch, by layer, each (samples, features)."""
        network = training.build(config.network.name, config.data_set, torch.Generator())
        network.load_state_dict(self.states[epoch])
        network.to(samples.inputs.device)
        modules = {layer: config.described.layers[layer] for layer in layers}
        return probing.activations(network, samples.inputs, modules, config.network.output)


def subject(
    config: TrialConfig, device: torch.device, results: str | None, phase: Callable[[str], AbstractContextManager]
) -> tuple[NetworkRun | Probed, Examples]:
    """What a trial studies: the network, trained or read, and on the device the samples that MINE and truth use.

    Args:
        phase: times the phases `data` and `network`.

    Raises:
        InputError: if the trial takes more memory than the device has, the data cannot be loaded, or activations are
            not there.
    """
    if config.network.name == PROBED:
        with phase("data"):
            there = activations.of_trial(config, results)
            memory.check_fit(config.mine, there.shapes(config), config.pairs, there.samples, device)
            return there, there.examples(device)
    memory.check_trial(config, device)
    with phase("data"):
        loaded = data.chosen(config.data).to(device)
    with phase("network"):
        return obtain(config, loaded, results), loaded.train.subset(config.mine.samples)


def train(config: TrialConfig, loaded: DataSet) -> NetworkRun:
    """Train the network for the whole schedule, on the data's device; all training samples are in `loaded`."""
    settings = config.network
    own.check(settings.name, settings.source, "network.name")
    learnt = loaded.train.subset(settings.train_samples)
    network = training.build(settings.name, config.data_set, generator(config.seed, stored("network weights")))
    network.to(learnt.labels.device)
    optimizer = training.make_optimizer(network, settings)
    trained = NetworkRun({}, [], [])
    for epoch in range(settings.epochs):
        source = generator(config.seed, stored("network batches"), epoch)
        loss = training.train_epoch(network, optimizer, learnt, settings.batch_size, source, settings.last_batch)
        trained.train_loss.append(loss)
        trained.test_accuracy.append(training.accuracy(network, loaded.test))
        if epoch in config.probe_epochs:
            state = network.state_dict()
            trained.states[epoch] = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
    return trained


def obtain(config: TrialConfig, loaded: DataSet, results: str | None = None) -> NetworkRun:
    """The network of this configuration: read, or trained and written for others.

    Args:
        results: folder or URI; None: train, and write nothing.
    """
    if results is None:
        return train(config, loaded)
    if found := _read_network(config, results):
        return found
    trained = train(config, loaded)
    # Whoever trained it meanwhile, perhaps on another device, may have computed its truths: one serves all trials.
    if found := _read_network(config, results):
        return found
    snapshots.write(results, NETWORK_RUNS, network_key(config), vars(trained), VERSION)
    return trained


def _read_network(config: TrialConfig, results: str) -> NetworkRun | None:
    content = snapshots.read(results, NETWORK_RUNS, network_key(config), VERSION)
    fields = ("states", "train_loss", "test_accuracy")
    return NetworkRun(**{name: content[name] for name in fields}) if content else None


def parts(config: TrialConfig, probed: Examples) -> dict[str, Tensor | slice]:
    """Rows of the samples: `fitted`, those that T is trained on, and if any the `held_out` ones."""
    if not config.mine.held_out:
        return {"fitted": slice(None)}
    order = torch.randperm(len(probed), generator=generator(config.seed, "held out")).to(probed.labels.device)
    return {"fitted": order[config.held_out_samples :], "held_out": order[: config.held_out_samples]}


def samples(config: TrialConfig, probed: Examples, outputs: Mapping[str, Tensor], rows: Tensor | slice) -> Samples:
    """A part of the samples with their layers, which `mine.null` shuffled_once parts from them for good."""
    labels, layers = probed.labels[rows], {layer: values[rows] for layer, values in outputs.items()}
    if config.mine.null == "shuffled_once":
        order = torch.randperm(len(labels), generator=generator(config.seed, "null")).to(labels.device)
        layers = {layer: values[order] for layer, values in layers.items()}
    return Samples(probed.inputs[rows].flatten(1), labels, layers)


def obtain_truths(
    config: TrialConfig,
    part: str,
    epoch: int,
    part_samples: Samples,
    noise_stds: Collection[float],
    results: str | None = None,
) -> dict[tuple[str, float], Truth]:
    """The truths after a probed epoch, by layer and noise std: read, or computed and written for others.

    Args:
        part: of `parts`.
        part_samples: its samples with their layers.
    """
    if config.mine.null == "shuffled_each_step":
        nothing = Truth(0.0, 0.0, 0.0, 0.0, np.zeros(1), np.zeros(1))
        return dict.fromkeys(itertools.product(part_samples.layers, noise_stds), nothing)
    assert part_samples.y is not None
    found: dict[tuple[str, float], Truth] = {}
    for layer, of_layer in part_samples.layers.items():
        for std in noise_stds:
            if known := _read_truths(config, part, layer, std, results).get(epoch):
                found[layer, std] = _to_truth(known)
        missing = [std for std in noise_stds if (layer, std) not in found]
        source = generator(config.seed, "truth", epoch, layer, *([] if part == "fitted" else [part]))
        for std, one in (truth.compute(of_layer, part_samples.y, missing, source) if missing else {}).items():
            found[layer, std] = one
            if results is not None:
                epochs = {**_read_truths(config, part, layer, std, results), epoch: _from_truth(one)}
                snapshots.write(results, TRUTHS, _truth_key(config, part, layer, std), {"epochs": epochs}, VERSION)
    return found


def _truth_key(config: TrialConfig, part: str, layer: str, noise_std: float) -> str:
    name: dict[str, Any] = {stored("network"): network_key(config), "samples": config.mine_samples}
    if config.mine.held_out:
        name |= {"held_out": config.mine.held_out, "part": part}
    if config.mine.null != "none":
        name["null"] = config.mine.null
    return content_key({**name, "layer": layer, "noise_std": noise_std})


def _read_truths(
    config: TrialConfig, part: str, layer: str, noise_std: float, results: str | None
) -> dict[int, dict[str, Any]]:
    """What is there of a layer's truths, by epoch."""
    if results is None:
        return {}
    content = snapshots.read(results, TRUTHS, _truth_key(config, part, layer, noise_std), VERSION)
    return content["epochs"] if content else {}


def _from_truth(one: Truth) -> dict[str, Any]:
    ratios = {name: torch.from_numpy(getattr(one, name)) for name in ("log_ratio_x", "log_ratio_y")}
    return vars(one) | ratios


def _to_truth(content: dict[str, Any]) -> Truth:
    ratios = {name: content[name].numpy() for name in ("log_ratio_x", "log_ratio_y")}
    return Truth(**content | ratios)
