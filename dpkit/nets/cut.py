"""A network cut before a layer: what enters it, and what the rest makes of something else.

    symbol   here      meaning
    IFM      maps      input feature map of a layer: what the layer is given
             replace   what takes its place

Chun, Hong, Huh and Kang, "Controlling the privacy loss with the input feature maps of the layers
in convolutional neural networks" (2018), sanitize it. A layer is named as torch names it, such as
`features.6`, and must run once for each image: an activation that a network shares among its
layers has no one input.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import nn

    Replace: TypeAlias = Callable[[Tensor], Tensor]

NAMED: Final = 60  # layers in an error, before the rest is only counted


def layer_names(network: nn.Module) -> list[str]:
    """Return the names of all layers that hold no others, in the order of their definition."""
    return [name for name, part in network.named_modules() if name and not any(part.children())]


def logits_through(
    network: nn.Module, images: Tensor, replaces: Mapping[str, Replace] | None = None
) -> Tensor:
    """Return logits [n,classes] where the input of each named layer is replaced first.

    Parameters
    ----------
    images
        [n,c,h,w], as the network takes them.
    replaces
        Layer → a function from its input to another of the same shape. A later layer of a cascade
        gets what the earlier ones' replacement has become.

    Raises
    ------
    ValueError
        There is no such layer, it does not run exactly once, a replacement has another shape, or
        the network cannot take such images.
    """
    named = dict(replaces or {})
    calls = dict.fromkeys(named, 0)

    def hook(name: str) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
        def replace(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            calls[name] += 1
            return (_replaced(name, inputs, named[name]), *inputs[1:])

        return replace

    with ExitStack() as hooks:
        for name in named:
            layer = find_layer(network, name)
            hooks.enter_context(layer.register_forward_pre_hook(hook(name)))
        logits = _run(network, images)
    for name, count in calls.items():
        if count != 1:
            raise ValueError(f"layer {name!r} runs {count} times for an image, and not once")
    return logits


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """Return the layer of this name.

    Raises
    ------
    ValueError
        There is none; the message lists those that there are.
    """
    layers: dict[str, nn.Module] = dict(network.named_modules())
    if name and name in layers:
        return layers[name]
    known = layer_names(network)
    rest = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    raise ValueError(f"no layer {name[:80]!r}; the layers are {', '.join(known[:NAMED])}{rest}")


class UnfitError(ValueError):
    """What enters a layer, or is to take its place, is not what a cut can have there."""


class Cut:
    """A network that is cut before one layer.

    Parameters
    ----------
    network
        In eval mode: what it says of an image does not depend on the others.
    layer
        Its name.
    with_grad
        Whether results can be differentiated with respect to the images.

    Raises
    ------
    ValueError
        There is no such layer; the message lists those that there are.
    """

    def __init__(self, network: nn.Module, layer: str, *, with_grad: bool = False) -> None:
        find_layer(network, layer)
        self._network = network.eval()
        self._layer = layer
        self._with_grad = with_grad

    @property
    def layer(self) -> str:
        """The layer's name."""
        return self._layer

    def maps(self, images: Tensor) -> Tensor:
        """Return what the layer is given, [n,c,h,w] or [n,features], as the caller's own.

        Raises
        ------
        ValueError
            The layer does not run exactly once, or the network cannot take such images.
        """
        held: list[Tensor] = []

        def keep(values: Tensor) -> Tensor:
            held.append(values.clone())  # the layer may work in place
            return values

        self.logits(images, keep)
        return held[0]

    def logits(self, images: Tensor, replace: Replace | None = None) -> Tensor:
        """Return logits [n,classes], the layer's input replaced first where `replace` is given.

        Raises
        ------
        ValueError
            The layer does not run exactly once, or the replacement has another shape.
        """
        replaces = {} if replace is None else {self._layer: replace}
        with torch.set_grad_enabled(self._with_grad):
            return logits_through(self._network, images, replaces)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch add up in one order: the same numbers on every machine of a kind."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _replaced(name: str, inputs: tuple[Any, ...], replace: Replace) -> Tensor:
    if not inputs or not isinstance(inputs[0], Tensor):
        raise UnfitError(f"layer {name!r} is not given a tensor")
    replaced = replace(inputs[0])
    if replaced.shape != inputs[0].shape:
        before, after = list(inputs[0].shape), list(replaced.shape)
        raise UnfitError(f"input of layer {name!r} is {before}, its replacement {after}")
    return replaced


def _run(network: nn.Module, images: Tensor) -> Tensor:
    try:
        logits: Tensor = network(images)
    except RuntimeError as error:
        shape = "x".join(str(side) for side in images.shape[1:])
        said = " ".join(str(error).split())[:160]
        raise ValueError(f"the network cannot take images of {shape} ({said})") from None
    return logits
