"""LeNet-5 as in the paper's Table 1."""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init


class LeNet5(nn.Module):
    """conv 1->20 k5 + ReLU, maxpool 2, conv 20->50 k5 + ReLU, maxpool 2, fc 800->500 + ReLU, fc 500->10.

    The sizes are those of images of 28 x 28 pixels with one channel and 10 classes; others follow from theirs.
    """

    def __init__(self, shape: tuple[int, ...] = (1, 28, 28), classes: int = 10) -> None:
        """Initial weights from PyTorch's global generator, by its default law.

        Args:
            shape: channels, height and width of an image, of at least 16 pixels a side.
        """
        super().__init__()
        channels, height, width = shape
        features = 50 * (((height - 4) // 2 - 4) // 2) * (((width - 4) // 2 - 4) // 2)
        # Weights are drawn once, below, and not by PyTorch as well.
        self.conv1 = skip_init(nn.Conv2d, channels, 20, kernel_size=5)
        # The ReLU after the pooling gives the same values and gradients on a quarter of the numbers.
        self.maxpool1 = nn.Sequential(nn.MaxPool2d(2), nn.ReLU())
        self.conv2 = skip_init(nn.Conv2d, 20, 50, kernel_size=5)
        self.maxpool2 = nn.Sequential(nn.MaxPool2d(2), nn.ReLU())
        self.fc1 = skip_init(nn.Linear, features, 500)
        self.relu3 = nn.ReLU()
        self.fc2 = skip_init(nn.Linear, 500, classes)
        with torch.no_grad():
            for layer in (self.conv1, self.conv2, self.fc1, self.fc2):
                bound = 1 / math.sqrt(layer.weight[0].numel())
                for parameter in layer.parameters():  # weight, then bias
                    parameter.uniform_(-bound, bound)
        # Faster convolutions on CPU and GPU; only the order in memory changes.
        self.to(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits, shape (batch, classes), of pixels, shape (batch, *shape)."""
        hidden = self.maxpool1(self.conv1(pixels.to(memory_format=torch.channels_last)))
        hidden = self.maxpool2(self.conv2(hidden))
        return self.fc2(self.relu3(self.fc1(hidden.flatten(1))))
