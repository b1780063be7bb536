"""LeNet-5 as in the paper's Table 1: layers, a training epoch, accuracy, activations.

In float32 throughout and by deterministic algorithms: one seed gives one LeNet-5 on one device model, so that trials
which train it at the same time may share what each publishes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables import numerics
from trainables.draws import epoch_rows
from trainables.settings import CLASSES, LAYERS, LeNetConfig
from trainables.subjects.data import Images

LAYER_SHAPES = {"maxpool1": (20, 12, 12), "maxpool2": (50, 4, 4), "relu3": (500,), "sm1": (CLASSES,)}
"""Shape of each probed layer's output, without the sample axis."""

EVALUATION_BATCH = 250
"""Images per forward pass where nothing is learnt; bounds the memory of the convolutions."""


class LeNet5(nn.Module):
    """conv 1->20 k5 + ReLU, maxpool 2, conv 20->50 k5 + ReLU, maxpool 2, fc 800->500 + ReLU, fc 500->10.

    The four probed layers are `maxpool1`, `maxpool2`, `relu3` and `sm1` (the softmax of the last, or its logarithm).
    """

    def __init__(self, source: torch.Generator, output: str = "softmax") -> None:
        """Initial weights from `source`, a CPU generator, by PyTorch's default law.

        Args:
            output: what `sm1` is, `softmax` or `log_softmax`; the logits and the loss are the same.
        """
        super().__init__()
        self.to_sm1 = {"softmax": functional.softmax, "log_softmax": functional.log_softmax}[output]
        self.conv1 = nn.Conv2d(1, 20, kernel_size=5)
        self.conv2 = nn.Conv2d(20, 50, kernel_size=5)
        self.fc1 = nn.Linear(800, 500)
        self.fc2 = nn.Linear(500, CLASSES)
        with torch.no_grad():
            for layer in (self.conv1, self.conv2, self.fc1, self.fc2):
                bound = 1 / math.sqrt(layer.weight[0].numel())
                for parameter in layer.parameters():  # weight, then bias
                    parameter.uniform_(-bound, bound, generator=source)
        # Faster convolutions on CPU and GPU; only the order in memory changes.
        self.to(memory_format=torch.channels_last)

    def layers(self, pixels: Tensor) -> dict[str, Tensor]:
        """Outputs of the probed layers, by name, and the `logits` that the loss takes.

        Args:
            pixels: shape (batch, 1, 28, 28).

        Returns:
            Tensors of shape (batch, *LAYER_SHAPES[name]); `logits` (batch, 10).
        """
        # The ReLU after the pooling gives the same values and gradients on a quarter of the numbers.
        maxpool1 = functional.relu(functional.max_pool2d(self.conv1(pixels.to(memory_format=torch.channels_last)), 2))
        maxpool2 = functional.relu(functional.max_pool2d(self.conv2(maxpool1), 2))
        relu3 = functional.relu(self.fc1(maxpool2.flatten(1)))
        logits = self.fc2(relu3)
        sm1 = self.to_sm1(logits, dim=1)
        return {"maxpool1": maxpool1, "maxpool2": maxpool2, "relu3": relu3, "sm1": sm1, "logits": logits}

    def forward(self, pixels: Tensor) -> Tensor:
        return self.layers(pixels)["logits"]


def make_optimizer(lenet: LeNet5, config: LeNetConfig) -> torch.optim.Optimizer:
    """The optimizer that the configuration names."""
    if config.optimizer == "adam":
        return torch.optim.Adam(lenet.parameters(), lr=config.learning_rate)
    return torch.optim.SGD(lenet.parameters(), lr=config.learning_rate, momentum=config.momentum)


@numerics.fixed("highest")
def train_epoch(
    lenet: LeNet5,
    optimizer: torch.optim.Optimizer,
    images: Images,
    batch_size: int,
    source: torch.Generator,
    last_batch: str = "dropped",
) -> float:
    """Train for one epoch on the cross-entropy of the logits.

    Args:
        source: CPU generator of the epoch's batch order.
        last_batch: whether a last batch that is not full is `dropped` or `kept`.

    Returns:
        Mean over the epoch's batches of their mean losses, in nats.
    """
    order = epoch_rows(len(images), batch_size, last_batch, source).to(images.labels.device).split(batch_size)
    total = torch.zeros((), device=images.labels.device)
    for rows in order:
        pixels, labels = images.pixels.index_select(0, rows), images.labels.index_select(0, rows)
        loss = functional.cross_entropy(lenet(pixels), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return float(total / len(order))


@numerics.fixed("highest")
@torch.no_grad()
def accuracy(lenet: LeNet5, images: Images) -> float:
    """Share of images classified rightly, in [0, 1]."""
    right = torch.zeros((), dtype=torch.int64, device=images.labels.device)
    for pixels, labels in zip(
        images.pixels.split(EVALUATION_BATCH), images.labels.split(EVALUATION_BATCH), strict=True
    ):
        right += (lenet(pixels).argmax(dim=1) == labels).sum()
    return int(right) / len(images)


@numerics.fixed("highest")
@torch.no_grad()
def activations(lenet: LeNet5, images: Images, layers: Sequence[str] = LAYERS) -> dict[str, Tensor]:
    """The layers' outputs for all images, one row a sample.

    Returns:
        By layer, float32, shape (samples, features) on the images' device.

    Raises:
        FloatingPointError: if an output is not finite: LeNet-5 has diverged, and nothing can be said of it.
    """
    rows = {
        name: torch.empty(len(images), math.prod(LAYER_SHAPES[name]), device=images.pixels.device) for name in layers
    }
    for start in range(0, len(images), EVALUATION_BATCH):
        outputs = lenet.layers(images.pixels[start : start + EVALUATION_BATCH])
        for name in layers:
            rows[name][start : start + EVALUATION_BATCH] = outputs[name].flatten(1)
    for name, outputs_of_layer in rows.items():
        if not torch.stack(outputs_of_layer.aminmax()).isfinite().all():  # makes no copy of the outputs
            raise FloatingPointError(f"LeNet-5 has diverged: its {name} is not finite; lower lenet.learning_rate.")
    return rows
