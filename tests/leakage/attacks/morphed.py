"""Crops of photographs, released by the real morph under a fixed secret, and a view of them."""

import numpy as np
import skimage.data
from PIL import Image

from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, ImageBatch, Secret
from dpkit.types.adversary import AdversaryView, PublicImages

PRIVATE = ("astronaut", "chelsea", "coffee")
PUBLIC = ("rocket", "retina", "immunohistochemistry")


def crops(names, n, side, channels, seed=0):
    """Return crops at full resolution, u8 [n,side,side,channels]."""
    rng = np.random.default_rng(seed)
    mode = "L" if channels == 1 else "RGB"
    whole = [np.asarray(Image.fromarray(getattr(skimage.data, k)()).convert(mode)) for k in names]
    found = np.empty((n, side, side, channels), np.uint8)
    for i in range(n):
        picture = whole[i % len(whole)]
        y, x = rng.integers(0, np.array(picture.shape[:2]) - side + 1)
        found[i] = picture[y : y + side, x : x + side].reshape(side, side, channels)
    return found


def released(originals, secret=b"s" * 32, **parameters):
    """Return T [n,c,h,w] of originals u8 [n,h,w,c]."""
    geometry = geometry_of(originals)
    scheme = Morph(**parameters)
    names = np.full(len(originals), b"-" * 26)
    batch = ImageBatch(originals, np.zeros(len(originals), np.int64), names, names)
    return scheme.apply(batch, scheme.fit(geometry, Secret(secret)), geometry).values


def geometry_of(originals):
    return Geometry(originals.shape[3], *originals.shape[1:3], 8)


def view_of(originals, public, wanted=60, values=None, **parameters):
    """Return what an adversary of rung A2 holds of their release."""
    channels = originals.shape[3]
    said = {"blocks": "raster", "cores": "shared", "core": "gaussian", **parameters}
    return AdversaryView(
        released(originals, **said) if values is None else values,
        geometry_of(originals),
        "morph",
        said,
        np.array([[1 / 255] * channels, [0.0] * channels]),
        wanted=wanted,
        public=None if public is None else PublicImages(public, "other"),
    )


def scattered(originals, seed=5):
    """Return the originals with their pixels in one random order, as interleaving has them."""
    order = np.random.default_rng(seed).permutation(originals[0].size)
    return originals.reshape(len(originals), -1)[:, order].reshape(originals.shape)
