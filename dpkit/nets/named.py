"""A network out of named weights: which architecture, of which sizes, fed how.

    metadata     meaning                                        written by
    network      a name of `CLASSIFIERS`                        samples/train_network.py
    arguments    its keyword arguments, JSON
    normalize    mean,std of the pixels, 0 to 1, as `0.5,0.25`; or one of each a channel
    classes      names of the classes in their order, JSON

The metadata are the file's own words and may name nothing but our architectures; code of the
user's is imported only where the user names it, as `module:factory`. Our architectures are laid
out without memory until the weights are found to fit.
"""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import torch

from dpkit.nets import CLASSIFIERS
from dpkit.nets.inferred import inferred_sizes
from dpkit.nets.users import users_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    Arrays = Mapping[str, NDArray[np.generic]]

MOST: Final = 1 << 16  # of a size in metadata
NONE: Final = "none"
IMAGENET: Final = "0.485,0.456,0.406,0.229,0.224,0.225"  # the usual statistics, RGB


def build_network(
    arrays: Arrays,
    metadata: Mapping[str, str],
    *,
    network: str | None = None,
    normalize: str | None = None,
) -> nn.Module:
    """Return the network of these weights, to be asked: in eval mode, its weights fixed.

    It takes images [n,c,h,w] of 0 to 1: it normalizes them itself, before its first layer.

    Parameters
    ----------
    arrays
        A state dict.
    metadata
        What the weights' file says of itself.
    network
        A name of `CLASSIFIERS`, or `module:factory` of the user's, called without arguments.
        Without it the metadata say it.
    normalize
        `none`, `imagenet`, `mean,std`, or all means and then all deviations. Without it the
        metadata say it, else it is `none`.

    Raises
    ------
    ValueError
        Nobody says which network it is, there is none of this name, or the weights do not fit it.
    """
    name = network or metadata.get("network")
    if not name:
        known = ", ".join(CLASSIFIERS)
        raise ValueError(f"the file does not say which network it is; name one of {known}")
    shapes = {key: array.shape for key, array in arrays.items()}
    made = _known(name, metadata, shapes) if name in CLASSIFIERS else _users(name, network)
    _load(made, name, arrays)
    if (text := normalize or metadata.get("normalize", NONE)) != NONE:
        mean, deviation = _statistics(text)
        made.register_forward_pre_hook(partial(_normalize, mean, deviation))
    return made.eval().requires_grad_(requires_grad=False)


def class_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the classes that the file names, in their order; () where it names none."""
    held = _json(metadata, "classes", [])
    if not isinstance(held, list) or not all(isinstance(name, str) for name in held):
        raise ValueError("the file's classes are no list of names")
    return tuple(held)


def _known(
    name: str, metadata: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]
) -> nn.Module:
    """Lay out an architecture of ours, without memory."""
    factory = cast("partial[nn.Module]", CLASSIFIERS[name])
    said = _json(metadata, "arguments", {}) if metadata.get("network") == name else {}
    sizes = inferred_sizes(factory.func, shapes) | _checked(said, len(shapes))
    try:
        with torch.device("meta"):
            return factory(**sizes)
    except (TypeError, AttributeError, RuntimeError):  # whatever a wrong word or size breaks
        raise ValueError(f"the file's arguments {sorted(said)} are not those of {name}") from None


def _checked(said: Any, tensors: int) -> dict[str, Any]:
    """Return a stranger's arguments, bounded: sizes, and layers by the tensors there are."""
    if not isinstance(said, dict):
        raise ValueError("the file's arguments are no JSON object")  # noqa: TRY004 (as everything here)
    arguments: dict[str, Any] = {}
    for name, value in said.items():
        numbers = value if isinstance(value, list) else [value]
        if not all(_is_size(number) for number in numbers):
            raise ValueError(f"the file's argument {name[:80]!r} is no size or word")
        if name == "layers" and sum(n for n in numbers if not isinstance(n, str)) > tensors:
            raise ValueError(f"the file says of more layers than its {tensors} tensors can be")
        arguments[name] = tuple(value) if isinstance(value, list) else value
    return arguments


def _is_size(value: object) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST


def _users(name: str, network: str | None) -> nn.Module:
    """Make a network by the user's code (`users`); a file's own word imports nothing."""
    module, _, attribute = name.partition(":")
    if network is None or not module or not attribute:
        known = ", ".join(CLASSIFIERS)
        raise ValueError(f"network {name[:80]!r} is not one of {known}, nor module:factory")
    return users_network(name)


def _load(made: nn.Module, name: str, arrays: Arrays) -> None:
    wanted = made.state_dict()
    missing, extra = sorted(wanted.keys() - arrays), sorted(arrays.keys() - wanted)
    if missing or extra:
        raise ValueError(
            f"the weights are not those of {name}: {len(missing)} missing"
            f" ({', '.join(missing[:3])}), {len(extra)} unknown ({', '.join(extra[:3])})"
        )
    for key, tensor in wanted.items():
        before, after = list(arrays[key].shape), list(tensor.shape)
        if before != after:
            raise ValueError(f"the weights are not those of {name}: {key} is {before}, not {after}")
    state = {key: torch.tensor(arrays[key]).to(tensor.dtype) for key, tensor in wanted.items()}
    made.load_state_dict(state, assign=True)


def _statistics(text: str) -> tuple[Tensor, Tensor]:
    """Return mean and deviation, [c,1,1] or [1,1,1]."""
    words = (IMAGENET if text == "imagenet" else text).split(",")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise ValueError(f"normalisation {text[:80]!r} is no mean,std") from None
    half = len(numbers) // 2
    if len(numbers) % 2 or not all(map(math.isfinite, numbers)) or min(numbers[half:]) <= 0:
        raise ValueError(f"normalisation {text[:80]!r} is no mean,std")
    both = torch.tensor(numbers).reshape(2, half, 1, 1)
    return both[0], both[1]


def _normalize(
    mean: Tensor, deviation: Tensor, module: nn.Module, inputs: tuple[Tensor]
) -> tuple[Tensor]:
    del module  # torch's signature of a hook
    (images,) = inputs
    if len(mean) not in (1, images.shape[1]):
        raise ValueError(f"normalisation of {len(mean)} channels, images have {images.shape[1]}")
    return ((images - mean) / deviation,)


def _json(metadata: Mapping[str, str], name: str, default: Any) -> Any:
    if name not in metadata:
        return default
    try:
        return json.loads(metadata[name])
    except (ValueError, RecursionError):
        raise ValueError(f"the file's {name} are no JSON") from None
