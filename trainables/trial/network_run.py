"""One training of a network: its probed states, and the truths of its layers. Trained or computed once, then read.

Neither depends on MINE's settings, so the trials of one seed share them. They lie beside the results under a
name derived from their content's configuration, whole or not at all; whoever finds none makes and publishes
them, with the same numbers.
"""

import functools
import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables import truth
from trainables.draws import generator
from trainables.records import resultfiles
from trainables.settings import InputError, TrialConfig, content_key, network_key, stored
from trainables.subjects import probing, training
from trainables.subjects.data import DataSet, Examples
from trainables.subjects.datasets import DATASETS
from trainables.subjects.networks import NETWORKS
from trainables.trial import snapshots
from trainables.truth import Truth

logger = logging.getLogger(__name__)

_FOLDER = stored("network_runs")
"""Folder of the published runs, beside the tables."""

VERSION = 1
"""Raised when the content or the numbers of a published file change."""


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

    def outputs(self, config: TrialConfig, epoch: int, samples: Examples, layers: Sequence[str]) -> dict[str, Tensor]:
        """The layers' outputs after a probed epoch, by layer, each (samples, features)."""
        network = training.build(config.network.name, config.data.name, torch.Generator())
        network.load_state_dict(self.states[epoch])
        modules = {layer: module for layer, module in config.layers.items() if layer in layers}
        device = samples.inputs.device
        found = probing.activations(network.to(device), samples.inputs, modules, config.network.output)
        if config.mine.null != "shuffled_once":
            return found
        order = torch.randperm(len(samples), generator=generator(config.seed, "null")).to(device)
        return {layer: values[order] for layer, values in found.items()}


@functools.lru_cache(maxsize=32)
def shapes(network: str, data: str) -> Mapping[str, tuple[int, ...]]:
    """Shape of one sample of X and of each layer of a network, and of Y the number of classes."""
    described = DATASETS[data]
    made = training.build(network, data, torch.Generator())
    layers = probing.shapes(made, described.shape, NETWORKS[network].layers)
    return {"X": described.shape, "Y": (described.classes,), **layers}


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
    """The published run of this configuration, or a newly trained and published one.

    Args:
        results: folder or URI; None: train and publish nowhere.
    """
    if published := _published(config, results):
        return published
    trained = train(config, data)
    # Whoever trained it meanwhile, perhaps on another device, may have computed its truths: one serves all trials.
    if published := _published(config, results):
        return published
    _publish(results, _FOLDER, network_key(config), vars(trained))
    return trained


def _published(config: TrialConfig, results: str | None) -> NetworkRun | None:
    if content := _read(results, _FOLDER, network_key(config)):
        return NetworkRun(content["states"], content["train_loss"], content["test_accuracy"])
    return None


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
    trained: NetworkRun,
    part: str,
    samples: Examples,
    layers: Sequence[str],
    noise_stds: Sequence[float],
    results: str | None = None,
) -> dict[tuple[int, str, float], Truth]:
    """Truths after every probed epoch, read where they are published, else computed and published.

    Args:
        part, samples: one of `parts`.

    Returns:
        By (epoch, layer, noise std).
    """
    if config.mine.null == "shuffled_each_step":
        nothing = Truth(0.0, 0.0, 0.0, 0.0, np.zeros(1), np.zeros(1))
        return dict.fromkeys(itertools.product(config.probe_epochs, layers, map(float, noise_stds)), nothing)
    found: dict[tuple[int, str, float], Truth] = {}
    missing: dict[str, list[float]] = {}
    for layer in layers:
        for std in dict.fromkeys(map(float, noise_stds)):
            if content := _read(results, "truths", _truth_key(config, part, layer, std)):
                found |= {(epoch, layer, std): _to_truth(part) for epoch, part in content["epochs"].items()}
            else:
                missing.setdefault(layer, []).append(std)
    for epoch in config.probe_epochs if missing else ():
        for layer, outputs in trained.outputs(config, epoch, samples, list(missing)).items():
            source = generator(config.seed, "truth", epoch, layer, *([part] if part != "fitted" else []))
            computed = truth.compute(outputs, samples.labels, missing[layer], source)
            found |= {(epoch, layer, std): one for std, one in computed.items()}
    for layer, stds in missing.items():
        for std in stds:
            epochs = {epoch: _from_truth(found[epoch, layer, std]) for epoch in config.probe_epochs}
            _publish(results, "truths", _truth_key(config, part, layer, std), {"epochs": epochs})
    return found


def _truth_key(config: TrialConfig, part: str, layer: str, noise_std: float) -> str:
    name: dict[str, Any] = {
        stored("network"): network_key(config),
        "samples": config.mine_samples,
        "layer": layer,
        "noise_std": noise_std,
    }
    if config.mine.held_out:
        name |= {"held_out": config.mine.held_out, "part": part}
    if config.mine.null != "none":
        name["null"] = config.mine.null
    return content_key(name)


def _from_truth(one: Truth) -> dict[str, Any]:
    return {name: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for name, v in vars(one).items()}


def _to_truth(content: dict[str, Any]) -> Truth:
    values: dict[str, Any] = {field.name: content[field.name] for field in fields(Truth)}
    for name in ("log_ratio_x", "log_ratio_y"):
        values[name] = values[name].numpy()
    return Truth(**values)


def _publish(results: str | None, folder: str, name: str, content: dict[str, Any]) -> None:
    if results is not None:
        resultfiles.write_snapshot(results, folder, name, snapshots.dump(content, VERSION, name))


def _read(results: str | None, folder: str, name: str) -> dict[str, Any] | None:
    snapshot = None if results is None else resultfiles.read_snapshot(results, folder, name)
    if snapshot is None:
        return None
    try:
        return snapshots.parse(snapshot, VERSION, name)
    except InputError as error:
        logger.warning("%s/%s is made anew: %s", folder, name, error)
        return None
