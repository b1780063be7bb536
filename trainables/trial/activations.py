"""Activations of a network that was trained elsewhere: written as it trains, and estimated whenever one wants.

A results folder has one file of inputs and labels, one of all layers per seed and epoch, and one list per seed of what
is there. The list's digest names the seed's trials (`network.source`), so that rows belong to what they are of.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables.errors import InputError, require
from trainables.records import files
from trainables.records.layout import ACTIVATIONS
from trainables.settings import TrialConfig, content_key
from trainables.subjects.data import Examples
from trainables.trial import snapshots

VERSION = 1
"""Raised when the content of a file changes."""


@dataclass(frozen=True)
class Probed:
    """A seed's activations; takes the place of a trained network in a trial (`network_run.NetworkRun`)."""

    results: str
    seed: int
    listed: Mapping[str, Any]
    train_loss: tuple[float, ...] = ()
    test_accuracy: tuple[float, ...] = ()

    @property
    def epochs(self) -> tuple[int, ...]:
        """The network's epochs that are there, rising."""
        return tuple(sorted(self.listed["epochs"]))

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers, in their order."""
        return tuple(self.listed["shapes"])

    @property
    def source(self) -> str:
        """Digest of all that is estimated: inputs, labels and activations."""
        return content_key({name: self.listed[name] for name in ("inputs", "epochs")})[:12]

    @property
    def samples(self) -> int:
        return int(self.listed["samples"])

    def shapes(self, config: TrialConfig) -> Mapping[str, tuple[int, ...]]:
        """Of one sample of X and of each layer; of Y the number of classes."""
        of_layers = {layer: tuple(shape) for layer, shape in self.listed["shapes"].items()}
        return {"X": tuple(self.listed["shape"]), "Y": (self.listed["classes"],), **of_layers}

    def examples(self, device: torch.device) -> Examples:
        """The inputs and labels, on a device."""
        content = _read(self.results, self.listed["inputs"])
        return Examples(content["inputs"], content["labels"]).to(device)

    def outputs(self, config: TrialConfig, epoch: int, samples: Examples, layers: Iterable[str]) -> dict[str, Tensor]:
        """The layers' outputs after an epoch, by layer, each (samples, features), where the samples are."""
        content = _read(self.results, f"{self.seed}-{epoch}")["layers"]
        return {layer: content[layer].to(samples.inputs.device) for layer in layers}


def _read(results: str, name: str) -> dict[str, Any]:
    content = snapshots.read(results, ACTIVATIONS, name, VERSION)
    if content is None:
        raise InputError(f"{results}/{ACTIVATIONS}/{name} is not there or damaged; probe the network again.")
    return content


def of_seed(results: str, seed: int) -> Probed | None:
    """What is there of a seed."""
    content = snapshots.read(results, ACTIVATIONS, f"seed-{seed}", VERSION)
    return None if content is None else Probed(results, seed, content["listed"])


def of_trial(config: TrialConfig, results: str | None) -> Probed:
    """The activations that a trial estimates.

    Raises:
        InputError: if they are not there, or are not those that the trial is of.
    """
    found = None if results is None else of_seed(results, config.seed)
    require(found is not None, "network.name", "probed", f"of a seed whose activations are in results {results!r}")
    assert found is not None
    now = found.source
    require(now == config.network.source, "network.source", config.network.source, f"{now}, what {results!r} holds")
    return found


def write(
    results: str,
    seed: int,
    epoch: int,
    inputs: np.ndarray,
    labels: np.ndarray,
    layers: Mapping[str, np.ndarray],
    estimated: bool = False,
) -> None:
    """Write what is probed at an epoch, in place of what was there of it.

    Args:
        inputs: float32, (N, ...).
        labels: int64 from 0, (N,).
        layers: float32, each (N, ...), in their order.
        estimated: whether rows of what is there have been made, so that it may not change.

    Raises:
        InputError: if the seed's inputs, labels or layers are not those of its other epochs, or it is estimated and
            this is not what is there.
    """
    shapes = {layer: list(values.shape[1:]) or [1] for layer, values in layers.items()}
    name = f"inputs-{_digest(inputs, labels)}"
    before = of_seed(results, seed)
    if before is not None and before.epochs != (epoch,):
        of = f"as at epoch {before.epochs[0]} of seed {seed}"
        require(list(shapes) == list(before.layers), "layers", ", ".join(shapes), f"{', '.join(before.layers)}, {of}")
        same = name == before.listed["inputs"]
        require(same, "X and y", "other rows", f"the same, {of}: one seed is one set of samples")
    digest = _digest(*layers.values())
    same = before is not None and before.listed["epochs"].get(epoch) == digest and name == before.listed["inputs"]
    if estimated and not same:
        raise InputError(
            f"seed {seed} has been estimated with other activations, or without epoch {epoch}; use another results "
            "folder, so that its rows stay what they are of."
        )
    if files.read_snapshot(results, ACTIVATIONS, name) is None:
        content = {"inputs": torch.from_numpy(inputs), "labels": torch.from_numpy(labels)}
        snapshots.write(results, ACTIVATIONS, name, content, VERSION)
    flat = {layer: torch.from_numpy(values.reshape(len(values), -1)) for layer, values in layers.items()}
    snapshots.write(results, ACTIVATIONS, f"{seed}-{epoch}", {"layers": flat}, VERSION)
    epochs = {} if before is None else dict(before.listed["epochs"])
    listed = {
        "inputs": name,
        "epochs": epochs | {epoch: digest},
        "shapes": shapes,
        "shape": list(inputs.shape[1:]) or [1],
        "classes": 1 + int(labels.max()),
        "samples": len(labels),
    }
    snapshots.write(results, ACTIVATIONS, f"seed-{seed}", {"listed": listed}, VERSION)


def drop(results: str, seed: int) -> None:
    """Delete a seed's activations. Its rows stay, and so do its inputs and the list that names the activations."""
    if (found := of_seed(results, seed)) is not None:
        for epoch in found.epochs:
            files.delete_snapshot(results, ACTIVATIONS, f"{seed}-{epoch}")


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for values in arrays:
        digest.update(f"{values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()[:16]
