"""The sizes of a network, read off the shapes of its weights.

A state dict holds no sizes, but each of ours stands as the length of some axis, under torchvision's
name. What no shape shows (a dropout, the heads of attention) keeps its default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from dpkit.nets.alexnet import AlexNet
from dpkit.nets.convnext import ConvNeXt
from dpkit.nets.densenet import STEM, DenseNet
from dpkit.nets.resnet import ResNet
from dpkit.nets.vgg import MOST, VGG
from dpkit.nets.vit import VisionTransformer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Shapes = Mapping[str, tuple[int, ...]]
    Sizes = dict[str, Any]

SMALL_KERNEL: Final = 3  # of a residual network's first convolution for images of 32x32


def inferred_sizes(architecture: object, shapes: Shapes) -> Sizes:
    """Return the keyword arguments that make a network of these shapes; {} for a stranger's.

    Raises
    ------
    ValueError
        A tensor is missing from which a size is read, or has fewer axes.
    """
    read = _READERS.get(architecture)
    if read is None:
        return {}
    try:
        return read(shapes)
    except KeyError as error:
        raise ValueError(f"the weights have no {error.args[0]!r}, and so are another's") from None
    except IndexError:
        raise ValueError("the weights have other shapes than this architecture's") from None


def _alexnet(shapes: Shapes) -> Sizes:
    first, inner = shapes["features.0.weight"], shapes["classifier.1.weight"]
    return {
        "classes": shapes["classifier.6.weight"][0],
        "in_channels": first[1],
        "width": first[0],
        "hidden": inner[0],
        "pool": math.isqrt(inner[1] // shapes["features.10.weight"][0]),
        "stem": "imagenet" if first[2] == 11 else "small",  # noqa: PLR2004 (AlexNet's first kernel)
    }


def _vgg(shapes: Shapes) -> Sizes:
    first, inner = shapes["features.0.weight"], shapes["classifier.0.weight"]
    return {
        "classes": shapes["classifier.6.weight"][0],
        "in_channels": first[1],
        "width": first[0],
        "hidden": inner[0],
        "pool": math.isqrt(inner[1] // (MOST * first[0])),
    }


def _resnet(shapes: Shapes) -> Sizes:
    first = shapes["conv1.weight"]
    return {
        "classes": shapes["fc.weight"][0],
        "in_channels": first[1],
        "width": first[0],
        "stem": "small" if first[2] == SMALL_KERNEL else "imagenet",
    }


def _densenet(shapes: Shapes) -> Sizes:
    first = shapes["features.conv0.weight"]
    return {
        "classes": shapes["classifier.weight"][0],
        "in_channels": first[1],
        "growth": first[0] // STEM,
    }


def _convnext(shapes: Shapes) -> Sizes:
    first = shapes["features.0.0.weight"]
    return {
        "classes": shapes["classifier.2.weight"][0],
        "in_channels": first[1],
        "patch": first[2],
    }


def _vit(shapes: Shapes) -> Sizes:
    first, tokens = shapes["conv_proj.weight"], shapes["encoder.pos_embedding"][1]
    return {
        "classes": shapes["heads.head.weight"][0],
        "in_channels": first[1],
        "dim": first[0],
        "patch": first[2],
        "image_size": first[2] * math.isqrt(tokens - 1),
        "hidden": shapes["encoder.layers.encoder_layer_0.mlp.0.weight"][0],
    }


_READERS: Final[dict[object, Callable[[Shapes], Sizes]]] = {
    AlexNet: _alexnet,
    VGG: _vgg,
    ResNet: _resnet,
    DenseNet: _densenet,
    ConvNeXt: _convnext,
    VisionTransformer: _vit,
}
