"""How much memory a trial takes, foretold from its settings, phase by phase.

The largest tensors that are there at once, phase by phase; the factors on them were measured on a CPU
(docs/performance.md says how far off the sums are). Bytes throughout.
"""

import math
from collections.abc import Sequence

import torch

from trainables.estimators import memory
from trainables.settings import InputError, TrialConfig, flatten, replace
from trainables.subjects.datasets import DATASETS
from trainables.trial import network_run

_LEARNT_SAMPLE = 160_000
"""Of one sample of a batch that the network learns; measured on LeNet-5."""


def of_trial(config: TrialConfig, device: str = "cpu") -> dict[str, int]:
    """Of a trial at its largest, by what takes it."""
    data, samples, mine = DATASETS[config.data.name], config.mine_samples, config.mine
    shapes = network_run.shapes(config.network.name, config.data.name)
    shapes = {name: shape for name, shape in shapes.items() if name in ("X", "Y", *config.layers)}
    one = math.prod(data.shape) * memory.FLOAT
    loaded = (data.train + data.test) * one
    learnt, probed = (0 if n is None else n * one for n in (config.network.train_samples, mine.samples))
    widths = [math.prod(shapes[layer]) for layer in config.layers]
    layers = samples * sum(widths) * memory.FLOAT
    fit = memory.of_fit(mine, shapes, config.pairs, samples, config.runs)
    process = {"process": memory.PROCESS[device]}
    phases = (
        {"data": 2 * loaded},
        {"data": loaded + learnt, "network": config.network.batch_size * _LEARNT_SAMPLE},
        {"data": loaded + probed, "layers": layers, "truth": memory.of_truth(samples, max(widths), device)},
        {"data": probed or loaded, "layers": layers, **fit},
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
