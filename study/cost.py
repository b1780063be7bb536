"""What a sweep will cost: a few steps of each kind of trial, timed here on its kind of device, and scaled up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from study.resources import Resources
from trainables import devices, records
from trainables.draws import derive_seed, generator, steps
from trainables.estimators import memory, mine
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import (
    InputError,
    TrialConfig,
    configuration_key,
    network_key,
)
from trainables.subjects import probing, training
from trainables.subjects.data import Examples
from trainables.subjects.datasets import DATASETS
from trainables.trial import provenance, rows

_STEPS = 10
"""Steps that are timed, after as many that warm up ..."""

_MOST_SAMPLES = 20_000
"""... and fewer with large batches, to hold no more samples than these."""


@dataclass(frozen=True)
class Here:
    """Of this machine.

    Attributes:
        name: of what has the memory: this machine, or its GPU.
        memory_bytes: for all trials that run at once.
        concurrent: how many these are.
        seconds: of the whole sweep, except its truths: they take as many draws as their standard errors need.
    """

    name: str
    memory_bytes: int
    concurrent: int
    seconds: float


@dataclass(frozen=True)
class Cost:
    """Of a sweep.

    Attributes:
        disk_bytes: of its files.
        memory_bytes: of the trial that needs the most, on the device that trials get.
        there: None where trials get a GPU and this machine has none.
    """

    disk_bytes: int
    memory_bytes: int
    there: Here | None


def device_here(resources: Resources) -> torch.device | None:
    """The device that trials get, if this machine has it: a GPU that PyTorch can use, or the CPU."""
    if not resources.gpus_per_trial:
        return torch.device("cpu")
    return None if devices.why_unusable("cuda") else devices.choose_device("cuda")


def measure(planned: Sequence[TrialConfig], resources: Resources, cpus: int, device: torch.device | None) -> Cost:
    """Time a few training steps of each distinct configuration on random data of the same shape.

    Args:
        cpus: processors of the machine; they bound how many trials run at once.
        device: from `device_here`; None: nothing is timed.

    Raises:
        InputError: if a trial asks for more processors or memory, or more of a GPU's, than there are.
    """
    if resources.cpus_per_trial > cpus:
        raise InputError(
            f"cpus_per_trial is {resources.cpus_per_trial}; it must be at most {cpus}, as many as there are."
        )
    kind = "cuda" if resources.gpus_per_trial else "cpu"
    largest = memory.largest(planned, kind)
    if device is not None and resources.gpus_per_trial:
        memory.check_share(largest, resources.gpus_per_trial, device)
    elif device is not None:
        memory.check_trial(largest, device)
    bytes_of = {one: _trial_bytes(config) for one, config in _kinds(planned).items()}
    disk = sum(bytes_of[configuration_key(config)] for config in planned)
    disk += sum(config.runs * _state_bytes(config) for config in _networks(planned))
    needed = sum(memory.of_trial(largest, kind).values())
    return Cost(disk, needed, None if device is None else _here(planned, resources, cpus, device))


def _here(planned: Sequence[TrialConfig], resources: Resources, cpus: int, device: torch.device) -> Here:
    torch.set_num_threads(resources.threads)
    seconds_of = {one: config.runs * _run_seconds(config, device) for one, config in _kinds(planned).items()}
    work = sum(seconds_of[configuration_key(config)] for config in planned)
    work += sum(_network_seconds(config, device) for config in _networks(planned))
    concurrent = _concurrent(len(planned), resources, cpus)
    name = "this machine" if device.type == "cpu" else provenance.device_name(device)
    return Here(name, memory.available(device), concurrent, work / concurrent)


def _kinds(planned: Sequence[TrialConfig]) -> dict[str, TrialConfig]:
    """A trial of each configuration, by its key."""
    return {configuration_key(config): config for config in planned}


def _networks(planned: Sequence[TrialConfig]) -> list[TrialConfig]:
    """A trial of each network: one serves many trials."""
    return list({network_key(config): config for config in planned}.values())


def _concurrent(trials: int, resources: Resources, cpus: int) -> int:
    """How many trials run at once on this machine."""
    limits = [trials, int(cpus / resources.cpus_per_trial), resources.max_concurrent or trials]
    if resources.gpus_per_trial:
        limits.append(torch.cuda.device_count() * int(1 / resources.gpus_per_trial))
    return max(1, min(limits))


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    """Of the second of two times."""
    work()
    watch = provenance.Stopwatch(device)
    with watch.phase("work"):
        work()
    return watch.seconds["work"]


def _steps(batch_size: int) -> int:
    return max(1, min(_STEPS, _MOST_SAMPLES // batch_size))


def _state_bytes(config: TrialConfig) -> int:
    network = training.build(config.network.name, config.data.name, generator(0, "cost"))
    return sum(one.nbytes for one in network.state_dict().values())


def _samples(config: TrialConfig, samples: int, device: torch.device) -> Examples:
    """Random inputs and labels."""
    source, described = generator(0, "cost"), DATASETS[config.data.name]
    inputs = torch.rand(samples, *described.shape, generator=source)
    return Examples(inputs, torch.randint(described.classes, (samples,), generator=source)).to(device)


def _network_seconds(config: TrialConfig, device: torch.device) -> float:
    """The network's epochs with their tests, and the activations at every probe."""
    settings, batch = config.network, config.network.batch_size
    samples = _samples(config, max(_steps(batch) * batch, probing.EVALUATION_BATCH), device)
    network = training.build(settings.name, config.data.name, generator(0, "cost")).to(device)
    optimizer = training.make_optimizer(network, settings)
    learning = _seconds(device, lambda: training.train_epoch(network, optimizer, samples, batch, generator(0, "cost")))
    probe = _seconds(device, lambda: probing.activations(network, samples.inputs, config.layers))
    tested = DATASETS[config.data.name].test * settings.epochs + config.mine_samples * config.runs
    taken = settings.epochs * steps(settings.train_samples or config.available, batch, settings.last_batch)
    return taken * learning / (len(samples) // batch) + tested * probe / len(samples)


def _run_seconds(config: TrialConfig, device: torch.device) -> float:
    """One run of MINE."""
    batch = config.mine.batch_size
    settings = replace(config.mine, epochs=1)
    given = _samples(config, _steps(batch) * batch, device)
    shapes = dict(training.shapes(config.network.name, config.data.name))
    outputs = {
        layer: torch.rand(len(given), math.prod(shapes[layer]), generator=generator(0, "cost")).to(device)
        for layer in config.layers
    }
    samples = mine.Samples(given.inputs.flatten(1), given.labels, outputs)
    networks = StatisticsNetworks(settings, shapes, seed=0, device=device, pairs=config.pairs)
    per_step = _seconds(device, lambda: mine.train(networks, samples, seed=0)) / _steps(batch)
    return config.mine.epochs * steps(config.fitted_samples, batch, config.mine.last_batch) * per_step


def _trial_bytes(config: TrialConfig) -> int:
    """Size of a trial's curves, by far its largest part, with random values in them."""
    shape = (config.mine.epochs, len(config.pairs), config.mine.replicates)
    values = np.random.default_rng(derive_seed(0, "cost")).random((4, *shape))
    bound, pooled, partition, norm = torch.from_numpy(values)
    none = torch.zeros(shape[1:], dtype=torch.int64)
    curves = mine.Curves(config.pairs, bound, pooled, {}, partition, norm, bound > -1, none, none)
    return config.runs * records.to_parquet(rows.curves(config, 1, curves)).size
