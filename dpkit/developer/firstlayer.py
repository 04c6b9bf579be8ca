"""The first layer that can learn from sanitized values.

Morphed values mix a whole block of pixels, so a small kernel finds nothing. A linear map of a
whole block can: it can even undo the morphing. Each block gets a map and a position of its own
and becomes one token, as a patch does in a vision transformer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dpkit.developer.cutting import cut
from dpkit.errors import UsageError
from dpkit.release.read import Release
from dpkit.release.training import read_training

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.types import Blocks

POSITION_SCALE = 0.02  # standard deviation at the start, as in vision transformers


class BlockLinear(nn.Module):
    """Blocks to tokens: [n,c,h,w] → [n,tokens,dim].

    It holds tokens·(block + 1)·dim parameters, or (block + tokens)·dim if `shared`.

    Parameters
    ----------
    tokens, block
        How many blocks an unrolled image has, and how many values each.
    mean, std
        Of the released values by channel, [c]; values are standardised first.
    shared
        One map for all blocks: fewer parameters, and enough only where one core made them all.
    blocks
        How an image is cut: `raster`, runs of the unrolled image, or `patch`, squares.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        tokens: int,
        block: int,
        dim: int,
        *,
        mean: Tensor,
        std: Tensor,
        shared: bool = False,
        blocks: Blocks = "raster",
    ) -> None:
        super().__init__()
        maps = 1 if shared else tokens
        self.tokens, self.block, self.blocks = tokens, block, blocks
        self.weight = nn.Parameter(torch.randn(maps, block, dim) / math.sqrt(block))
        self.position = nn.Parameter(POSITION_SCALE * torch.randn(tokens, dim))
        self.register_buffer("mean", mean.reshape(-1, 1, 1))
        self.register_buffer("std", std.reshape(-1, 1, 1))

    def forward(self, values: Tensor) -> Tensor:
        """Map values [n,c,h,w] to tokens [n,tokens,dim]."""
        standard = (values - self.mean) / self.std
        blocks = cut(standard, self.tokens, self.blocks).transpose(0, 1)
        weight = self.weight.expand(self.tokens, -1, -1)
        return torch.bmm(blocks, weight).transpose(0, 1) + self.position

    def extra_repr(self) -> str:
        """Say the geometry."""
        cut_as = f"{self.blocks}, tokens={self.tokens}, block={self.block}"
        return f"{cut_as}, dim={self.weight.shape[2]}"


def first_layer(release: Release | str | Path, dim: int, *, shared: bool = False) -> BlockLinear:
    """Build the first layer that this release's training block names.

    Parameters
    ----------
    release
        An opened release, or its folder.
    dim
        Width of a token.

    Raises
    ------
    UsageError
        The release names a layer that this version does not know.
    """
    opened = release if isinstance(release, Release) else Release.open(release, verify="quick")
    training = read_training(opened.manifest.training)
    layer = training.first_layer
    if layer is None or layer.kind != "block_linear":
        raise UsageError(
            f"release {opened.manifest.release_id} names the first layer "
            f"{layer.kind if layer else 'none'!r}; this version builds 'block_linear'",
            remedy="install a newer dpkit, or see the release's README.md",
        )
    mean, std = torch.tensor(training.mean), torch.tensor(training.std)
    std = torch.where(std > 0, std, torch.ones_like(std))
    return BlockLinear(
        layer.tokens, layer.block, dim, mean=mean, std=std, shared=shared, blocks=layer.blocks
    )
