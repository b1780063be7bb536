"""What a sweep will cost: a few steps of each kind of trial, timed here on its kind of device, and scaled up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from study import amounts
from study.resources import Resources
from trainables import devices
from trainables.draws import generator, steps
from trainables.errors import require
from trainables.estimators import memory, mine
from trainables.estimators.statistics_network import StatisticsNetworks
from trainables.settings import TrialConfig, configuration_key, network_key
from trainables.subjects import probing, training
from trainables.subjects.data import Examples
from trainables.trial import provenance

_STEPS = 10
"""Steps that are timed, after as many that warm up ..."""

_MOST_SAMPLES = 20_000
"""... and fewer with large batches, to hold no more samples than these."""

_BYTES_PER_EPOCH = 30
"""Of a fit's curve in Parquet: measured 20 in packed files, 30 in a short trial's own."""


def device_here(resources: Resources) -> torch.device | None:
    """The device that trials get, if this machine has it: a GPU that PyTorch can use, or the CPU."""
    if not resources.gpus_per_trial:
        return torch.device("cpu")
    return None if devices.why_unusable("cuda") else devices.choose_device("cuda")


def estimate(planned: Sequence[TrialConfig], resources: Resources, cpus: int, device: torch.device | None) -> str:
    """What trials will cost, in two lines: time (without the truths, whose standard errors decide it), disk, memory.

    Args:
        cpus: processors of the machine; they bound how many trials run at once.
        device: from `device_here`; None: time is not estimated.

    Raises:
        InputError: if a trial asks for more processors or memory, or more of a GPU's, than there are.
    """
    wanted, gpus = resources.cpus_per_trial, resources.gpus_per_trial
    require(wanted <= cpus, "cpus_per_trial", wanted, f"at most {cpus}, as many as there are")
    largest = memory.largest(planned, "cuda" if gpus else "cpu")
    if device is not None and gpus:
        memory.check_share(largest, gpus, device)
    elif device is not None:
        memory.check_trial(largest, device)
    needed = sum(memory.of_trial(largest, "cuda" if gpus else "cpu").values())
    disk = memory.in_words(disk_bytes(planned))
    if device is None:
        return (
            f"{len(planned)} to run, {disk}; how long is not known: PyTorch can use no GPU here\n"
            f"up to {memory.in_words(needed)} of GPU memory per trial: {gpus:g} of a GPU is enough if it has "
            f"{memory.in_words(needed / gpus)} or more"
        )
    concurrent = _concurrent(len(planned), resources, cpus)
    torch.set_num_threads(resources.threads)
    return (
        f"{len(planned)} to run, {concurrent} at a time: about "
        f"{amounts.duration(seconds(planned, device) / concurrent)} and {disk} here, without the truths\n"
        f"up to {memory.in_words(needed)} of memory per trial; this {'GPU' if gpus else 'machine'} has "
        f"{memory.in_words(memory.available(device))}"
    )


def disk_bytes(planned: Sequence[TrialConfig]) -> float:
    """Size of a sweep's files: of trials the curves, by far their largest part, and of networks the weights."""
    return sum(map(_curves_bytes, planned)) + sum(config.runs * _state_bytes(config) for config in _networks(planned))


def seconds(planned: Sequence[TrialConfig], device: torch.device) -> float:
    """Of all trials one after another, by a few training steps of each configuration on random data of its shape."""
    kinds = {configuration_key(config): config for config in planned}
    seconds_of = {name: config.runs * _run_seconds(config, device) for name, config in kinds.items()}
    work = sum(seconds_of[configuration_key(config)] for config in planned)
    return work + sum(_network_seconds(config, device) for config in _networks(planned))


def _networks(planned: Sequence[TrialConfig]) -> list[TrialConfig]:
    """One trial of each network, which serves many trials."""
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
    network = training.build(config.network.name, config.data_set, generator(0, "cost"))
    return sum(one.nbytes for one in network.state_dict().values())


def _samples(config: TrialConfig, samples: int, device: torch.device) -> Examples:
    """Random inputs and labels."""
    source, described = generator(0, "cost"), config.data_set
    inputs = torch.rand(samples, *described.shape, generator=source)
    return Examples(inputs, torch.randint(described.classes, (samples,), generator=source)).to(device)


def _network_seconds(config: TrialConfig, device: torch.device) -> float:
    """The network's epochs with their tests, and reading its layers before every run of MINE."""
    settings, batch = config.network, config.network.batch_size
    samples = _samples(config, max(_steps(batch) * batch, probing.EVALUATION_BATCH), device)
    network = training.build(settings.name, config.data_set, generator(0, "cost")).to(device)
    optimizer = training.make_optimizer(network, settings)
    learning = _seconds(device, lambda: training.train_epoch(network, optimizer, samples, batch, generator(0, "cost")))
    reading = _seconds(device, lambda: probing.activations(network, samples.inputs, config.layers))
    read = config.data_set.test * settings.epochs + config.mine_samples * config.runs
    taken = settings.epochs * steps(settings.train_samples or config.available, batch, settings.last_batch)
    return taken * learning / (len(samples) // batch) + read * reading / len(samples)


def _run_seconds(config: TrialConfig, device: torch.device) -> float:
    """One run of MINE."""
    batch = config.mine.batch_size
    settings = replace(config.mine, epochs=1)
    given = _samples(config, _steps(batch) * batch, device)
    shapes = dict(training.shapes(config.network.name, config.network.layers, config.data_set))
    outputs = {
        layer: torch.rand(len(given), math.prod(shapes[layer]), generator=generator(0, "cost")).to(device)
        for layer in config.layers
    }
    samples = mine.Samples(given.inputs.flatten(1), given.labels, outputs)
    networks = StatisticsNetworks(settings, shapes, seed=0, device=device, pairs=config.pairs)
    per_step = _seconds(device, lambda: mine.train(networks, samples, seed=0)) / _steps(batch)
    return config.mine.epochs * steps(config.fitted_samples, batch, config.mine.last_batch) * per_step


def _curves_bytes(config: TrialConfig) -> float:
    return _BYTES_PER_EPOCH * config.runs * config.mine.epochs * len(config.pairs) * config.mine.replicates
