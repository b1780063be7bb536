"""How much memory a fit, a truth or a trial takes, foretold from its settings, and what a device has. Bytes throughout.

The sum of the largest tensors that are there at once; its factors were measured on a CPU (docs/performance.md).
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from trainables import truth
from trainables.estimators import front
from trainables.estimators.parameters import parameters_of
from trainables.settings import InputError, MineConfig, TrialConfig, flatten
from trainables.subjects import training

_PROCESS = {"cpu": 900_000_000, "cuda": 500_000_000}
"""Of Python with its packages, by far the most of it PyTorch; on a GPU of its context."""

_LEARNT_SAMPLE = 160_000
"""Of one sample of a batch that the network learns; measured on LeNet-5."""

_FLOAT = 4

_NETWORKS = (
    "mine.hidden_units", "mine.hidden_layers", "mine.branch_units", "mine.conv_channels", "mine.conv_kernel",
    "mine.replicates",
)  # fmt: skip

_ASK: Mapping[str, tuple[str, ...]] = {
    "the network's batch": ("network.batch_size",),
    "the weights of the statistics networks": _NETWORKS,
    "a batch in the statistics networks": (*_NETWORKS, "mine.batch_size"),
    "an epoch's values of T": ("mine.replicates",),
    "the curves": ("mine.epochs", "mine.replicates", "network.epochs"),
}
"""The settings that may ask for too much of what takes memory; of all else it is the number of samples."""

Shapes = Mapping[str, tuple[int, ...]]


def of_fit(config: MineConfig, shapes: Shapes, pairs: Sequence[str], samples: int, runs: int = 1) -> dict[str, int]:
    """Of the statistics networks and their training, without the samples themselves, by what takes it.

    Args:
        shapes: of one sample of X and of each layer; of Y the number of classes.
        runs: after the first, the weights of the run before are there, too.
    """
    fits, units, layers = len(pairs) * config.replicates, config.hidden_units, config.hidden_layers
    rows = config.batch_size * (2 if config.marginals == "independent" and not config.all_pairs else 1)
    samples_of_T = config.batch_size * (config.batch_size / 2 if config.all_pairs and config.critic == "joint" else 1)
    inputs = rows * sum(math.prod(shape) for name, shape in shapes.items() if name != "Y")
    weights = fits * (layers - 1) * (units + 1) * units * (1 + (config.critic == "separable"))
    active = fits * samples_of_T * units * (1.5 + 4.5 * layers) + shapes.get("Y", (0,))[0] ** 2  # one-hot labels
    for pair in pairs:
        drawn = parameters_of(replace(config, hidden_layers=1), shapes, pair)
        weights += config.replicates * sum(math.prod(shape) for shape, _ in drawn.values())
        if config.redraws_front:
            mapped = front.weight_shape(config, pair, shapes), (rows, *front.mapped_shape(config, pair, shapes))
            active += sum(map(math.prod, mapped))
        elif config.architecture != 1:
            active += config.replicates * rows * 2.5 * drawn["first.bias"][1]  # what both sides hand on: its fan in
    noise = max(2**22, 2 * inputs) if config.noise_std else 0
    copies = (6 if config.optimizer == "adam" else 4) + (runs > 1)  # of these two where it is asked what is finite
    return {
        "the weights of the statistics networks": _FLOAT * copies * weights,
        "a batch in the statistics networks": _FLOAT * math.ceil(inputs + noise + active),
        "an epoch's values of T": 8 * _FLOAT * samples * fits,
        "the curves": config.epochs * (runs * 100 * fits + 4_000),
    }


def of_trial(config: TrialConfig, device: str = "cpu") -> dict[str, int]:
    """Of a trial at its largest, by what takes it."""
    data, samples, mine = config.data_set, config.mine_samples, config.mine
    of_network = training.shapes(config.network.name, config.network.layers, data)
    shapes = {name: shape for name, shape in of_network.items() if name in ("X", "Y", *config.layers)}
    images = data.train + data.test + (config.network.train_samples or 0) + (mine.samples or 0)
    widths = [math.prod(shapes[layer]) for layer in config.layers]
    phases = (
        {"the network's batch": config.network.batch_size * _LEARNT_SAMPLE},
        {"the truths' distances": _of_truth(samples, max(widths), device)},
        of_fit(mine, shapes, config.pairs, samples, config.runs),
    )
    return {
        "PyTorch itself": _PROCESS[device],
        "the data set": images * math.prod(data.shape) * _FLOAT,
        "the layers' outputs": samples * sum(widths) * _FLOAT,
        **max(phases, key=lambda parts: sum(parts.values())),
    }


def _of_truth(rows: int, features: int, device: str) -> int:
    """Of a chunk's products: the rows of the draws' own components and of the others."""
    return 4 * 8 * min(truth.CHUNK[device], rows) * features


def available(device: torch.device) -> int:
    """Memory of a device: this process's share of a GPU, or of this machine what its container may use."""
    if device.type == "cuda":
        share = torch.cuda.get_per_process_memory_fraction(device)
        return int(share * torch.cuda.get_device_properties(device).total_memory)
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in ("memory.max", "memory/memory.limit_in_bytes"):  # of control groups, version 2 and 1
        path = Path("/sys/fs/cgroup") / file
        text = path.read_text().strip() if path.is_file() else "max"
        limits += [int(text)] if text.isdecimal() else []
    return min(limits)


def check_trial(config: TrialConfig, device: torch.device, limit: int | None = None) -> None:
    """Refuse a trial that takes more memory than there is, before it takes any.

    Args:
        limit: what it may take on the device; None: all that is there.

    Raises:
        InputError: with the memory needed, the memory there is, and the setting that asks for the most of it.
    """
    _refuse_beyond(of_trial(config, device.type), flatten(config), ("mine.samples", config.mine_samples), device, limit)


def check_fit(config: MineConfig, shapes: Shapes, pairs: Sequence[str], samples: int, device: torch.device) -> None:
    """The same of a fit of people's own arrays, with the float32 copies that it makes of them."""
    copies = samples * sum(math.prod(shape) for name, shape in shapes.items() if name != "Y") * _FLOAT
    needed = {"PyTorch itself": _PROCESS[device.type], "the layers' outputs": copies}
    settings = {f"mine.{name}": value for name, value in vars(config).items()}
    rows = "the number of rows", samples
    _refuse_beyond(needed | of_fit(config, shapes, pairs, samples), settings, rows, device)


def check_truth(shape: tuple[int, ...], classes: int, noise_std: float, device: torch.device) -> None:
    """The same of a truth of people's own arrays; `shape` is the layer's rows and features."""
    rows, features = shape
    needed = {"PyTorch itself": _PROCESS[device.type], "the numbers by class": 10 * 8 * classes * rows}
    many = "the number of classes", classes
    if noise_std:
        needed["the layers' outputs"] = 8 * rows * features + _of_truth(rows, features, device.type)
        needed["the numbers by class"] = 10 * 8 * classes * 250
        many = "the number of rows", rows
    _refuse_beyond(needed, {}, many, device)


def _refuse_beyond(
    needed: Mapping[str, int],
    settings: Mapping[str, int],
    otherwise: tuple[str, int],
    device: torch.device,
    limit: int | None = None,
) -> None:
    """Refuse what is too large, naming the setting that is the farthest above its default, else `otherwise`."""
    total, there = sum(needed.values()), available(device) if limit is None else limit
    if total <= there:
        return
    largest, usual = max(needed, key=needed.__getitem__), flatten(TrialConfig())
    above = {path: settings[path] / usual[path] for path in _ASK.get(largest, ()) if path in settings}
    path = max(above, key=above.__getitem__, default="")
    path, value = (path, settings[path]) if above.get(path, 0) > 1 else otherwise
    whose = "this machine" if device.type == "cpu" else str(device)
    raise InputError(
        f"{path} is {value}; it must be smaller, since this takes about {in_words(total)} of memory, "
        f"{in_words(needed[largest])} of it for {largest}, and {whose} has {in_words(there)}."
    )


def largest(planned: Sequence[TrialConfig], device: str = "cpu") -> TrialConfig:
    """The trial that takes the most memory."""
    return max(planned, key=lambda config: sum(of_trial(config, device).values()))


def check_share(config: TrialConfig, gpus: float, device: torch.device) -> None:
    """Refuse a share of a GPU in which a trial does not fit.

    Args:
        gpus: the share, above 0 and at most 1.

    Raises:
        InputError: with the least share that is enough, or as `check_trial` where the whole GPU is not.
    """
    whole, needed = torch.cuda.get_device_properties(device).total_memory, sum(of_trial(config, "cuda").values())
    check_trial(config, device, limit=whole)
    if needed > gpus * whole:
        raise InputError(
            f"gpus_per_trial is {gpus:g}; it must be at least {math.ceil(100 * needed / whole) / 100:g}, since a trial "
            f"takes about {in_words(needed)} of GPU memory, and {torch.cuda.get_device_name(device)} has "
            f"{in_words(whole)}."
        )


def in_words(size: float) -> str:
    """A size as people write it.

    >>> in_words(120_400_000), in_words(3_480_000_000), in_words(7e14)
    ('120 MB', '3.5 GB', '700 TB')
    """
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.1f} {unit}" if size < 9.95 else f"{size:.0f} {unit}"
    return f"{size:,.0f} PB"
