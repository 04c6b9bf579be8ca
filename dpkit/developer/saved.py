"""The first layer out of a saved network: a torch file, a safetensors file, or a known name.

A torch file is opened with `weights_only=True`: no code of it runs.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safetensors import SafetensorError, safe_open
from torch import Tensor

from dpkit.developer.firstconv import export_first_conv, float32_array
from dpkit.developer.geometry import pair
from dpkit.errors import UsageError
from dpkit.nets.statedict import NoStateDictError, torch_state
from dpkit.release.first_conv import write_first_conv
from dpkit.types import FirstConv

if TYPE_CHECKING:
    from torch import nn

    from dpkit.developer.geometry import ConvOptions

_NAMED: Final = re.compile(r"(timm|torchvision):([A-Za-z0-9_.-]{1,100})")
_AXES: Final = 4


def export_saved(
    model: str,
    path: str | Path,
    *,
    layer: str | None,
    input_size: str,
    normalize: str = "none",
    options: ConvOptions,
) -> FirstConv:
    """Write the first layer of a saved or a known network for the provider, and return it.

    Parameters
    ----------
    model
        A torch file with a state dict (or with one under `state_dict` or `model`), a
        `.safetensors` file, or `timm:NAME` or `torchvision:NAME` with its published weights.
    layer
        The convolution's name. A state dict needs it; of a known network the first is taken.
    options
        Geometry, which a state dict does not hold; a known network knows its own.

    Raises
    ------
    UsageError
        The model cannot be read, the layer is no convolution, or the output exists.
    """
    if Path(path).exists():
        raise UsageError(f"{path} exists", remedy="name another file")
    size = pair("input size", input_size)
    if named := _NAMED.fullmatch(model):
        if options.is_given:
            raise UsageError(f"{model} knows its geometry", remedy="leave stride and the like out")
        network = _known_network(*named.groups())
        return export_first_conv(network, path, input_size=size, normalize=normalize, layer=layer)
    weight, bias = _weights(Path(model), layer)
    _, _, high, wide = weight.shape
    described = FirstConv(
        weight=float32_array(weight),
        bias=None if bias is None else float32_array(bias),
        stride=pair("stride", options.stride or "1"),
        padding=options.zeros((high, wide)),
        dilation=pair("dilation", options.dilation or "1"),
        groups=options.groups or 1,
        input_size=size,
        normalize=normalize,
    )
    write_first_conv(path, described)
    return described


def _weights(file: Path, layer: str | None) -> tuple[Tensor, Tensor | None]:
    if not file.is_file():
        raise UsageError(f"{file} is no file", remedy="name a torch or safetensors file")
    held = _safetensors(file) if file.suffix == ".safetensors" else _state_dict(file)
    kernels = [
        name.removesuffix(".weight")
        for name, part in held.items()
        if name.endswith(".weight") and part.ndim == _AXES
    ]
    remedy = f"convolutions in it: {', '.join(kernels[:8]) or 'none'}"
    if layer is None:
        raise UsageError("a state dict needs the name of its first layer", remedy=remedy)
    if f"{layer}.weight" not in held:
        raise UsageError(f"{file} has no {layer}.weight", remedy=remedy)
    weight, bias = held[f"{layer}.weight"], held.get(f"{layer}.bias")
    if weight.ndim != _AXES:
        raise UsageError(
            f"{layer}.weight has {weight.ndim} axes and is no Conv2d's [out,in,height,width]",
            remedy=remedy,
        )
    return weight, bias


def _safetensors(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise UsageError(f"{file} is no safetensors file ({str(error)[:80]})") from None


def _state_dict(file: Path) -> dict[str, Tensor]:
    try:
        held = torch_state(file)
    except NoStateDictError as error:
        remedy = f"{error.remedy}, or use dpkit.developer.export_first_conv(network, …)"
        raise UsageError(f"{file} {error}", remedy=remedy) from None
    return {name: part for name, part in held.items() if isinstance(part, Tensor)}


def _known_network(library: str, name: str) -> nn.Module:
    try:
        module: Any = import_module("timm" if library == "timm" else "torchvision.models")
    except ImportError:
        raise UsageError(
            f"{library} is not installed here",
            remedy=f"install it, or save a state dict where {library} is",
        ) from None
    try:
        if library == "timm":
            network: nn.Module = module.create_model(name, pretrained=True)
        else:
            network = module.get_model(name, weights="DEFAULT")
    except (ValueError, RuntimeError, KeyError, OSError) as error:
        raise UsageError(f"{library} gives no {name!r} ({str(error)[:120]})") from None
    return network
