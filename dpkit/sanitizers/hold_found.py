"""What network and images decide of `Hold`: its map's shape, and the window for a degree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.sanitizers import hold_words
from dpkit.sanitizers.asked import Asked, network_of, weights_in_key
from dpkit.sanitizers.degree import search, smallest
from dpkit.types.evidence import LEAST_IMAGES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.sanitizers.hold import Hold
    from dpkit.types import Geometry
    from dpkit.types.supply import Supply, Weights

MOST_SIDE: Final = 65535  # of a released row, as the release's format has it
SAME: Final = 0.9999  # correlation at which a channel of the map is one of the picture


def found(hold: Hold, geometry: Geometry, supply: Supply) -> Hold:
    """Return a sanitizer that needs a network with all that it decides, and say it aloud.

    Raises
    ------
    UsageError
        No network is named, it does not fit the images, has no such layer, or reaches no such
        degree.
    """
    weights = supply.weights
    if weights is None:
        raise UsageError("no network is named", remedy="name its weights with --model FILE")
    network = network_of(weights, hold.network, hold.normalize)  # the file's words name no code
    try:
        asked = Asked(network, hold.layer, geometry.peak)
        made = _of_network(hold, weights, asked, geometry)
        if made.layer and shows_picture(asked, geometry):
            supply.voice.notice(hold_words.picture_notice(made.layer))
        return _of_images(made, asked, geometry, supply)
    except ValueError as error:
        raise UsageError(str(error), remedy="see --layer, and --size of the images") from None


def shows_picture(asked: Asked, geometry: Geometry) -> bool:
    """Say whether what the layer is given holds a channel of the picture, but for its scale.

    It is tried with noise, which no other map follows.
    """
    shape = (1, geometry.height, geometry.width, geometry.channels)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, geometry.peak, shape, endpoint=True).astype(geometry.pixel_dtype)
    maps, places = asked.plain(noise), geometry.height * geometry.width
    if maps.size % places or places == 1:
        return False
    return bool((_correlations(noise.reshape(places, -1).T, maps.reshape(-1, places)) > SAME).any())


def _correlations(channels: NDArray[Any], maps: NDArray[Any]) -> NDArray[np.float64]:
    """Return |r| of each channel [k,places] with each map [m,places]; 0 for a constant one."""
    units = []
    for rows in (channels, maps):
        centred = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        units.append(np.divide(centred, lengths, where=lengths > 0, out=np.zeros_like(centred)))
    return np.asarray(np.abs(units[0] @ units[1].T))


def _of_network(hold: Hold, weights: Weights, asked: Asked, geometry: Geometry) -> Hold:
    black = np.zeros((1, geometry.height, geometry.width, geometry.channels), geometry.pixel_dtype)
    shape = asked.plain(black).shape[1:]
    if hold.layer and max(shape) > MOST_SIDE:
        raise ValueError(f"the layer is given {shape}: a side is above {MOST_SIDE}")
    return replace(
        hold,
        network=hold.network or weights.metadata["network"],
        normalize=hold.normalize or weights.metadata.get("normalize", "none"),
        model_sha256=weights.sha256,
        largest_weight=max(array.nbytes for array in weights_in_key(weights).values()),
        map_shape=shape if hold.layer else (),
    )


def _of_images(hold: Hold, asked: Asked, geometry: Geometry, supply: Supply) -> Hold:
    """Return the sanitizer with the window for the release, and the windows tried.

    Of a sample below `LEAST_IMAGES` a share or a median would be figures of one image: they are
    told to the provider, and are no parameters.
    """
    if not hold.degree:
        return hold
    if supply.images is None or len(supply.images) == 0:
        raise UsageError("a degree needs images to be measured on")
    tried, count = search(asked, supply.images, hold.values_dtype(geometry), hold.degree)
    window = 1 if hold.is_by_image else smallest(tried, hold.degree)
    for notice in hold_words.found_notices(hold, window, tried, count):
        supply.voice.notice(notice)
    return replace(hold, tried=tuple(tried) if count >= LEAST_IMAGES else (), window=window)
