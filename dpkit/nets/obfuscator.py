"""A classifier in two: the obfuscator, whose maps are released, and the rest that answers.

"A privacy-preserving image classification framework with a learnable obfuscator", section 3. The
obfuscator is the first part of VGG16, up to the map of 128 channels that is a quarter of the image
a side (8x8 for images of 32x32): two stacks of convolutions, each with its pooling. The classifier
is the rest. Ours: batch normalization, other depths and cuts, one average over the last map
whatever its size, and pooling that keeps a map of one pixel.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from torch import Tensor, nn

from dpkit.nets.vgg import CONVOLUTIONS, MOST, VGG

if TYPE_CHECKING:
    from dpkit.nets.reconstructors import Shape

MODULES_A_CONVOLUTION: Final = 3  # itself, a batch norm, a ReLU


class Obfuscator(nn.Module):
    """The released part: images [n,c,h,w] → maps [n,c',h/2^s,w/2^s], 0 or more; s stacks."""

    def __init__(self, features: nn.Sequential) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor) -> Tensor:
        """Return maps."""
        maps: Tensor = self.features(images)
        return maps


class ObfuscatedClassifier(nn.Module):
    """The rest: maps [n,c',h',w'] → logits [n,classes]."""

    def __init__(self, features: nn.Sequential, classifier: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = classifier

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits [n,classes]."""
        logits: Tensor = self.classifier(self.avgpool(self.features(maps)).flatten(1))
        return logits


def obfuscator_and_classifier(
    *, layers: int, stacks: int, classes: int, in_channels: int, width: int
) -> tuple[Obfuscator, ObfuscatedClassifier]:
    """Return a VGG cut after some of its stacks, its weights drawn by Xavier's law.

    The two together have VGG's own names of parameters.

    Parameters
    ----------
    stacks
        1 to 4 that are the obfuscator's; the paper's 2.

    Raises
    ------
    ValueError
        A size is out of range.
    """
    if layers not in CONVOLUTIONS:
        raise ValueError(
            f"VGG of {layers} layers is not one of {', '.join(map(str, CONVOLUTIONS))}"
        )
    if not 1 <= stacks < len(CONVOLUTIONS[layers]):
        raise ValueError(f"stacks {stacks} is not within 1 to {len(CONVOLUTIONS[layers]) - 1}")
    whole = VGG(
        layers=layers, classes=classes, in_channels=in_channels, width=width,
        hidden=MOST * width, pool=1,
    )  # fmt: skip
    whole.apply(xavier)
    cut = sum(MODULES_A_CONVOLUTION * count + 1 for count in CONVOLUTIONS[layers][:stacks])
    named = list(whole.features.named_children())
    first, rest = (nn.Sequential(OrderedDict(part)) for part in (named[:cut], named[cut:]))
    for module in rest:
        if isinstance(module, nn.MaxPool2d):
            module.ceil_mode = True
    return Obfuscator(first), ObfuscatedClassifier(rest, whole.classifier)


def obfuscated_classifier(
    *, layers: int, stacks: int, classes: int, width: int
) -> ObfuscatedClassifier:
    """Return the classifier alone, for a release that holds it."""
    return obfuscator_and_classifier(
        layers=layers, stacks=stacks, classes=classes, in_channels=1, width=width
    )[1]


def maps_shape(stacks: int, width: int, height: int, across: int) -> Shape:
    """Return channels, height and width of an obfuscator's maps of images height x across."""
    return width * min(2 ** (stacks - 1), MOST), height >> stacks, across >> stacks


def xavier(module: nn.Module) -> None:
    """Draw the weights of a layer as in Glorot and Bengio (2010); its bias is 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
