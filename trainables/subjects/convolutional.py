"""Two small networks for small images, of the families of VGG (arXiv:1409.1556) and of ResNet (arXiv:1512.03385)."""

from collections import OrderedDict

from torch import Tensor, nn


def vgg(shape: tuple[int, ...], classes: int) -> nn.Module:
    """Three blocks of two 3x3 convolutions with ReLU and a pooling, of 16, 32 and 64 filters; then 128 units.

    Args:
        shape: channels, height and width of an image, of at least 8 pixels a side.
    """
    modules, channels = OrderedDict[str, nn.Module](), shape[0]
    for block, filters in enumerate((16, 32, 64)):
        for number in (2 * block + 1, 2 * block + 2):
            modules[f"conv{number}"] = nn.Conv2d(channels, filters, kernel_size=3, padding=1)
            modules[f"relu{number}"], channels = nn.ReLU(), filters
        modules[f"pool{block + 1}"] = nn.MaxPool2d(2)
    features = 64 * (shape[1] // 8) * (shape[2] // 8)
    modules |= {"flat": nn.Flatten(), "linear7": nn.Linear(features, 128), "relu7": nn.ReLU()}
    modules["linear8"] = nn.Linear(128, classes)
    return nn.Sequential(modules)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which has a 1x1 convolution where the size changes."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        stride = 1 if before == after else 2
        self.conv1 = nn.Conv2d(before, after, kernel_size=3, padding=1, stride=stride, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(before, after, kernel_size=1, stride=2, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.norm1(self.conv1(images)).relu()
        return (self.norm2(self.conv2(hidden)) + self.shortcut(images)).relu()


class ResNet(nn.Module):
    """A 3x3 convolution, three stages of one residual block with 16, 32 and 64 filters, and the mean over pixels."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(shape[0], 16, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(16))
        self.stage1, self.stage2, self.stage3 = Block(16, 16), Block(16, 32), Block(32, 64)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.linear = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (batch, classes), of images, shape (batch, *shape)."""
        hidden = self.stage1(self.stem(images).relu())
        return self.linear(self.pool(self.stage3(self.stage2(hidden))))
