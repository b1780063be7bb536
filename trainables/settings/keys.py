"""What names a trial: a hash of all that changes its numbers."""

import dataclasses
import hashlib
import json
import typing
from collections.abc import Mapping
from typing import Any

from trainables.settings.paths import flatten
from trainables.settings.trial_config import TrialConfig
from trainables.subjects.datasets import DATASETS
from trainables.subjects.own import PROBED


def key(config: TrialConfig) -> str:
    """The trial's key: a hash of all that changes its numbers, 16 hexadecimal digits.

    Two configurations that must give the same rows share a key: the data's folder, settings that the chosen
    architecture or optimizer does not use, and None against the full size are not in it.
    """
    return content_key(_deciding(config))


def configuration_key(config: TrialConfig) -> str:
    """The key of the trial's configuration: as `key`, without the seed."""
    probed = config.network.name == PROBED  # then the activations are the seed's own
    without = ("seed", stored("network.source")) if probed else ("seed",)
    return content_key({path: value for path, value in _deciding(config).items() if path not in without})


def network_key(config: TrialConfig) -> str:
    """The key of the trial's training of its network: as `key`, without MINE's settings."""
    return content_key({path: value for path, value in _deciding(config).items() if not path.startswith("mine.")})


def stored(name: str) -> str:
    """What version 1, which knew only LeNet-5, calls a field, column, table or random stream of the network."""
    return name.replace("network", "lenet")


ADDED: Mapping[str, Any] = {
    f"{section}.{one.name}": one.metadata["before"]
    for section, kind in typing.get_type_hints(TrialConfig).items()
    if dataclasses.is_dataclass(kind)
    for one in dataclasses.fields(kind)
    if "before" in one.metadata
}
"""Fields that came after the first results (`fields.later`), each with what trials did before."""


def _deciding(config: TrialConfig) -> dict[str, Any]:
    """The fields that decide the trial's numbers, by the names that version 1 gave them, sizes and pairs resolved."""
    unused = unused_fields(config)
    flat = {path: value for path, value in flatten(config).items() if path not in unused}
    flat = {path: value for path, value in flat.items() if path not in ADDED or value != ADDED[path]}
    flat["mine.pairs"] = config.pairs
    for path in ("network.train_samples", "mine.samples"):
        if path in flat and config.data.name in DATASETS:  # one's own is told apart by its source
            flat[path] = config.available if flat[path] is None else flat[path]
        section = path.partition(".")[0]
        if flat.get(path) is None:
            continue
        sizes = (config.fitted_samples, config.held_out_samples) if section == "mine" else (flat[path],)
        if not any(size % flat[f"{section}.batch_size"] for size in sizes):  # there is no partial batch
            flat.pop(f"{section}.last_batch", None)
    return {stored(path): value for path, value in flat.items()}


def content_key(content: Mapping[str, Any]) -> str:
    """A name for what a mapping of plain values decides: 16 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unused_fields(config: TrialConfig) -> list[str]:
    """Paths of the fields that change no number of this configuration."""
    mine = config.mine
    unused = {
        "data.root": True,
        **{f"network.{name}": config.network.name == PROBED for name in _TRAINING},
        "network.momentum": config.network.name == PROBED or config.network.optimizer != "sgd",
        "mine.front": mine.architecture == 1,
        "mine.branch_units": mine.architecture != 3 or mine.redraws_front,
        "mine.conv_channels": mine.architecture != 2 or mine.redraws_front,
        "mine.conv_kernel": mine.architecture != 2 or mine.redraws_front,
        "mine.gradient_correction": mine.bound != "donsker_varadhan",
        "mine.moving_average_rate": mine.bound != "donsker_varadhan" or mine.gradient_correction == "none",
        "mine.marginals": mine.all_pairs,
        "mine.clip": mine.all_pairs,
        "mine.penalty": mine.bound != "remine",
    }
    return [path for path, is_unused in unused.items() if is_unused]


_TRAINING = ("optimizer", "learning_rate", "batch_size", "last_batch", "train_samples", "output")
"""The network's fields that nothing is done by where it was trained elsewhere."""

DECIDE_USE = (
    "network.name", "network.optimizer", "mine.architecture", "mine.front", "mine.gradient_correction", "mine.bound"
)  # fmt: skip
"""The fields by which `unused_fields` decides."""
