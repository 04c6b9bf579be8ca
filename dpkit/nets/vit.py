"""Vision transformer: an image as a sentence of patches.

Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale"
(2021), Eqs. 1 to 4 and Table 1. First layer: `conv_proj`, the patch embedding.

    symbol      here        meaning                                              paper
    P           patch       side of a patch                                      3.1
    N + 1       tokens      patches of an image, (image_size/P)², class token    3.1
    D           dim         length of a token                                    Eq. 1
    L           layers      encoder layers                                       Eqs. 2, 3
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from dpkit.nets.sizes import divides, positive, probability

START_STD: Final = 0.02  # of class token, positions and linear layers at the start
EPSILON: Final = 1e-6  # of the normalizations


class EncoderLayer(nn.Module):
    """Attention, then two linear layers, each behind a norm: [n,tokens,dim] → the same."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim, eps=EPSILON)
        self.self_attention = nn.MultiheadAttention(dim, heads, dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(dim, eps=EPSILON)
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dim),
            nn.Dropout(dropout),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what attention and then the linear layers add (Eqs. 2 and 3)."""
        normal = self.ln_1(tokens)
        seen, _ = self.self_attention(normal, normal, normal, need_weights=False)
        tokens = tokens + self.dropout(seen)
        total: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return total


class Encoder(nn.Module):
    """Positions, L layers and a last norm: [n,tokens,dim] → [n,tokens,dim]."""

    def __init__(self, tokens: int, dim: int, layers: list[EncoderLayer], dropout: float) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(START_STD * torch.randn(1, tokens, dim))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for i, layer in enumerate(layers):
            self.layers.add_module(f"encoder_layer_{i}", layer)
        self.ln = nn.LayerNorm(dim, eps=EPSILON)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens after the last layer."""
        encoded: Tensor = self.ln(self.layers(self.dropout(tokens + self.pos_embedding)))
        return encoded


class VisionTransformer(nn.Module):
    """Vision transformer: images [n,in_channels,image_size,image_size] → logits [n,classes].

    Parameters
    ----------
    image_size
        Side of the square images, a multiple of `patch`.
    heads
        Attention heads; they divide `dim`.
    hidden
        Outputs of the first linear layer in each encoder layer.
    dropout
        Share of values that is dropped in training.

    Raises
    ------
    ValueError
        A size below 1, a `patch` or `heads` that does not divide, or a dropout outside of [0, 1).
    """

    def __init__(
        self,
        *,
        image_size: int = 224,
        patch: int = 16,
        dim: int = 768,
        layers: int = 12,
        heads: int = 12,
        hidden: int = 3072,
        dropout: float = 0.0,
        classes: int = 1000,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        positive(image_size=image_size, patch=patch, dim=dim, layers=layers, heads=heads)
        positive(hidden=hidden, classes=classes, in_channels=in_channels)
        probability(dropout=dropout)
        divides("patch", patch, "image_size", image_size)
        divides("heads", heads, "dim", dim)
        self.image_size = image_size
        self.conv_proj = nn.Conv2d(in_channels, dim, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        tokens = (image_size // patch) ** 2 + 1  # the class token among them
        encoder_layers = [EncoderLayer(dim, heads, hidden, dropout) for _ in range(layers)]
        self.encoder = Encoder(tokens, dim, encoder_layers, dropout)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(dim, classes))
        self.apply(_start)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n,classes], read from the class token (Eq. 4).

        Raises
        ------
        ValueError
            The images are not of the size that the positions were made for.
        """
        if images.shape[-2:] != (self.image_size, self.image_size):
            height, width = images.shape[-2:]
            raise ValueError(f"images of {height}x{width} are not of side {self.image_size}")
        patches = self.conv_proj(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(images), -1, -1), patches], dim=1)
        logits: Tensor = self.heads(self.encoder(tokens)[:, 0])
        return logits


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=START_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
