"""The first layer that a developer hands over: weights and geometry of a Conv2d, and no code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import torch
from torch import nn

from dpkit.errors import UsageError
from dpkit.release.first_conv import write_first_conv
from dpkit.types import FirstConv

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_ONE: Final = "train a network that begins with an nn.Conv2d"
_COMPUTING: Final = ("forward", "_conv_forward")  # what makes a Conv2d compute as it does


def export_first_conv(
    module: nn.Module,
    path: str | Path,
    *,
    input_size: tuple[int, int],
    normalize: str = "none",
    layer: str | None = None,
) -> FirstConv:
    """Write a network's first convolution for the provider, and return what was written.

    Parameters
    ----------
    module
        A Conv2d, or the whole network.
    path
        A new file, by custom `first_conv.safetensors`.
    input_size
        Height and width of the images that it was trained on.
    normalize
        What is done to pixels before, in one of the forms that morphing knows:
        `none`, `imagenet` or `mean,std` such as `0.5,0.25`.
    layer
        The name of the convolution in the network; without it the first one is taken.

    Raises
    ------
    UsageError
        There is no such layer, it is no plain convolution padded with zeros, or the file exists.
    """
    _, conv = find_first_conv(module) if layer is None else (layer, find_layer(module, layer))
    described = describe_conv(conv, input_size=input_size, normalize=normalize)
    write_first_conv(path, described)
    return described


def find_first_conv(model: nn.Module) -> tuple[str, nn.Conv2d]:
    """Return name and layer of the first Conv2d, in the order in which the network defines them.

    The name is empty where the network is the convolution itself.

    Raises
    ------
    UsageError
        There is none.
    """
    for name, part in model.named_modules():
        if isinstance(part, nn.Conv2d):
            return name, part
    leaves = {type(part).__name__ for part in model.modules() if not any(part.children())}
    held = ", ".join(sorted(leaves)[:8])
    raise UsageError(f"{type(model).__name__} has no Conv2d, but {held}", remedy=_ONE)


def find_layer(model: nn.Module, layer: str) -> nn.Module:
    """Return the part of a network that has this name.

    Raises
    ------
    UsageError
        There is none.
    """
    try:
        return model.get_submodule(layer)
    except AttributeError:
        names = [name for name, part in model.named_modules() if isinstance(part, nn.Conv2d)]
        raise UsageError(
            f"{type(model).__name__} has no layer {layer!r}",
            remedy=f"its convolutions are {', '.join(names[:8]) or 'none'}",
        ) from None


def describe_conv(module: nn.Module, *, input_size: tuple[int, int], normalize: str) -> FirstConv:
    """Return weights and geometry of a convolution, padding in numbers of zeros.

    Raises
    ------
    UsageError
        It is no Conv2d, computes something else, or pads with other values than zeros.
    """
    conv = _plain(module)
    return FirstConv(
        weight=float32_array(conv.weight),
        bias=None if conv.bias is None else float32_array(conv.bias),
        stride=_pair(conv.stride),
        padding=zeros_around(conv.padding, _pair(conv.kernel_size), _pair(conv.dilation)),
        dilation=_pair(conv.dilation),
        groups=conv.groups,
        input_size=input_size,
        normalize=normalize,
    )


def zeros_around(
    padding: str | tuple[int, ...], kernel: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return zeros at top, bottom, left and right, as torch places them.

    `same` adds d(p - 1) on a side pair; of an odd number the greater half is below and to the
    right.
    """
    if padding == "valid":
        return (0, 0, 0, 0)
    if padding == "same":
        high, wide = (d * (p - 1) for d, p in zip(dilation, kernel, strict=True))
        return (high // 2, high - high // 2, wide // 2, wide - wide // 2)
    top, left = cast("tuple[int, int]", padding)
    return (top, top, left, left)


def float32_array(weights: torch.Tensor) -> NDArray[np.float32]:
    """Return weights of any floating type as a float32 array of their own."""
    array: NDArray[np.float32] = weights.detach().to("cpu", torch.float32).contiguous().numpy()
    return array.copy()


def _plain(module: nn.Module) -> nn.Conv2d:
    kind = type(module)
    if not isinstance(module, nn.Conv2d):
        raise UsageError(f"a first layer {kind.__name__} is no Conv2d", remedy=_ONE)
    if any(getattr(kind, name) is not getattr(nn.Conv2d, name) for name in _COMPUTING):
        raise UsageError(
            f"a first layer {kind.__name__} computes something else than its parent Conv2d",
            remedy="copy its weights into an nn.Conv2d, if that gives the same features",
        )
    if module.padding_mode != "zeros":
        raise UsageError(
            f"a first layer with padding mode {module.padding_mode!r} is not built",
            remedy="train it with padding_mode='zeros'",
        )
    if (
        isinstance(module.weight, nn.UninitializedParameter)
        or not module.weight.is_floating_point()
    ):
        raise UsageError(
            f"a first layer {kind.__name__} has no real weights yet",
            remedy="run the network once, or load its weights",
        )
    return module


def _pair(numbers: tuple[int, ...]) -> tuple[int, int]:
    first, second = numbers
    return first, second
