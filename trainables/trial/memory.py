"""How much memory a trial takes, foretold from its settings, phase by phase.

The largest tensors that are there at once, phase by phase; the factors on them were measured on a CPU
(docs/performance.md says how far off the sums are). Bytes throughout.
"""

import math
from collections.abc import Sequence

import torch

from trainables.estimators import memory
from trainables.settings import CLASSES, TEST_SAMPLES, TRAIN_SAMPLES, InputError, TrialConfig, flatten, replace
from trainables.subjects.data import IMAGE_SIDE
from trainables.subjects.lenet import LAYER_SHAPES

_LENET_IMAGE = 160_000
"""Of one image of a batch that LeNet-5 learns."""


def of_trial(config: TrialConfig, device: str = "cpu") -> dict[str, int]:
    """Of a trial at its largest, by what takes it."""
    pixels, samples, mine = IMAGE_SIDE**2 * memory.FLOAT, config.mine_samples, config.mine
    loaded = (TRAIN_SAMPLES[config.data.name] + TEST_SAMPLES[config.data.name]) * pixels
    learnt, probed = (0 if n is None else n * pixels for n in (config.lenet.train_samples, mine.samples))
    widths = [math.prod(LAYER_SHAPES[layer]) for layer in mine.layers]
    layers = samples * sum(widths) * memory.FLOAT
    shapes = {"X": (1, IMAGE_SIDE, IMAGE_SIDE), "Y": (CLASSES,), **{name: LAYER_SHAPES[name] for name in mine.layers}}
    fit = memory.of_fit(mine, shapes, mine.pairs, samples, config.runs)
    process = {"process": memory.PROCESS[device]}
    phases = (
        {"images": 2 * loaded},
        {"images": loaded + learnt, "lenet": config.lenet.batch_size * _LENET_IMAGE},
        {"images": loaded + probed, "layers": layers, "truth": memory.of_truth(samples, max(widths), device)},
        {"images": probed or loaded, "layers": layers, **fit},
    )
    return max(({**process, **phase} for phase in phases), key=lambda parts: sum(parts.values()))


def check_trial(config: TrialConfig, device: torch.device, limit: int | None = None) -> None:
    """Refuse a trial that takes more memory than there is, before it takes any.

    Args:
        limit: what it may take on the device; None: all that is there.

    Raises:
        InputError: with the memory needed, the memory there is, and the setting that asks for the most of it.
    """
    values, usual = flatten(config), flatten(TrialConfig())
    settings = {path: values[path] for path in memory.SIZES if values[path] > usual[path]}
    lighter = {path: of_trial(replace(config, {path: usual[path]}), device.type) for path in settings}
    settings["mine.samples"] = config.mine_samples
    memory.refuse_beyond(of_trial(config, device.type), device, limit, settings, lighter)


def largest(planned: Sequence[TrialConfig], device: str = "cpu") -> TrialConfig:
    """The trial that takes the most memory."""
    return max(planned, key=lambda config: sum(of_trial(config, device).values()))


def check_share(config: TrialConfig, gpus: float, device: torch.device) -> None:
    """Refuse a share of a GPU in which a trial does not fit; its memory is that of as many as share the card.

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
            f"takes about {memory.in_words(needed)} of GPU memory, and {torch.cuda.get_device_name(device)} has "
            f"{memory.in_words(whole)}."
        )
