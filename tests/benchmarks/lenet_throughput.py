"""A LeNet-5 training step on this device, against the same network written in other usual ways.

    python -m tests.benchmarks.lenet_throughput --json lenet_throughput.json

Rivals take turns in one run; seconds are medians for one epoch of the given samples. `compiled` is our
network under torch.compile, measured where a C++ compiler is found.
"""

import argparse
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests import lenet5
from tests.benchmarks import measure
from trainables.draws import generator
from trainables.settings import NetworkConfig
from trainables.subjects import data, training
from trainables.subjects.data import Examples


def plain() -> nn.Module:
    """The layers as they are usually listed: the ReLU before the pooling, PyTorch's default memory format."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )  # fmt: skip


def ours() -> nn.Module:
    return lenet5.make(generator(0, "lenet weights"))


def epoch(network: nn.Module, images: Examples, batch_size: int, gather: bool = True) -> Callable[[], Any]:
    """An epoch of SGD; without `gather` by indexing, as it is usually written."""
    optimizer = torch.optim.SGD(network.parameters(), lr=3e-4, momentum=0.9)
    source = generator(0, "lenet batches", 0)
    if gather:
        return lambda: training.train_epoch(network, optimizer, images, batch_size, source)  # type: ignore[arg-type]
    return lambda: _indexed_epoch(network, optimizer, images, batch_size, source)


def _indexed_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, images: Examples, batch_size: int, source: torch.Generator
) -> None:
    for rows in torch.randperm(len(images), generator=source).split(batch_size):
        loss = functional.cross_entropy(network(images.inputs[rows]), images.labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=6_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    images = data.load("mnist").train.subset(options.samples)
    batch_size = NetworkConfig().batch_size
    work = {
        "ours": epoch(ours(), images, batch_size),
        "plain": epoch(plain(), images, batch_size, gather=False),
        "plain, channels_last": epoch(plain().to(memory_format=torch.channels_last), images, batch_size),
    }
    if shutil.which("c++"):
        work["compiled"] = epoch(torch.compile(ours()), images, batch_size)  # type: ignore[arg-type]
    seconds = measure.alternate(work, options.rounds)
    print(f"{measure.machine()}; batch {batch_size}, {len(images)} images")
    for name, spent in seconds.items():
        print(f"{name:22s} {spent:7.3f} s/epoch, {1e3 * spent / (len(images) // batch_size):6.2f} ms/step")
    print(f"plain / ours: {seconds['plain'] / seconds['ours']:.2f}")
    measure.write_json(options.json, {"ratio": seconds["plain"] / seconds["ours"], "seconds": seconds})


if __name__ == "__main__":
    main()
