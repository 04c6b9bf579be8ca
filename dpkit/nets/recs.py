"""The four reconstructors that the obfuscator is trained against: SimRec, URec#1, URec#2, ResRec.

"A privacy-preserving image classification framework with a learnable obfuscator", Table 1. From
the paper: their names and kinds, maps of 8x8x128 in, pictures of 32x32 out. The layers are our
reading of the names, for maps and pictures of any size; all convolutions are 3x3 with a batch norm
and a ReLU, and each doubling of the map halves its channels, to a sixteenth of `width` at least:

    SimRec      a convolution; for each doubling, neighbours copied and a convolution
    URec#1      a U-Net on the maps: down once by pooling, up by a transposed convolution, joined
                to what was passed across; then, for each doubling, a transposed and a plain one
    URec#2      the same, down twice
    ResRec      four residual blocks on the maps; for each doubling, a transposed convolution and a
                residual block

Each ends in a layer of zeros, as the others of `reconstructors` do.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from dpkit.nets.reconstructors import (
    Residual,
    Shape,
    ceiled,
    convolution,
    doublings_between,
    of_zeros,
    resized,
    transposed,
)
from dpkit.nets.sizes import positive

NARROWEST: Final = 32  # by default, however few channels the maps have
WIDEST: Final = 128  # by default; the paper's maps have so many
LEAST_SHARE: Final = 16
RESIDUAL_BLOCKS: Final = 4


class SimRec(nn.Module):
    """Plain convolutions between doublings: maps [n,*in_shape] → pictures [n,*out_shape].

    Parameters
    ----------
    width
        Channels at the size of the maps; by default the maps' own, 32 to 128.
    """

    def __init__(self, *, in_shape: Shape, out_shape: Shape, width: int | None = None) -> None:
        super().__init__()
        width = _width(in_shape) if width is None else width
        positive(width=width)
        self.stem = convolution(in_shape[0], width)
        widths = _widths(in_shape, out_shape, width)
        steps = [
            nn.Sequential(nn.Upsample(scale_factor=2), convolution(before, after))
            for before, after in pairwise(widths)
        ]
        self.up = _Doublings(steps, widths[-1], out_shape)

    def forward(self, maps: Tensor) -> Tensor:
        """Return pictures."""
        pictures: Tensor = self.up(self.stem(maps))
        return pictures


class URec(nn.Module):
    """A U-Net on the maps, then doublings: maps [n,*in_shape] → pictures [n,*out_shape].

    Parameters
    ----------
    width
        Channels at the size of the maps, by default the maps' own, 32 to 128; each halving
        doubles them.
    depth
        Halvings: 1 is URec#1, 2 is URec#2. Maps of one pixel are not halved any more.
    """

    def __init__(
        self, *, in_shape: Shape, out_shape: Shape, width: int | None = None, depth: int = 1
    ) -> None:
        super().__init__()
        width = _width(in_shape) if width is None else width
        positive(width=width, depth=depth)
        self.size = in_shape[1:]
        levels = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            _twice(before, after)
            for before, after in zip([in_shape[0], *levels[:-1]], levels, strict=True)
        )
        self.widen = nn.ModuleList(
            transposed(below, level)
            for below, level in zip(levels[:0:-1], levels[-2::-1], strict=True)
        )
        self.join = nn.ModuleList(_twice(2 * level, level) for level in levels[-2::-1])
        widths = _widths(in_shape, out_shape, width)
        steps = [
            nn.Sequential(transposed(before, after), convolution(after, after))
            for before, after in pairwise(widths)
        ]
        self.up = _Doublings(steps, widths[-1], out_shape)

    def forward(self, maps: Tensor) -> Tensor:
        """Return pictures."""
        passed: list[Tensor] = []
        for level, block in enumerate(self.down):
            maps = block(resized(maps, *ceiled(self.size, 2**level)))
            passed.append(maps)
        for across, widen, join in zip(passed[-2::-1], self.widen, self.join, strict=True):
            height, width = across.shape[2:]
            maps = join(torch.cat([widen(maps)[:, :, :height, :width], across], dim=1))
        pictures: Tensor = self.up(maps)
        return pictures


class ResRec(nn.Module):
    """Residual blocks on the maps, then doublings: maps [n,*in_shape] → pictures [n,*out_shape].

    Parameters
    ----------
    width
        Channels at the size of the maps; by default the maps' own, 32 to 128.
    """

    def __init__(self, *, in_shape: Shape, out_shape: Shape, width: int | None = None) -> None:
        super().__init__()
        width = _width(in_shape) if width is None else width
        positive(width=width)
        blocks = [Residual(in_shape[0], width)]
        blocks += [Residual(width, width) for _ in range(RESIDUAL_BLOCKS - 1)]
        self.blocks = nn.Sequential(*blocks)
        widths = _widths(in_shape, out_shape, width)
        steps = [
            nn.Sequential(transposed(before, after), Residual(after, after))
            for before, after in pairwise(widths)
        ]
        self.up = _Doublings(steps, widths[-1], out_shape)

    def forward(self, maps: Tensor) -> Tensor:
        """Return pictures."""
        pictures: Tensor = self.up(self.blocks(maps))
        return pictures


class _Doublings(nn.Module):
    """Steps that each double the map, cut to the picture's size, and a last layer of zeros."""

    def __init__(self, steps: list[nn.Sequential], width: int, out_shape: Shape) -> None:
        super().__init__()
        self.size = out_shape[1:]
        self.steps = nn.ModuleList(steps)
        self.head = of_zeros(nn.Conv2d(width, out_shape[0], 3, padding=1))

    def forward(self, maps: Tensor) -> Tensor:
        maps = resized(maps, *ceiled(self.size, 2 ** len(self.steps)))
        for left, step in zip(range(len(self.steps) - 1, -1, -1), self.steps, strict=True):
            height, width = ceiled(self.size, 2**left)
            maps = step(maps)[:, :, :height, :width]
        pictures: Tensor = self.head(maps)
        return pictures


def _width(in_shape: Shape) -> int:
    return min(WIDEST, max(NARROWEST, in_shape[0]))


def _widths(in_shape: Shape, out_shape: Shape, width: int) -> list[int]:
    """Return channels at the maps' size and after each doubling."""
    least = max(1, width // LEAST_SHARE)
    count = doublings_between(in_shape, out_shape)
    return [max(least, width >> doubling) for doubling in range(count + 1)]


def _twice(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(convolution(before, after), convolution(after, after))
