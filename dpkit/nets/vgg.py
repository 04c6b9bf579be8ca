"""VGG: stacks of 3x3 convolutions, halved by pooling, then three linear layers.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
(2015), Table 1: configurations A (11 layers), B (13), D (16) and E (19). Batch normalization
follows each convolution (Ioffe and Szegedy, 2015). First layer: `features.0`.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

from dpkit.nets.sizes import positive, probability

WIDTH: Final = 64  # channels of the first stack
MOST: Final = 8  # channels double from stack to stack, up to 8 times the first's
CONVOLUTIONS: Final = {  # in each of the five stacks, by the number of layers with weights
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


class VGG(nn.Module):
    """VGG with batch normalization: images [n,in_channels,h,w] → logits [n,classes].

    Each of the five stacks halves the image, so h and w are 32 or more.

    Parameters
    ----------
    layers
        11, 13, 16 or 19.
    width
        Channels of the first stack; the later ones have 2, 4, 8 and 8 times as many.
    hidden
        Outputs of the first two linear layers.
    pool
        Side of the map that the last stack's is averaged to: 7 for images of 224, 1 for 32.
    dropout
        Share of the hidden values that is dropped in training.

    Raises
    ------
    ValueError
        No such configuration, a size below 1, or a dropout outside of [0, 1).
    """

    def __init__(
        self,
        *,
        layers: int = 16,
        classes: int = 1000,
        in_channels: int = 3,
        width: int = WIDTH,
        hidden: int = 4096,
        pool: int = 7,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if layers not in CONVOLUTIONS:
            known = ", ".join(str(count) for count in CONVOLUTIONS)
            raise ValueError(f"VGG of {layers} layers is not one of {known}")
        positive(classes=classes, in_channels=in_channels, width=width, hidden=hidden, pool=pool)
        probability(dropout=dropout)
        self.features = _stacks(CONVOLUTIONS[layers], in_channels, width)
        self.avgpool = nn.AdaptiveAvgPool2d((pool, pool))
        self.classifier = nn.Sequential(
            nn.Linear(MOST * width * pool * pool, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )
        self.apply(_start)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n,classes]."""
        pooled = self.avgpool(self.features(images))
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits


def _stacks(convolutions: tuple[int, ...], in_channels: int, width: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    before = in_channels
    for stack, count in enumerate(convolutions):
        after = width * min(2**stack, MOST)
        for _ in range(count):
            modules.append(nn.Conv2d(before, after, 3, padding=1))
            modules.append(nn.BatchNorm2d(after))
            modules.append(nn.ReLU(inplace=True))
            before = after
        modules.append(nn.MaxPool2d(2))
    return nn.Sequential(*modules)


def _start(module: nn.Module) -> None:
    """Draw first weights: He et al. for convolutions, Glorot and Bengio for the rest (VGG, 3.1)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
