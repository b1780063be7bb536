"""What a sweep will cost, measured on this machine: a few steps of each kind of trial, scaled up."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from study.resources import Resources
from trainables import data, fit_rows, lenet, memory, mine, records
from trainables.config import CLASSES, TEST_SAMPLES, TRAIN_SAMPLES, InputError, TrialConfig, derive_seed, key, lenet_key
from trainables.draws import generator, steps
from trainables.statistics_network import StatisticsNetworks

_STEPS = 10
"""Steps that are timed, after as many that warm up ..."""

_MOST_IMAGES = 20_000
"""... and fewer with large batches, to hold no more images than these."""


@dataclass(frozen=True)
class Cost:
    """Of a whole sweep but for its truths: seconds on this machine's processors, and bytes of files.

    Truths take as many draws as their standard errors need, which no few steps can tell.

    Attributes:
        memory_bytes: of the trial that needs the most.
        memory_there: of this machine, for all that run at once.
    """

    seconds: float
    disk_bytes: int
    concurrent: int
    memory_bytes: int
    memory_there: int


def measure(planned: Sequence[TrialConfig], resources: Resources, cpus: int) -> Cost:
    """Time a few training steps of each distinct configuration on random data of the same shape.

    Args:
        cpus: processors of the machine; they bound how many trials run at once.

    Raises:
        InputError: if a trial asks for more processors or more memory than there are.
    """
    if resources.cpus_per_trial > cpus:
        raise InputError(
            f"cpus_per_trial is {resources.cpus_per_trial}; it must be at most {cpus}, as many as there are."
        )
    here = torch.device("cpu")
    for config in planned:
        memory.check_trial(config, here)
    torch.set_num_threads(resources.threads)
    concurrent = max(
        1, min(len(planned), int(cpus / resources.cpus_per_trial), resources.max_concurrent or len(planned))
    )
    seconds_of: dict[str, float] = {}
    bytes_of: dict[str, int] = {}
    for config in planned:
        kind = key(replace(config, seed=0))
        if kind not in seconds_of:
            seconds_of[kind] = config.runs * _run_seconds(config)
            bytes_of[kind] = _trial_bytes(config)
    kinds = [key(replace(config, seed=0)) for config in planned]
    work, disk = sum(seconds_of[kind] for kind in kinds), sum(bytes_of[kind] for kind in kinds)
    for config in {lenet_key(config): config for config in planned}.values():  # one LeNet-5 serves many trials
        work += _lenet_seconds(config)
        disk += config.runs * sum(p.nbytes for p in lenet.LeNet5(torch.Generator()).parameters())
    largest = max(sum(memory.of_trial(config).values()) for config in planned)
    return Cost(work / concurrent, disk, concurrent, largest, memory.there(here))


def _steps(batch_size: int) -> int:
    return max(1, min(_STEPS, _MOST_IMAGES // batch_size))


def _images(samples: int) -> data.Images:
    source = generator(0, "cost")
    pixels = torch.rand(samples, 1, data.IMAGE_SIDE, data.IMAGE_SIDE, generator=source)
    return data.Images(pixels, torch.randint(CLASSES, (samples,), generator=source))


def _lenet_seconds(config: TrialConfig) -> float:
    """LeNet-5's epochs with their tests, and the activations at every probe."""
    batch = config.lenet.batch_size
    images = _images(max(_steps(batch) * batch, lenet.EVALUATION_BATCH))
    network = lenet.LeNet5(generator(0, "cost"))
    optimizer = lenet.make_optimizer(network, config.lenet)
    lenet.train_epoch(network, optimizer, images, batch, generator(0, "cost"))
    start = time.perf_counter()
    lenet.train_epoch(network, optimizer, images, batch, generator(0, "cost"))
    a_step = (time.perf_counter() - start) / (len(images) // batch)
    start = time.perf_counter()
    lenet.activations(network, images)
    an_image = (time.perf_counter() - start) / len(images)
    learnt = config.lenet.train_samples or TRAIN_SAMPLES[config.data.name]
    tested = TEST_SAMPLES[config.data.name] * config.lenet.epochs + config.mine_samples * config.runs
    return config.lenet.epochs * steps(learnt, batch, config.lenet.last_batch) * a_step + tested * an_image


def _run_seconds(config: TrialConfig) -> float:
    """One run of MINE."""
    batch = config.mine.batch_size
    settings = replace(config.mine, epochs=1)
    images = _images(_steps(batch) * batch)
    outputs = {
        layer: torch.rand(len(images), math.prod(lenet.LAYER_SHAPES[layer]), generator=generator(0, "cost"))
        for layer in settings.layers
    }
    samples = mine.Samples(images.pixels.flatten(1), images.labels, outputs)
    networks = StatisticsNetworks(settings, {"X": (1, data.IMAGE_SIDE, data.IMAGE_SIDE), **lenet.LAYER_SHAPES}, seed=0)
    mine.train(networks, samples, seed=0)
    start = time.perf_counter()
    mine.train(networks, samples, seed=0)
    a_step = (time.perf_counter() - start) / _steps(batch)
    return config.mine.epochs * steps(config.mine_samples, batch, config.mine.last_batch) * a_step


def _trial_bytes(config: TrialConfig) -> int:
    """Size of a trial's curves, by far its largest part, with random values in them."""
    shape = (config.mine.epochs, len(config.mine.pairs), config.mine.replicates)
    values = np.random.default_rng(derive_seed(0, "cost")).random((4, *shape))
    bound, pooled, partition, norm = torch.from_numpy(values)
    none = torch.zeros(shape[1:], dtype=torch.int64)
    curves = mine.Curves(config.mine.pairs, bound, pooled, partition, norm, bound > -1, none, none)
    return config.runs * records.to_parquet(fit_rows.curves(key(config), 1, 0, curves)).size
