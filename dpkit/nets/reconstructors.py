"""Networks from released values back to pictures: [n,c',h',w'] → [n,c,h,w] of any other shape.

    MLP             Dosovitskiy and Brox, "Inverting Visual Representations" (2016), fully
                    connected inversion; knows every place, shares nothing between places
    Deconvolution   the same paper's up-convolutional decoder; Zeiler et al. (2010)
    ResidualUNet    Ronneberger, Fischer and Brox (2015), with the blocks of He et al. (2016);
                    enters through sub-pixel convolution (Shi et al., 2016)

Sizes follow from the two shapes. Each ends in a layer of zeros: untrained it gives 0 everywhere,
so that what is added to it (a mean picture) is the first guess, and training can only leave it.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from dpkit.nets.sizes import positive

Shape = tuple[int, int, int]

MOST_WEIGHTS: Final = 16_000_000  # of an MLP's outer layers: 64 MiB
WIDEST: Final = 512
NARROWEST: Final = 32
SMALLEST: Final = 4  # pixels a side that halving must leave
ACTIVATIONS: Final = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
LARGEST_SHUFFLE: Final = 4  # beyond, a sub-pixel convolution has more weights than it is worth


class MLP(nn.Module):
    """Fully connected: values [n,*in_shape] → [n,*out_shape].

    Parameters
    ----------
    layers
        Hidden layers, one or more.
    hidden
        Width of each; by default as wide as `MOST_WEIGHTS` allows, 32 to 512.
    activation
        After each hidden layer: relu, tanh or sigmoid.

    Raises
    ------
    ValueError
        A size below 1, or another activation.
    """

    def __init__(
        self,
        *,
        in_shape: Shape,
        out_shape: Shape,
        layers: int = 1,
        hidden: int | None = None,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        inputs, outputs = elements(in_shape), elements(out_shape)
        width = hidden or hidden_width(in_shape, out_shape)
        positive(layers=layers, hidden=width)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation {activation!r} is not one of {', '.join(ACTIVATIONS)}")
        self.out_shape = out_shape
        bend = ACTIVATIONS[activation]
        modules: list[nn.Module] = [nn.Flatten(), nn.Linear(inputs, width), bend()]
        for _ in range(layers - 1):
            modules += [nn.Linear(width, width), bend()]
        self.layers = nn.Sequential(*modules)
        self.head = of_zeros(nn.Linear(width, outputs))

    def forward(self, values: Tensor) -> Tensor:
        """Return pictures [n,*out_shape]."""
        pictures: Tensor = self.head(self.layers(values))
        return pictures.reshape(-1, *self.out_shape)


class Deconvolution(nn.Module):
    """Transposed convolutions that double the map, as often as the two sizes differ.

    Parameters
    ----------
    width
        Channels at the size of the maps; each doubling halves them, to 32 at the least.
    """

    def __init__(self, *, in_shape: Shape, out_shape: Shape, width: int = 96) -> None:
        super().__init__()
        positive(width=width)
        self.doublings = doublings_between(in_shape, out_shape)
        self.size = out_shape[1:]
        self.stem = convolution(in_shape[0], width)
        steps, before = [], width
        for _ in range(self.doublings):
            after = max(NARROWEST, before // 2)
            steps.append(transposed(before, after))
            before = after
        self.steps = nn.ModuleList(steps)
        self.last = convolution(before, before)
        self.head = of_zeros(nn.Conv2d(before, out_shape[0], 3, padding=1))

    def forward(self, values: Tensor) -> Tensor:
        """Return pictures [n,*out_shape]."""
        maps = resized(self.stem(values), *ceiled(self.size, 2**self.doublings))
        for left, step in zip(range(self.doublings - 1, -1, -1), self.steps, strict=True):
            height, width = ceiled(self.size, 2**left)
            maps = step(maps)[:, :, :height, :width]
        pictures: Tensor = self.head(self.last(maps))
        return pictures


class ResidualUNet(nn.Module):
    """Values at the picture's size, halved and doubled again with everything handed across.

    Parameters
    ----------
    width
        Channels at the picture's size; each halving doubles them.
    depth
        Halvings, at most as many as leave 4 pixels a side; 0 for smaller pictures.
    """

    def __init__(
        self, *, in_shape: Shape, out_shape: Shape, width: int = 24, depth: int = 2
    ) -> None:
        super().__init__()
        positive(width=width)
        self.size = out_shape[1:]
        fits = max(0, int(math.log2(min(self.size) / SMALLEST)))
        widths = [width * 2**level for level in range(min(depth, fits) + 1)]
        ratio = min(LARGEST_SHUFFLE, max(1, math.ceil(self.size[0] / in_shape[1])))
        self.entry = nn.Sequential(
            nn.Conv2d(in_shape[0], width * ratio**2, 3, padding=1), nn.PixelShuffle(ratio)
        )
        self.down = nn.ModuleList(
            Residual(before, after) for before, after in zip([width, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            Residual(below + level, level)
            for below, level in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = of_zeros(nn.Conv2d(width, out_shape[0], 3, padding=1))

    def forward(self, values: Tensor) -> Tensor:
        """Return pictures [n,*out_shape]."""
        maps = resized(self.entry(values), *self.size)
        passed: list[Tensor] = []
        for level, block in enumerate(self.down):
            maps = block(resized(maps, *ceiled(self.size, 2**level)))
            passed.append(maps)
        for across, block in zip(passed[-2::-1], self.up, strict=True):
            wide = interpolate(maps, size=across.shape[2:], mode="nearest")
            maps = block(torch.cat([wide, across], dim=1))
        pictures: Tensor = self.head(maps)
        return pictures


class Residual(nn.Module):
    """Two convolutions on top of a projection: [n,before,h,w] → [n,after,h,w]."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            convolution(before, after), nn.Conv2d(after, after, 3, padding=1)
        )
        self.shortcut = nn.Conv2d(before, after, 1)
        self.relu = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps [n,after,h,w]."""
        total: Tensor = self.relu(self.inner(maps) + self.shortcut(maps))
        return total


def convolution(before: int, after: int) -> nn.Sequential:
    """Return a 3x3 convolution that keeps the size, a batch norm and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


def transposed(before: int, after: int) -> nn.Sequential:
    """Return a transposed convolution that doubles the size, a batch norm and a ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def of_zeros(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """Set weights and bias of a layer to zero, and return it."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def hidden_width(in_shape: Shape, out_shape: Shape) -> int:
    """Return how wide a hidden layer between two shapes is by default."""
    outer = elements(in_shape) + elements(out_shape)
    return min(WIDEST, max(NARROWEST, MOST_WEIGHTS // outer))


def elements(shape: Shape) -> int:
    """Return how many values a shape holds."""
    channels, height, width = shape
    positive(channels=channels, height=height, width=width)
    return channels * height * width


def doublings_between(in_shape: Shape, out_shape: Shape) -> int:
    """Return how often the maps double: the nearest power of two to the ratio of the sizes."""
    ratio = max(out_shape[1] / in_shape[1], out_shape[2] / in_shape[2])
    return max(0, round(math.log2(ratio)))


def ceiled(size: tuple[int, int], by: int) -> tuple[int, int]:
    """Return a height and width divided by a number, rounded up."""
    return -(-size[0] // by), -(-size[1] // by)


def resized(maps: Tensor, height: int, width: int) -> Tensor:
    """Return maps of that size: means where it is smaller, between neighbours where larger."""
    if maps.shape[2:] == (height, width):
        return maps
    if maps.shape[2] >= height and maps.shape[3] >= width:
        return adaptive_avg_pool2d(maps, (height, width))
    return interpolate(maps, size=(height, width), mode="bilinear", align_corners=False)
