"""Classifiers and reconstructors, written from their papers: tensors in, tensors out; only torch.

Modules bear torchvision's names, so that its state dict of the same architecture loads, and a
layer is named alike on both sides. Every parameter is a keyword, as in
`CLASSIFIERS["resnet18"](classes=10)`. The classes themselves make smaller ones, for images of
32x32 and a processor.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from dpkit.nets.alexnet import AlexNet
from dpkit.nets.bipartite import remote_part
from dpkit.nets.blockmixer import BlockMixer
from dpkit.nets.convnext import ConvNeXt
from dpkit.nets.densenet import DenseNet
from dpkit.nets.obfuscator import ObfuscatedClassifier, Obfuscator, obfuscated_classifier
from dpkit.nets.reconstructors import MLP, Deconvolution, ResidualUNet
from dpkit.nets.recs import ResRec, SimRec, URec
from dpkit.nets.resnet import BasicBlock, Bottleneck, ResNet
from dpkit.nets.vgg import VGG
from dpkit.nets.vit import VisionTransformer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

CLASSIFIERS: Final[dict[str, Callable[..., nn.Module]]] = {
    "alexnet": partial(AlexNet),
    "vgg11_bn": partial(VGG, layers=11),
    "vgg13_bn": partial(VGG, layers=13),
    "vgg16_bn": partial(VGG, layers=16),
    "vgg19_bn": partial(VGG, layers=19),
    "resnet18": partial(ResNet, block=BasicBlock, layers=(2, 2, 2, 2)),
    "resnet34": partial(ResNet, block=BasicBlock, layers=(3, 4, 6, 3)),
    "resnet50": partial(ResNet, block=Bottleneck, layers=(3, 4, 6, 3)),
    "densenet121": partial(DenseNet, growth=32, layers=(6, 12, 24, 16)),
    "convnext_tiny": partial(ConvNeXt, layers=(3, 3, 9, 3), widths=(96, 192, 384, 768)),
    "vit_b_16": partial(VisionTransformer, patch=16, dim=768, layers=12, heads=12, hidden=3072),
}

# rests of networks that a release may hold beside its values, by what builds them
REMOTES: Final[dict[str, Callable[..., nn.Module]]] = {
    "obfuscated-classifier": obfuscated_classifier,
    "bipartite-remote": remote_part,
}

RECONSTRUCTORS: Final[dict[str, Callable[..., nn.Module]]] = {
    "mlp": MLP,
    "deconvolution": Deconvolution,
    "unet": ResidualUNet,
    "simrec": SimRec,
    "urec1": partial(URec, depth=1),
    "urec2": partial(URec, depth=2),
    "resrec": ResRec,
}

__all__ = [
    "CLASSIFIERS",
    "MLP",
    "RECONSTRUCTORS",
    "REMOTES",
    "VGG",
    "AlexNet",
    "BasicBlock",
    "BlockMixer",
    "Bottleneck",
    "ConvNeXt",
    "Deconvolution",
    "DenseNet",
    "ObfuscatedClassifier",
    "Obfuscator",
    "ResNet",
    "ResRec",
    "ResidualUNet",
    "SimRec",
    "URec",
    "VisionTransformer",
]
