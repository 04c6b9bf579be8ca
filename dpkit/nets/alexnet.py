"""AlexNet: five convolutions and three linear layers, without batch normalization.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014), the single
tower with which Krizhevsky, Sutskever and Hinton's network of 2012 is known today; local response
normalization is left out. First layer: `features.0`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from torch import Tensor, nn

from dpkit.nets.sizes import positive, probability

if TYPE_CHECKING:
    from collections.abc import Sequence

Stem = Literal["imagenet", "small"]
WIDTH: Final = 64  # channels of the first convolution
GROWTH: Final = (1, 3, 6, 4, 4)  # channels of each convolution, in multiples of the first's
KERNELS: Final = {"imagenet": (11, 4, 2), "small": (5, 1, 2)}  # the first's side, stride, padding


class AlexNet(nn.Module):
    """AlexNet: images [n,in_channels,h,w] → logits [n,classes].

    Parameters
    ----------
    width
        Channels of the first convolution; the later ones have 3, 6, 4 and 4 times as many.
    hidden
        Outputs of the first two linear layers.
    pool
        Side of the map that the last pooling is averaged to: 6 for images of 224, 3 for 32.
    stem
        `imagenet`: a first convolution of 11x11 and stride 4; `small`: of 5x5 and stride 1, for
        images of 32x32.
    dropout
        Share of the hidden values that is dropped in training.

    Raises
    ------
    ValueError
        A size below 1, an unknown stem, or a dropout outside of [0, 1).
    """

    def __init__(
        self,
        *,
        classes: int = 1000,
        in_channels: int = 3,
        width: int = WIDTH,
        hidden: int = 4096,
        pool: int = 6,
        stem: Stem = "imagenet",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        positive(classes=classes, in_channels=in_channels, width=width, hidden=hidden, pool=pool)
        probability(dropout=dropout)
        if stem not in KERNELS:
            raise ValueError(f"stem {stem!r} is not one of {', '.join(KERNELS)}")
        widths = [width * times for times in GROWTH]
        self.features = _convolutions(in_channels, widths, stem)
        self.avgpool = nn.AdaptiveAvgPool2d((pool, pool))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(widths[-1] * pool * pool, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, classes),
        )
        self.apply(_start)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n,classes]."""
        pooled = self.avgpool(self.features(images))
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits


def _convolutions(in_channels: int, widths: Sequence[int], stem: Stem) -> nn.Sequential:
    first, second, third, fourth, fifth = widths
    side, stride, padding = KERNELS[stem]
    layers = (
        (nn.Conv2d(in_channels, first, side, stride, padding), True),
        (nn.Conv2d(first, second, 5, padding=2), True),
        (nn.Conv2d(second, third, 3, padding=1), False),
        (nn.Conv2d(third, fourth, 3, padding=1), False),
        (nn.Conv2d(fourth, fifth, 3, padding=1), True),
    )
    modules: list[nn.Module] = []
    for convolution, is_pooled in layers:
        modules += [convolution, nn.ReLU(inplace=True)]
        modules += [nn.MaxPool2d(3, 2)] if is_pooled else []
    return nn.Sequential(*modules)


def _start(module: nn.Module) -> None:
    """Draw the first weights as He et al., "Delving Deep" (2015): there is no normalization."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
