"""How much memory fits and truths take, foretold from their settings, and how much a device has.

The largest tensors that are there at once, phase by phase; the factors on them were measured on a CPU
(docs/performance.md says how far off the sums are). Bytes throughout.
"""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from trainables import truth
from trainables.estimators import front
from trainables.settings import InputError, MineConfig

PROCESS = {"cpu": 900_000_000, "cuda": 500_000_000}
"""Of Python with its packages, by far the most of it PyTorch; on a GPU of its context."""

FLOAT = 4

SIZES = (
    "network.epochs", "network.batch_size", "mine.hidden_units", "mine.hidden_layers", "mine.branch_units",
    "mine.conv_channels", "mine.conv_kernel", "mine.replicates", "mine.epochs", "mine.batch_size",
)  # fmt: skip
"""Settings that a trial may be too large by."""

_WHAT = {
    "process": "PyTorch itself",
    "data": "the data set",
    "layers": "the layers' outputs",
    "truth": "the truths' distances",
    "network": "the network's batch",
    "weights": "the weights of the statistics networks",
    "batch": "a batch in the statistics networks",
    "maps": "the random maps of the redrawn front",
    "epoch": "an epoch's values of T",
    "curves": "the curves",
    "labels": "the one-hot labels",
}


def of_fit(
    config: MineConfig, shapes: Mapping[str, tuple[int, ...]], pairs: Sequence[str], samples: int, runs: int = 1
) -> dict[str, int]:
    """Of the statistics networks and their training, without the samples themselves.

    Args:
        shapes: of one sample of X and of each layer; of Y the number of classes.
        runs: after the first, the weights of the run before are there, too.
    """
    fits, sides = len(pairs) * config.replicates, {name: _side(config, shape) for name, shape in shapes.items()}
    drawn, mapped = _maps(config, shapes, pairs)
    uses = {name: config.replicates * sum(name in pair.split(";") for pair in pairs) for name in shapes}
    inputs = sum(math.prod(shape) for name, shape in shapes.items() if name != "Y")
    copies = (6 if config.optimizer == "adam" else 4) + (runs > 1)  # of these two where it is asked what is finite
    rows = config.batch_size * (2 if config.marginals == "independent" and not config.all_pairs else 1)
    evaluated = config.batch_size * (config.batch_size if config.all_pairs and config.critic == "joint" else 2)
    hidden = evaluated * fits * config.hidden_units
    active = sum(sides[name].activity * uses[name] * (shapes[name][0] if name == "Y" else rows) for name in shapes)
    noise = min(16 * rows * inputs, max(2**22, 2 * rows * inputs)) if config.noise_std else 0
    return {
        "weights": FLOAT * copies * weights(config, shapes, pairs),
        "batch": FLOAT * math.ceil(rows * inputs + noise + hidden * (0.75 + 2.25 * config.hidden_layers) + active),
        "maps": FLOAT * (drawn + rows * sum(mapped.values())),
        "epoch": 8 * FLOAT * samples * fits,
        "curves": config.epochs * (runs * 100 * fits + 4_000),
        "labels": FLOAT * shapes["Y"][0] ** 2 if "Y" in shapes else 0,
    }


def weights(config: MineConfig, shapes: Mapping[str, tuple[int, ...]], pairs: Sequence[str]) -> int:
    """Number of parameters of the statistics networks of all pairs and replicates.

    >>> weights(MineConfig(replicates=1), {"X": (3,), "one": (2,)}, ["X;one"])
    71
    """
    units, sides = config.hidden_units, {name: _side(config, shape) for name, shape in shapes.items()}
    head = units + (config.hidden_layers - 1) * (units + 1) * units
    head = 2 * (head + (units + 1) * units) if config.critic == "separable" else head + units + 1
    sides |= {pair: _Side(0, width, 0) for pair, width in _maps(config, shapes, pairs)[1].items()}
    named = (name for pair in pairs for name in front.sides(config, pair))
    before = sum(sides[name].weights + units * sides[name].width for name in named)
    return config.replicates * (len(pairs) * head + before)


@dataclasses.dataclass(frozen=True)
class _Side:
    """What one side of a pair has before the head: parameters, features handed on, floats kept per sample."""

    weights: int
    width: int
    activity: float


def _maps(
    config: MineConfig, shapes: Mapping[str, tuple[int, ...]], pairs: Sequence[str]
) -> tuple[int, dict[str, int]]:
    """Of a redrawn front: the numbers in its maps, and by pair the features of the mapped side."""
    own = pairs if config.redraws_front else ()
    drawn = sum(math.prod(front.weight_shape(config, pair, shapes)) for pair in own)
    return drawn, {pair: math.prod(front.mapped_shape(config, pair, shapes)) for pair in own}


def _side(config: MineConfig, shape: tuple[int, ...]) -> _Side:
    features = math.prod(shape)
    if config.redraws_front:
        return _Side(0, features, 0)
    if config.architecture == 2 and len(shape) == 3:
        maps = config.conv_channels * shape[1] * shape[2]
        return _Side(config.conv_channels * (shape[0] * config.conv_kernel**2 + 1), maps, 2.2 * maps)
    if config.architecture == 3 and config.branch_units:
        return _Side(config.branch_units * (features + 1), config.branch_units, 3 * config.branch_units)
    return _Side(0, features, 0)


def there(device: torch.device) -> int:
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


def check_fit(
    config: MineConfig,
    shapes: Mapping[str, tuple[int, ...]],
    pairs: Sequence[str],
    samples: int,
    device: torch.device,
    limit: int | None = None,
) -> None:
    """The same of a fit of people's own arrays, with the float32 copies that it makes of them."""

    def needed(mine: MineConfig) -> dict[str, int]:
        copies = samples * sum(math.prod(shape) for name, shape in shapes.items() if name != "Y") * FLOAT
        return {"process": PROCESS[device.type], "layers": copies, **of_fit(mine, shapes, pairs, samples)}

    names = [path.removeprefix("mine.") for path in SIZES if path.startswith("mine.")]
    values, usual = vars(config), vars(MineConfig())
    settings = {f"mine.{name}": values[name] for name in names if values[name] > usual[name]}
    lighter = {path: needed(dataclasses.replace(config, **{path[5:]: usual[path[5:]]})) for path in settings}
    settings["the number of rows"] = samples
    refuse_beyond(needed(config), device, limit, settings, lighter)


def check_truth(
    shape: tuple[int, int], classes: int, noise_std: float, device: torch.device, limit: int | None = None
) -> None:
    """The same of a truth of people's own arrays.

    Args:
        shape: rows and features of the layer.
    """
    rows, features = shape
    counted, drawn = 10 * 8 * rows * classes, of_truth(rows, features, device.type) + 10 * 8 * 250 * classes
    needed = {
        "process": PROCESS[device.type],
        "layers": 8 * rows * features if noise_std else 0,
        "truth": drawn if noise_std else counted,
    }
    cause = {"the number of classes": classes} if needed["truth"] > needed["layers"] else {"the number of rows": rows}
    refuse_beyond(needed, device, limit, cause, {})


def of_truth(rows: int, features: int, device: str) -> int:
    """Of a chunk's products: the rows of the draws' own components and of the others."""
    return 4 * 8 * min(truth.CHUNK[device], rows) * features


def refuse_beyond(
    needed: dict[str, int],
    device: torch.device,
    limit: int | None,
    settings: dict[str, int],
    lighter: dict[str, dict[str, int]],
) -> None:
    """Refuse what is too large, naming the setting whose usual value would save the most.

    Args:
        settings: by path; the last is to blame where no usual value saves much.
        lighter: what is needed with the usual value of a setting, by path.
    """
    total, available = sum(needed.values()), there(device) if limit is None else limit
    if total <= available:
        return
    *_, path = settings
    for candidate, parts in sorted(lighter.items(), key=lambda item: sum(item[1].values()))[:1]:
        path = candidate if sum(parts.values()) < 0.9 * total else path
    largest, whose = max(needed, key=lambda part: needed[part]), "this machine" if device.type == "cpu" else str(device)
    raise InputError(
        f"{path} is {settings[path]}; it must be smaller, since this takes about {in_words(total)} of memory, "
        f"{in_words(needed[largest])} of it for {_WHAT[largest]}, and {whose} has {in_words(available)}."
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
