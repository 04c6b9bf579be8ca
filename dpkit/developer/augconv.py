"""Aug-Conv as a torch layer: the features of the originals, from released values.

Shen et al. (MoLe), arXiv 1909.07632, section 4.3 and Eq. 5. The layer is fixed, as in the paper: it
has buffers and no parameter. Its maps come in an order that only the provider knows, so the
network behind it is to be trained, or trained on, with it in place.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dpkit.developer.firstconv import describe_conv, find_first_conv, find_layer
from dpkit.developer.products import product_of
from dpkit.errors import UsageError
from dpkit.release.augconv import read_augconv

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.types import AugConv
    from dpkit.types.voice import Notice


class PrecisionWarning(UserWarning):
    """A layer computes in another precision than the code around it asks for."""


class AugConvLayer(nn.Module):
    """A fixed first layer: released values [n,α,h,w] → features [n,β,n_h,n_w].

    Its state dict holds the matrices, `.to(device)` moves them. It is differentiable in the values.
    It computes in float32 (float64 where values are), whatever the matrices are stored in: an
    error of T is multiplied by up to the condition number of the core. `.half()` and its like
    round the matrices themselves.

    Parameters
    ----------
    layer
        What `read_augconv` gives.
    autocast
        Let `torch.autocast` choose the precision here too. Only where the provider's measured
        error (`layer.consent`, or their word) leaves room for it; without it the layer leaves
        autocast, and says so once.

    Raises
    ------
    UsageError
        The blocks do not cover the image.
    """

    bias: Tensor | None

    def __init__(self, layer: AugConv, *, autocast: bool = False) -> None:
        super().__init__()
        self.input_shape, self.output_shape = layer.input_shape, layer.output_shape
        self.release_id, self.autocast, self._has_warned = layer.release_id, autocast, False
        self.product = product_of(layer)
        bias = None if layer.bias is None else torch.tensor(layer.bias, dtype=torch.float32)
        self.register_buffer("bias", bias)

    def forward(self, values: Tensor) -> Tensor:
        """Compute features [n,β,n_h,n_w] of values [n,α,h,w].

        Raises
        ------
        UsageError
            The values have another shape than the release's.
        """
        if values.shape[1:] != self.input_shape:
            raise UsageError(
                f"Aug-Conv: values {tuple(values.shape[1:])}, made for {self.input_shape}",
                remedy="give the values of its own release, as they are",
            )
        if not values.is_floating_point():
            raise UsageError(
                f"Aug-Conv: values of type {values.dtype}",
                remedy="give the released values, float32 or float16",
            )
        if self.autocast:
            return self._features(values)
        if torch.is_autocast_enabled(values.device.type):
            self._warn_once()
        with torch.autocast(values.device.type, enabled=False):
            return self._features(values).to(values.dtype)

    def extra_repr(self) -> str:
        """Say what it maps, and for which release."""
        shapes = ("x".join(map(str, shape)) for shape in (self.input_shape, self.output_shape))
        return f"{' → '.join(shapes)}, release {self.release_id!r}, autocast={self.autocast}"

    def _features(self, values: Tensor) -> Tensor:
        wide = values.to(torch.promote_types(values.dtype, torch.float32))
        features: Tensor = self.product(wide)
        return features if self.bias is None else features + self.bias[:, None, None]

    def _warn_once(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(
                "Aug-Conv leaves autocast and computes in float32: a core may multiply rounding "
                "errors; AugConvLayer(…, autocast=True) lets autocast choose",
                PrecisionWarning,
                stacklevel=3,
            )


def load_augconv(path: str | Path, *, autocast: bool = False) -> AugConvLayer:
    """Load the Aug-Conv that a provider has handed over.

    On a CPU its matrices stay mapped from the file, which must not be changed under way.

    Raises
    ------
    UsageError
        There is no such file, or its format is newer.
    IntegrityError
        The file is not what this format says.
    """
    return AugConvLayer(read_augconv(path), autocast=autocast)


def replace_first_conv(
    model: nn.Module,
    augconv: AugConvLayer | AugConv,
    *,
    layer: str | None = None,
    notice: Notice = print,
) -> nn.Module:
    """Put an Aug-Conv in the place of a network's first convolution, and return the network.

    Parameters
    ----------
    model
        Changed in place. Its first Conv2d (VGG `features.0`, ResNet `conv1`, DenseNet
        `features.conv0`, ConvNeXt `features.0.0`, ViT `conv_proj`) is the one that is replaced.
    layer
        The name of the convolution, where it is another.
    notice
        Receives one line that says which layer was replaced.

    Raises
    ------
    UsageError
        There is no convolution, or its features have another shape than the Aug-Conv's.
    """
    fixed = augconv if isinstance(augconv, AugConvLayer) else AugConvLayer(augconv)
    name, conv = find_first_conv(model) if layer is None else (layer, find_layer(model, layer))
    _check_same_shape(name, conv, fixed)
    weight = next(conv.parameters())
    fixed.to(weight.device).train(conv.training)
    notice(f"layer {name or 'of its own'} ({conv}) is now an Aug-Conv that is not trained")
    if not name:
        return fixed
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, fixed)
    return model


def _check_same_shape(name: str, conv: nn.Module, fixed: AugConvLayer) -> None:
    described = describe_conv(conv, input_size=fixed.input_shape[1:], normalize="none")
    for what, has, needs in (
        ("takes channels", described.channels, fixed.input_shape[0]),
        ("gives maps", described.maps, fixed.output_shape[0]),
        ("gives features", described.output_shape, fixed.output_shape),
    ):
        if has != needs:
            raise UsageError(
                f"layer {name!r} {what}: {has}, the Aug-Conv: {needs}",
                remedy="use the network whose first layer the Aug-Conv was made from",
            )
