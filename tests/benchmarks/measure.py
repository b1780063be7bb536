"""What the benchmarks share: alternating measurement, the machine in words, and JSON on request."""

import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests import lenet5
from trainables.draws import generator
from trainables.estimators import mine
from trainables.settings import NetworkConfig
from trainables.subjects import data, probing, training


def alternate(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each piece of work over rounds that take turns, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for round_number in range(rounds + 1):
        for name, piece in work.items():
            start = time.perf_counter()
            piece()
            if round_number:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def machine() -> str:
    """Processor, threads and PyTorch."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{_processor()}, {capability}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:  # not Linux
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")


def write_json(path: str | None, content: dict[str, Any]) -> None:
    """Write `content` and the machine; None: nowhere."""
    if path:
        Path(path).write_text(json.dumps({"machine": machine(), **content}, indent=2) + "\n")


def mnist_samples(count: int) -> mine.Samples:
    """`count` training images of MNIST and the layers of a LeNet-5 that has learnt them for one epoch."""
    images = data.load("mnist").train.subset(count)
    network = lenet5.make(generator(0, "lenet weights"))
    training.train_epoch(
        network,
        training.make_optimizer(network, NetworkConfig()),
        images,
        128,
        generator(0, "order"),
    )
    return mine.Samples(
        images.inputs.flatten(1), images.labels, probing.activations(network, images.inputs, lenet5.LAYERS)
    )
