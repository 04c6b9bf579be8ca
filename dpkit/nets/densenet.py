"""DenseNet: each layer sees the outputs of all layers before it in its block.

Huang, Liu, van der Maaten and Weinberger, "Densely Connected Convolutional Networks" (2017),
Table 1, DenseNet-BC: a 1x1 bottleneck before each 3x3 convolution, and transitions that halve the
channels. First layer: `features.conv0`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dpkit.nets.sizes import positive

BOTTLENECK = 4  # the 1x1 convolution makes 4k channels (section 3, "Bottleneck layers")
STEM = 2  # the first convolution makes 2k channels (section 3, "Implementation Details")


class DenseLayer(nn.Module):
    """BN, ReLU, 1x1; BN, ReLU, 3x3: [n,before,h,w] → [n,growth,h,w]."""

    def __init__(self, before: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(before)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(before, BOTTLENECK * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(BOTTLENECK * growth, growth, 3, padding=1, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return the `growth` new channels alone."""
        inner = self.conv1(self.relu1(self.norm1(values)))
        new: Tensor = self.conv2(self.relu2(self.norm2(inner)))
        return new


class DenseBlock(nn.Module):
    """`layers` dense layers: [n,before,h,w] → [n,before + layers·growth,h,w]."""

    def __init__(self, layers: int, before: int, growth: int) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(f"denselayer{i + 1}", DenseLayer(before + i * growth, growth))

    def forward(self, values: Tensor) -> Tensor:
        """Return the input and what every layer adds, channel after channel."""
        for layer in self.children():
            values = torch.cat([values, layer(values)], dim=1)
        return values


class DenseNet(nn.Module):
    """DenseNet-BC: images [n,in_channels,h,w] → logits [n,classes].

    The stem quarters the image and each transition halves it, so that h and w are 32 or more
    with four blocks.

    Parameters
    ----------
    growth
        k, the channels that each layer adds.
    layers
        Dense layers of each block.

    Raises
    ------
    ValueError
        A size below 1, or no block.
    """

    def __init__(
        self,
        *,
        growth: int = 32,
        layers: tuple[int, ...] = (6, 12, 24, 16),
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        positive(growth=growth, blocks=len(layers), classes=classes, in_channels=in_channels)
        positive(**{f"layers of block {i}": count for i, count in enumerate(layers, 1)})
        self.features = nn.Sequential()
        channels = _add_stem(self.features, in_channels, growth)
        for i, count in enumerate(layers, 1):
            self.features.add_module(f"denseblock{i}", DenseBlock(count, channels, growth))
            channels += count * growth
            if i < len(layers):
                self.features.add_module(f"transition{i}", _transition(channels))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Linear(channels, classes)
        self.apply(_start)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n,classes]."""
        pooled = self.avgpool(self.relu(self.features(images)))
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits


def _add_stem(features: nn.Sequential, in_channels: int, growth: int) -> int:
    """Add the layers before the first block, and return their channels."""
    channels = STEM * growth
    conv = nn.Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False)
    features.add_module("conv0", conv)
    features.add_module("norm0", nn.BatchNorm2d(channels))
    features.add_module("relu0", nn.ReLU(inplace=True))
    features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
    return channels


def _transition(before: int) -> nn.Sequential:
    """Halve channels and sides: [n,before,h,w] → [n,before/2,h/2,w/2]."""
    transition = nn.Sequential()
    transition.add_module("norm", nn.BatchNorm2d(before))
    transition.add_module("relu", nn.ReLU(inplace=True))
    transition.add_module("conv", nn.Conv2d(before, before // 2, 1, bias=False))
    transition.add_module("pool", nn.AvgPool2d(2))
    return transition


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    elif isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
