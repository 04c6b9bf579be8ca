"""A network that is asked about images: what enters one of its layers, and what it answers.

Images go through it one at a time: torch adds up in another order where there are more, and the
released bytes must not depend on how many were read at once.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dpkit.errors import UnlockError, UsageError
from dpkit.nets.answers import probabilities_of
from dpkit.nets.cut import Cut, logits_through, one_thread
from dpkit.nets.named import build_network
from dpkit.sanitizers.per_key import once_per_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from dpkit.types import Key
    from dpkit.types.supply import Weights

WORDS: Final = "words"  # of the key: names of the weights, and what their file says of itself
_WEIGHT: Final = "weight/{:05d}"


class Asked:
    """A network, and the layer whose input is released; without one that is the image itself.

    Parameters
    ----------
    network
        As `build_network` makes it; for one thread at a time, as it is hooked.
    layer
        A layer's name, or nothing.
    peak
        The largest grey level.

    Raises
    ------
    ValueError
        There is no such layer.
    """

    def __init__(self, network: nn.Module, layer: str, peak: int) -> None:
        self._network, self._peak = network, peak
        self._cut = Cut(network, layer) if layer else None
        self._layer = layer

    def plain(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return what is released of pixels [n,h,w,c] where nothing is held, [n,c,h,w].

        Maps are float32, a flat one [n,features,1,1]; images keep their type.

        Raises
        ------
        ValueError
            The network cannot take the images, or its layer runs not once or on no map.
        """
        if self._cut is None:
            return np.ascontiguousarray(np.moveaxis(pixels, -1, 1))
        with one_thread():
            return np.concatenate([_shaped(self._cut.maps(one)) for one in self._images(pixels)])

    def probabilities(self, pixels: NDArray[Any], values: NDArray[Any]) -> NDArray[np.float64]:
        """Return what the network makes of pixels [n,h,w,c] whose values are these, [n,classes].

        Raises
        ------
        ValueError
            The network cannot take the images.
        UsageError
            Its answer is no number.
        """
        with one_thread(), torch.no_grad():
            pairs = zip(self._images(pixels), values, strict=True)
            return np.concatenate([probabilities_of(self._logits(*pair)) for pair in pairs])

    def straight(self) -> Cut:
        """Return the same cut for whoever differentiates with respect to the images."""
        return Cut(self._network, self._layer, with_grad=True)

    def _logits(self, image: Tensor, values: NDArray[Any]) -> Tensor:
        given = torch.from_numpy(np.asarray(values, np.float32))
        if self._cut is None:
            return logits_through(self._network, given[None] / self._peak)
        return self._cut.logits(image, lambda maps: given.reshape(maps.shape))

    def _images(self, pixels: NDArray[Any]) -> list[Tensor]:
        """Return the images [1,c,h,w] of 0 to 1, one by one."""
        planes = np.moveaxis(pixels, -1, 1).astype(np.float32) / np.float32(self._peak)
        return list(torch.from_numpy(np.ascontiguousarray(planes))[:, None])


def _shaped(maps: Tensor) -> NDArray[Any]:
    """Return maps as [n,c,h,w]: flat ones have one place, and rows of features one channel."""
    n, *shape = maps.shape
    if not 1 <= len(shape) <= 3:  # noqa: PLR2004 (channels, height, width)
        raise ValueError(f"the layer is given {len(shape)} axes for an image, and not 1 to 3")
    if len(shape) == 2:  # noqa: PLR2004 (as a sequence of features is)
        shape = [1, *shape]
    shape += [1] * (3 - len(shape))
    return np.ascontiguousarray(maps.detach().numpy().reshape(n, *shape))


def weights_in_key(weights: Weights) -> dict[str, NDArray[Any]]:
    """Return the weights of a network as arrays for a key, with all that building it takes."""
    names = sorted(weights.arrays)
    text = json.dumps({"names": names, "metadata": dict(weights.metadata)}, sort_keys=True)
    arrays = {_WEIGHT.format(i): weights.arrays[name] for i, name in enumerate(names)}
    return {WORDS: np.frombuffer(text.encode(), np.uint8), **arrays}


def network_of(weights: Weights, name: str, normalize: str) -> nn.Module:
    """Build the network of a file; an empty name or normalisation is the file's own.

    Raises
    ------
    UsageError
        The weights are not those of this network.
    """
    return _built(weights.arrays, weights.metadata, name, normalize)


class _OfThread(threading.local):
    """The networks of a key that this thread has built, by name and normalisation."""

    def __init__(self) -> None:
        self.built: dict[tuple[str, str], nn.Module] = {}


@once_per_key
def _networks(key: Key) -> _OfThread:  # noqa: ARG001 (whose they are)
    return _OfThread()


def asked_of(key: Key, sanitizer: tuple[str, str, str], peak: int) -> Asked:
    """Return the network of a key for this thread, by its name, normalisation and layer.

    Raises
    ------
    UnlockError
        The key holds no network.
    """
    name, normalize, layer = sanitizer
    built = _networks(key).built
    if (name, normalize) not in built:
        built[name, normalize] = _network_in_key(key, name, normalize)
    return Asked(built[name, normalize], layer, peak)


def _network_in_key(key: Key, name: str, normalize: str) -> nn.Module:
    """Build the network of a key's weights.

    Raises
    ------
    UnlockError
        The key holds no network.
    """
    if WORDS not in key.names():
        raise UnlockError(
            "the key holds no network", remedy="use the key that this release was made with"
        )
    words = json.loads(key.array(WORDS).tobytes())
    arrays = {held: key.array(_WEIGHT.format(i)) for i, held in enumerate(words["names"])}
    return _built(arrays, words["metadata"], name, normalize)


def _built(
    arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str], name: str, normalize: str
) -> nn.Module:
    try:
        return build_network(arrays, metadata, network=name or None, normalize=normalize or None)
    except ValueError as error:
        raise UsageError(f"--model: {error}", remedy="see --network and --normalize") from None
