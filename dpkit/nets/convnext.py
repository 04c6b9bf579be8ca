"""ConvNeXt: a convolutional network in the shape of a vision transformer.

Liu, Mao, Wu, Feichtenhofer, Darrell and Xie, "A ConvNet for the 2020s" (2022), section 2 and
Appendix A.1. Stochastic depth, part of its training and not of its shape, is left out. First
layer: `features.0.0`.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from dpkit.nets.sizes import positive

EXPANSION: Final = 4  # the inverted bottleneck (section 2.4)
LAYER_SCALE: Final = 1e-6  # Appendix A.1
EPSILON: Final = 1e-6  # of the normalizations
START_STD: Final = 0.02  # truncated normal (Appendix A.1)


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each place, [n,c,h,w] → [n,c,h,w]."""

    def forward(self, values: Tensor) -> Tensor:
        """Return the values with mean 0 and variance 1 at each place, scaled and shifted."""
        return super().forward(values.movedim(1, -1)).movedim(-1, 1)


class Move(nn.Module):
    """Move one dimension to another's place; it keeps the numbers of its neighbours."""

    def __init__(self, source: int, destination: int) -> None:
        super().__init__()
        self.source, self.destination = source, destination

    def forward(self, values: Tensor) -> Tensor:
        """Return a view."""
        return values.movedim(self.source, self.destination)


class Block(nn.Module):
    """A 7x7 convolution by channel, then two linear layers: [n,width,h,w] → [n,width,h,w]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width),
            Move(1, -1),
            nn.LayerNorm(width, eps=EPSILON),
            nn.Linear(width, EXPANSION * width),
            nn.GELU(),
            nn.Linear(EXPANSION * width, width),
            Move(-1, 1),
        )
        self.layer_scale = nn.Parameter(torch.full((width, 1, 1), LAYER_SCALE))

    def forward(self, values: Tensor) -> Tensor:
        """Return the input and, scaled, what is learned on top."""
        total: Tensor = values + self.layer_scale * self.block(values)
        return total


class ConvNeXt(nn.Module):
    """ConvNeXt: images [n,in_channels,h,w] → logits [n,classes].

    Parameters
    ----------
    layers
        Blocks of each stage.
    widths
        Channels of each stage; each stage but the first halves the image.
    patch
        Side and stride of the first convolution: 4 for images of 224, 2 or 1 for 32.

    Raises
    ------
    ValueError
        A size below 1, or not as many widths as stages.
    """

    def __init__(
        self,
        *,
        layers: tuple[int, ...] = (3, 3, 9, 3),
        widths: tuple[int, ...] = (96, 192, 384, 768),
        patch: int = 4,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        if len(layers) != len(widths):
            raise ValueError(f"{len(layers)} stages have {len(widths)} widths")
        positive(stages=len(layers), patch=patch, classes=classes, in_channels=in_channels)
        positive(**{f"layers of stage {i}": count for i, count in enumerate(layers, 1)})
        positive(**{f"width of stage {i}": width for i, width in enumerate(widths, 1)})
        stem = nn.Conv2d(in_channels, widths[0], patch, stride=patch)
        self.features = nn.Sequential(nn.Sequential(stem, _norm(widths[0])))
        for stage, count in enumerate(layers):
            if stage:
                self.features.append(_halving(widths[stage - 1], widths[stage]))
            self.features.append(nn.Sequential(*(Block(widths[stage]) for _ in range(count))))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            _norm(widths[-1]), nn.Flatten(1), nn.Linear(widths[-1], classes)
        )
        self.apply(_start)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n,classes]."""
        logits: Tensor = self.classifier(self.avgpool(self.features(images)))
        return logits


def _norm(width: int) -> ChannelNorm:
    return ChannelNorm(width, eps=EPSILON)


def _halving(before: int, after: int) -> nn.Sequential:
    """Normalize and halve the sides (section 2.6, "Separate downsampling layers")."""
    return nn.Sequential(_norm(before), nn.Conv2d(before, after, 2, stride=2))


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=START_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
