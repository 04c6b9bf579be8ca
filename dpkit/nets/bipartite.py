"""Networks in two parts: the local one ends at the split point, the remote one goes on from there.

"Privacy Partitioning: Protecting User Data During the Deep Learning Inference Phase", sections III
and IV, Appendices A to C.

    paper                    here      shapes
    local network            local     images [n,c,h,w] → values [n,C,H,W]
    remote network           remote    values [n,C,H,W] → logits [n,classes]
    split point              split     1 or more: how many stages the local part has

What the paper says: a perceptron for digits (A), a convolutional network for faces (B), VGG-19 for
CIFAR-10, split after its first, second or third pooling (C). The sizes of A and B are our reading:

    mlp      three hidden layers of 8, 4 and 2 times `width` units, ReLU; a stage is one of them,
             and its values are [C,1,1]
    cnn      four stages of a 3x3 convolution to 1, 2, 4 and 4 times `width` channels, ReLU and 2x2
             max-pooling; then a hidden layer of 8 times `width` units
    vgg19    five stacks (`dpkit.nets.vgg`, with its batch normalization); a stage is one of them

Pixels are 0 to 1; nothing is normalized, so that a reconstruction has the image's own range.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from dpkit.nets.reconstructors import elements
from dpkit.nets.sizes import positive
from dpkit.nets.vgg import CONVOLUTIONS, MOST, VGG

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpkit.nets.reconstructors import Shape

MLP_WIDTHS: Final = (8, 4, 2)
CNN_WIDTHS: Final = (1, 2, 4, 4)
CNN_HIDDEN: Final = 8
LARGE: Final = 7  # side of the last stack's map in the original VGG; smaller maps are averaged
POOLED: Final = 2 ** len(CONVOLUTIONS[19])  # what the five stacks of VGG shrink a side by


class Bipartite(nn.Module):
    """Images [n,c,h,w] → logits [n,classes], by way of the values at the split point.

    Parameters
    ----------
    stages
        All parts of the network in their order.
    split
        How many of them are local: one at least, and one at least is remote.

    Raises
    ------
    ValueError
        The split point is before the first stage or after the last.
    """

    def __init__(self, stages: list[nn.Module], split: int) -> None:
        super().__init__()
        if not 1 <= split < len(stages):
            raise ValueError(f"split {split} is not within 1 to {len(stages) - 1}")
        self.local = nn.Sequential(*stages[:split])
        self.remote = nn.Sequential(*stages[split:])

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n,classes]."""
        logits: Tensor = self.remote(self.local(images))
        return logits

    def at(self, split: int) -> Bipartite:
        """Return the same stages, cut at another split point; weights are shared."""
        return Bipartite([*self.local, *self.remote], split).train(self.training)


def remote_part(
    *, network: str, shape: list[int], classes: int, split: int, width: int
) -> nn.Module:
    """Return the remote part alone: values [n,C,H,W] → logits; images are of `shape`.

    Raises
    ------
    ValueError
        There is no such network, or a size is out of its range.
    """
    if network not in BIPARTITE:
        raise ValueError(f"network {network!r} is not one of {', '.join(BIPARTITE)}")
    channels, height, breadth = shape
    whole = BIPARTITE[network](
        shape=(channels, height, breadth), classes=classes, split=split, width=width
    )
    return whole.remote


def mlp(*, shape: Shape, classes: int, split: int = 1, width: int = 64) -> Bipartite:
    """Return the perceptron of Appendix A for images of `shape`; split 1 to 3."""
    positive(classes=classes, width=width)
    stages: list[nn.Module] = []
    before = elements(shape)
    for factor in MLP_WIDTHS:
        layer = nn.Linear(before, factor * width)
        before = factor * width
        stages.append(
            nn.Sequential(nn.Flatten(), layer, nn.ReLU(), nn.Unflatten(1, (before, 1, 1)))
        )
    stages.append(nn.Sequential(nn.Flatten(), nn.Linear(before, classes)))
    return Bipartite(stages, split)


def cnn(*, shape: Shape, classes: int, split: int = 1, width: int = 32) -> Bipartite:
    """Return the convolutional network of Appendix B for images of `shape`; split 1 to 4."""
    positive(classes=classes, width=width)
    stages: list[nn.Module] = []
    before, height, breadth = shape
    for factor in CNN_WIDTHS:
        convolution = nn.Conv2d(before, factor * width, 3, padding=1)
        pooling = nn.MaxPool2d(2, ceil_mode=True)  # a side of 1 stays 1
        stages.append(nn.Sequential(convolution, nn.ReLU(), pooling))
        before, height, breadth = factor * width, -(-height // 2), -(-breadth // 2)
    hidden = CNN_HIDDEN * width
    stages.append(
        nn.Sequential(
            nn.Flatten(),
            nn.Linear(before * height * breadth, hidden),
            nn.ReLU(),
            nn.Linear(hidden, classes),
        )
    )
    return Bipartite(stages, split)


def vgg19(*, shape: Shape, classes: int, split: int = 1, width: int = 64) -> Bipartite:
    """Return the VGG-19 of Appendix C for images of 32x32 or more; split 1 to 5.

    Raises
    ------
    ValueError
        A side of the images is below 32.
    """
    channels, *sides = shape
    if min(sides) < POOLED:
        raise ValueError(f"a side of {min(sides)} is below {POOLED}, which five poolings need")
    whole = VGG(
        layers=19,
        classes=classes,
        in_channels=channels,
        width=width,
        hidden=MOST * width,
        pool=min(LARGE, min(sides) // POOLED),
    )
    stages: list[nn.Module] = []
    layers: list[nn.Module] = []
    for layer in whole.features:
        layers.append(layer)
        if isinstance(layer, nn.MaxPool2d):
            stages.append(nn.Sequential(*layers))
            layers = []
    stages.append(nn.Sequential(whole.avgpool, nn.Flatten(), whole.classifier))
    return Bipartite(stages, split)


BIPARTITE: Final[dict[str, Callable[..., Bipartite]]] = {"mlp": mlp, "cnn": cnn, "vgg19": vgg19}
WIDTHS: Final = {"mlp": 64, "cnn": 32, "vgg19": 64}  # of each by default
SPLITS: Final = {"mlp": len(MLP_WIDTHS), "cnn": len(CNN_WIDTHS), "vgg19": len(CONVOLUTIONS[19])}


@lru_cache(maxsize=64)
def maps_shape(network: str, shape: Shape, split: int, width: int) -> Shape:
    """Return channels, height and width of the values at the split point; no weight is made."""
    with torch.device("meta"):
        made = BIPARTITE[network](shape=shape, classes=2, split=split, width=width).eval()
        _, channels, height, breadth = made.local(torch.empty(1, *shape)).shape
    return channels, height, breadth


@lru_cache(maxsize=64)
def largest_weight(network: str, shape: Shape, split: int, width: int, classes: int) -> int:
    """Return how many numbers the largest array of the network's weights has."""
    with torch.device("meta"):
        made = BIPARTITE[network](shape=shape, classes=classes, split=split, width=width)
    return int(max(value.numel() for value in made.state_dict().values()))
