"""A network's training and the truths of its layers: made once, then read by all trials of a results folder.

Neither depends on MINE's settings, so trials of one seed share them: as files under a hash of what decides them,
written atomically, and made again, with the same numbers, where they are missing.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables import truth
from trainables.draws import generator
from trainables.records.layout import NETWORK_RUNS, TRUTHS
from trainables.settings import TrialConfig, content_key, network_key, stored
from trainables.subjects import probing, training
from trainables.subjects.data import DataSet, Examples
from trainables.subjects.networks import NETWORKS
from trainables.trial import snapshots
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

    def outputs(self, config: TrialConfig, epoch: int, samples: Examples, layers: Iterable[str]) -> dict[str, Tensor]:
        """The layers' outputs after a probed epoch, by layer, each (samples, features)."""
        network = training.build(config.network.name, config.data.name, torch.Generator())
        network.load_state_dict(self.states[epoch])
        network.to(samples.inputs.device)
        modules = {layer: NETWORKS[config.network.name].layers[layer] for layer in layers}
        found = probing.activations(network, samples.inputs, modules, config.network.output)
        if config.mine.null != "shuffled_once":
            return found
        order = torch.randperm(len(samples), generator=generator(config.seed, "null")).to(samples.inputs.device)
        return {layer: values[order] for layer, values in found.items()}


def train(config: TrialConfig, data: DataSet) -> NetworkRun:
    """Train the network for the whole schedule, on the data's device; all training samples are in `data`."""
    settings = config.network
    learnt = data.train.subset(settings.train_samples)
    network = training.build(settings.name, config.data.name, generator(config.seed, stored("network weights")))
    network.to(learnt.labels.device)
    optimizer = training.make_optimizer(network, settings)
    trained = NetworkRun({}, [], [])
    for epoch in range(settings.epochs):
        source = generator(config.seed, stored("network batches"), epoch)
        loss = training.train_epoch(network, optimizer, learnt, settings.batch_size, source, settings.last_batch)
        trained.train_loss.append(loss)
        trained.test_accuracy.append(training.accuracy(network, data.test))
        if epoch in config.probe_epochs:
            state = network.state_dict()
            trained.states[epoch] = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
    return trained


def obtain(config: TrialConfig, data: DataSet, results: str | None = None) -> NetworkRun:
    """The network of this configuration: read, or trained and written for others.

    Args:
        results: folder or URI; None: train, and write nothing.
    """
    if results is None:
        return train(config, data)
    if found := _read_network(config, results):
        return found
    trained = train(config, data)
    # Whoever trained it meanwhile, perhaps on another device, may have computed its truths: one serves all trials.
    if found := _read_network(config, results):
        return found
    snapshots.write(results, NETWORK_RUNS, network_key(config), vars(trained), VERSION)
    return trained


def _read_network(config: TrialConfig, results: str) -> NetworkRun | None:
    content = snapshots.read(results, NETWORK_RUNS, network_key(config), VERSION)
    fields = ("states", "train_loss", "test_accuracy")
    return NetworkRun(**{name: content[name] for name in fields}) if content else None


def parts(config: TrialConfig, data: DataSet) -> dict[str, Examples]:
    """The samples that MINE and truth use: `fitted`, those that T is trained on, and if any the `held_out` ones."""
    probed = data.train.subset(config.mine.samples)
    if not config.mine.held_out:
        return {"fitted": probed}
    order = torch.randperm(len(probed), generator=generator(config.seed, "held out")).to(probed.labels.device)
    rows = {"fitted": order[config.held_out_samples :], "held_out": order[: config.held_out_samples]}
    return {part: Examples(probed.inputs[own], probed.labels[own]) for part, own in rows.items()}


def obtain_truths(
    config: TrialConfig,
    part: str,
    epoch: int,
    outputs: Mapping[str, Tensor],
    labels: Tensor,
    noise_stds: Collection[float],
    results: str | None = None,
) -> dict[tuple[str, float], Truth]:
    """The truths after a probed epoch, by layer and noise std: read, or computed and written for others.

    Args:
        part: of `parts`.
        outputs: of these samples, by layer, each (samples, features).
        labels: of these samples.
    """
    if config.mine.null == "shuffled_each_step":
        nothing = Truth(0.0, 0.0, 0.0, 0.0, np.zeros(1), np.zeros(1))
        return dict.fromkeys(itertools.product(outputs, noise_stds), nothing)
    found: dict[tuple[str, float], Truth] = {}
    for layer, of_layer in outputs.items():
        for std in noise_stds:
            if known := _read_truths(config, part, layer, std, results).get(epoch):
                found[layer, std] = _to_truth(known)
        missing = [std for std in noise_stds if (layer, std) not in found]
        source = generator(config.seed, "truth", epoch, layer, *([] if part == "fitted" else [part]))
        for std, one in (truth.compute(of_layer, labels, missing, source) if missing else {}).items():
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
