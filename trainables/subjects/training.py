"""A network is built, learns for an epoch, and is tested.

In float32 throughout and by deterministic algorithms: one seed gives one trained network on one device model, so that
trials which train it at the same time may share what each publishes.
"""

import functools
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

from trainables import numerics
from trainables.draws import derive_seed, epoch_rows
from trainables.errors import require
from trainables.subjects import own
from trainables.subjects.data import Examples
from trainables.subjects.datasets import Data
from trainables.subjects.networks import NETWORKS, described
from trainables.subjects.probing import EVALUATION_BATCH, layer_shapes


def build(name: str, data: Data, source: torch.Generator) -> nn.Module:
    """A network for a data set, on the CPU, its initial weights drawn as if by `source`, a CPU generator.

    Raises:
        InputError: if one of people's own cannot be made, or is no module.
    """
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(source.get_state())
        if name in NETWORKS:
            return pkgutil.resolve_name(NETWORKS[name].make)(data.shape, data.classes)
        made = own.call(name, "network.name", data.shape, data.classes)
    require(isinstance(made, nn.Module), "network.name", name, "what makes a torch.nn.Module")
    return made


@functools.lru_cache(maxsize=32)
def shapes(name: str, layers: tuple[str, ...], data: Data) -> Mapping[str, tuple[int, ...]]:
    """Shape of one sample of X and of each layer of a network, and of Y the number of classes.

    Args:
        layers: as `networks.described`.
    """
    of_layers = layer_shapes(build(name, data, torch.Generator()), data.shape, described(name, layers).layers)
    return {"X": data.shape, "Y": (data.classes,), **of_layers}


class Learning(Protocol):
    """How a network learns: the optimizer, sgd, or adam, which has no momentum."""

    @property
    def optimizer(self) -> str: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def momentum(self) -> float: ...


def make_optimizer(network: nn.Module, learning: Learning) -> torch.optim.Optimizer:
    """The optimizer of a network's parameters."""
    if learning.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=learning.learning_rate)
    return torch.optim.SGD(network.parameters(), lr=learning.learning_rate, momentum=learning.momentum)


@numerics.fixed("highest")
def train_epoch(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    samples: Examples,
    batch_size: int,
    source: torch.Generator,
    last_batch: str = "dropped",
) -> float:
    """Train for one epoch on the cross-entropy of the logits.

    Args:
        source: CPU generator of the epoch's batch order; by its seed the network's own draws (dropout) are seeded.
        last_batch: whether a last batch that is not full is `dropped` or `kept`.

    Returns:
        Mean over the epoch's batches of their mean losses, in nats.
    """
    network.train()
    device = samples.labels.device
    order = epoch_rows(len(samples), batch_size, last_batch, source).to(device).split(batch_size)
    total = torch.zeros((), device=device)
    with _seeded(source, device):
        for rows in order:
            inputs, labels = samples.inputs.index_select(0, rows), samples.labels.index_select(0, rows)
            loss = functional.cross_entropy(network(inputs), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach()
    return float(total / len(order))


@contextmanager
def _seeded(source: torch.Generator, device: torch.device) -> Iterator[None]:
    """PyTorch's global generators, by which modules draw, seeded from `source` for a while."""
    used = [device] if device.type == "cuda" and torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=used):
        seed = derive_seed(source.initial_seed(), "modules")
        torch.default_generator.manual_seed(seed)
        for one in used:
            torch.cuda.default_generators[one.index].manual_seed(seed)
        yield


@numerics.fixed("highest")
@torch.no_grad()
def accuracy(network: nn.Module, samples: Examples) -> float:
    """Share of samples classified rightly, in [0, 1]."""
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=samples.labels.device)
    batches = zip(samples.inputs.split(EVALUATION_BATCH), samples.labels.split(EVALUATION_BATCH), strict=True)
    for inputs, labels in batches:
        right += (network(inputs).argmax(dim=1) == labels).sum()
    return int(right) / len(samples)
