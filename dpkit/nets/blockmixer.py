"""A mixer whose tokens are the blocks of an image, however these are cut.

Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision" (2021), with an embedding for
each block of its own: where every block was multiplied by a matrix, a linear map of it can undo
that, and a small kernel cannot.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from dpkit.nets.sizes import positive, probability

POSITION_SCALE: Final = 0.02  # standard deviation at the start, as in vision transformers


class BlockMixer(nn.Module):
    """Values [n,c,h,w] → logits [n,classes].

    Parameters
    ----------
    places
        int64 [tokens,block]: where the values of each block stand in an unrolled image.
    dim
        Width of a token.
    layers
        Mixers, each over the tokens and then over the width.
    dropout
        Share of the embedded values that is dropped in training.
    """

    places: Tensor

    def __init__(
        self,
        *,
        places: Tensor,
        classes: int = 1000,
        dim: int = 64,
        layers: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        positive(classes=classes, dim=dim, layers=layers)
        probability(dropout=dropout)
        tokens, block = places.shape
        self.register_buffer("places", places)
        self.weight = nn.Parameter(torch.randn(tokens, block, dim) / math.sqrt(block))
        self.position = nn.Parameter(POSITION_SCALE * torch.randn(tokens, dim))
        self.dropout = nn.Dropout(dropout)
        self.mixers = nn.Sequential(*[_Mixer(tokens, dim) for _ in range(layers)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)

    def forward(self, values: Tensor) -> Tensor:
        """Return logits [n,classes]."""
        blocks = values.flatten(1)[:, self.places].transpose(0, 1)
        tokens = torch.bmm(blocks, self.weight).transpose(0, 1) + self.position
        mixed = self.norm(self.mixers(self.dropout(tokens)))
        logits: Tensor = self.head(mixed.mean(dim=1))
        return logits


class _Mixer(nn.Module):
    """Tokens [n,tokens,dim] → the same, what is learned added: across tokens, then across dim."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.across_norm, self.across = nn.LayerNorm(dim), _two_layers(tokens)
        self.along_norm, self.along = nn.LayerNorm(dim), _two_layers(dim)

    def forward(self, tokens: Tensor) -> Tensor:
        across = self.across(self.across_norm(tokens).transpose(1, 2)).transpose(1, 2)
        tokens = tokens + across
        total: Tensor = tokens + self.along(self.along_norm(tokens))
        return total


def _two_layers(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
