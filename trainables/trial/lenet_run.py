"""One LeNet-5 run: its probed states, and the truths of its layers. Trained or computed once, then read.

Neither depends on MINE's settings, so the trials of one seed share them. They lie beside the results under a
name derived from their content's configuration, whole or not at all; whoever finds none makes and publishes
them, with the same numbers.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables import truth
from trainables.draws import generator
from trainables.records import resultfiles
from trainables.settings import InputError, TrialConfig, content_key, lenet_key
from trainables.subjects import lenet
from trainables.subjects.data import DataSet, Images
from trainables.trial import snapshots
from trainables.truth import Truth

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised when the content or the numbers of a published file change."""


@dataclass(frozen=True)
class LeNetRun:
    """A trained LeNet-5.

    Attributes:
        states: parameters after each probed epoch, by epoch.
        train_loss, test_accuracy: by epoch.
    """

    states: dict[int, dict[str, Tensor]]
    train_loss: list[float]
    test_accuracy: list[float]

    def outputs(self, epoch: int, images: Images, layers: Sequence[str], output: str) -> dict[str, Tensor]:
        """The layers' outputs after a probed epoch, by layer, each (samples, features); sm1 by `lenet.output`."""
        network = lenet.LeNet5(torch.Generator(), output)
        network.load_state_dict(self.states[epoch])
        return lenet.activations(network.to(images.pixels.device), images, layers)


def train(config: TrialConfig, images: DataSet) -> LeNetRun:
    """Train LeNet-5 for the whole schedule, on the images' device; all training images are in `images`."""
    learnt = images.train.subset(config.lenet.train_samples)
    network = lenet.LeNet5(generator(config.seed, "lenet weights")).to(learnt.labels.device)
    optimizer = lenet.make_optimizer(network, config.lenet)
    trained = LeNetRun({}, [], [])
    for epoch in range(config.lenet.epochs):
        order = generator(config.seed, "lenet batches", epoch)
        loss = lenet.train_epoch(network, optimizer, learnt, config.lenet.batch_size, order, config.lenet.last_batch)
        trained.train_loss.append(loss)
        trained.test_accuracy.append(lenet.accuracy(network, images.test))
        if epoch in config.probe_epochs:
            state = network.state_dict()
            trained.states[epoch] = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
    return trained


def obtain(config: TrialConfig, images: DataSet, results: str | None = None) -> LeNetRun:
    """The published run of this configuration, or a newly trained and published one.

    Args:
        results: folder or URI; None: train and publish nowhere.
    """
    if published := _published(config, results):
        return published
    trained = train(config, images)
    # Whoever trained it meanwhile, perhaps on another device, may have computed its truths: one serves all trials.
    if published := _published(config, results):
        return published
    _publish(results, "lenet_runs", lenet_key(config), vars(trained))
    return trained


def _published(config: TrialConfig, results: str | None) -> LeNetRun | None:
    if content := _read(results, "lenet_runs", lenet_key(config)):
        return LeNetRun(content["states"], content["train_loss"], content["test_accuracy"])
    return None


def obtain_truths(
    config: TrialConfig,
    trained: LeNetRun,
    images: Images,
    layers: Sequence[str],
    noise_stds: Sequence[float],
    results: str | None = None,
) -> dict[tuple[int, str, float], Truth]:
    """Truths after every probed epoch, read where they are published, else computed and published.

    Args:
        images: the samples that MINE and truth use.

    Returns:
        By (epoch, layer, noise std).
    """
    found: dict[tuple[int, str, float], Truth] = {}
    missing: dict[str, list[float]] = {}
    for layer in layers:
        for std in dict.fromkeys(map(float, noise_stds)):
            if content := _read(results, "truths", _truth_key(config, layer, std)):
                found |= {(epoch, layer, std): _to_truth(part) for epoch, part in content["epochs"].items()}
            else:
                missing.setdefault(layer, []).append(std)
    for epoch in config.probe_epochs if missing else ():
        for layer, outputs in trained.outputs(epoch, images, list(missing), config.lenet.output).items():
            source = generator(config.seed, "truth", epoch, layer)
            computed = truth.compute(outputs, images.labels, missing[layer], source)
            found |= {(epoch, layer, std): one for std, one in computed.items()}
    for layer, stds in missing.items():
        for std in stds:
            epochs = {epoch: _from_truth(found[epoch, layer, std]) for epoch in config.probe_epochs}
            _publish(results, "truths", _truth_key(config, layer, std), {"epochs": epochs})
    return found


def _truth_key(config: TrialConfig, layer: str, noise_std: float) -> str:
    name = {"lenet": lenet_key(config), "samples": config.mine_samples, "layer": layer, "noise_std": noise_std}
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
