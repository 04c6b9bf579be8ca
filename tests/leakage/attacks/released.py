"""Small morphed releases for the attacks that need no Aug-Conv layer, by brute force in float64."""

from types import SimpleNamespace

import numpy as np
import skimage.data
from PIL import Image

from dpkit.kernels.ssim import ssim_mse_unstretched
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, ImageBatch, Secret, block_places
from dpkit.types.adversary import AdversaryView

PRIVATE = ("astronaut", "chelsea", "coffee")
OTHERS = ("rocket", "retina", "immunohistochemistry", "hubble_deep_field")


def crops(names, n, side, channels=3, seed=0):
    """Return crops of photographs at random places and sizes, u8 [n,side,side,channels]."""
    rng, found = np.random.default_rng(seed), []
    for i in range(n):
        whole = Image.fromarray(getattr(skimage.data, names[i % len(names)])())
        extent = int(rng.integers(2 * side, min(whole.size)))
        left, top = (int(rng.integers(0, size - extent + 1)) for size in whole.size)
        piece = whole.crop((left, top, left + extent, top + extent)).resize((side, side))
        found.append(np.asarray(piece.convert("L") if channels == 1 else piece.convert("RGB")))
    return np.stack(found).reshape(n, side, side, channels)


def native_crops(names, n, side, seed=0):
    """Return crops of photographs at their own size, u8 [n,side,side,3]."""
    rng, found = np.random.default_rng(seed), []
    for i in range(n):
        whole = getattr(skimage.data, names[i % len(names)])()
        top, left = (int(rng.integers(0, size - side + 1)) for size in whole.shape[:2])
        found.append(whole[top : top + side, left : left + side])
    return np.stack(found)


def draw(rng, count, q, law):
    if law == "uniform":
        return rng.random((count, q, q))
    cores = rng.standard_normal((count, q, q)) / np.sqrt(q)
    return np.linalg.qr(cores)[0] if law == "orthogonal" else cores


def morphed(
    pixels, *, kappa=1, law="gaussian", cores="shared", blocks="raster", interleave=False,
    dtype=np.float32, seed=0, key_an_image=False, affine=(1 / 255, 0.0), **parts,
):  # fmt: skip
    """Return originals, rows D and the view of who holds the release and `parts`."""
    n, side, _, channels = pixels.shape
    rng = np.random.default_rng(seed)
    rows = np.moveaxis(pixels * affine[0] + affine[1], -1, 1).reshape(n, -1)
    size = rows.shape[1]
    places = block_places(blocks, kappa, (channels, side, side))
    scatter = rng.permutation(size) if interleave else np.arange(size)
    count = kappa if cores == "distinct" else 1
    drawn = draw(rng, count, size // kappa, law)
    here = rows[:, scatter][:, places].transpose(1, 0, 2)
    values = np.empty_like(rows)
    values[:, places] = np.matmul(here, drawn).transpose(1, 0, 2)
    for image in range(n if key_an_image else 0):
        drawn = draw(rng, count, size // kappa, law)
        values[image, places] = np.matmul(here[:, image, None], drawn)[:, 0]
    view = AdversaryView(
        values.astype(dtype).reshape(n, channels, side, side),
        Geometry(channels, side, side, 8),
        "morph",
        {"blocks": blocks, "kappa": kappa, "cores": cores, "core": law, "interleave": interleave},
        np.array([[affine[0]] * channels, [affine[1]] * channels]),
        **parts,
    )
    return SimpleNamespace(originals=pixels, rows=rows, view=view, cores=drawn, scatter=scatter)


def published(pixels, seed=0, parts=None, **options):
    """Return the view of a release by the sanitizer itself, under a key drawn from `seed`."""
    n, side, _, channels = pixels.shape
    geometry, morph = Geometry(channels, side, side, 8), Morph(**options)
    names = np.array([f"{i:026d}".encode() for i in range(n)])
    batch = ImageBatch(pixels, np.zeros(n, np.int64), names, names)
    key = morph.fit(geometry, Secret(bytes([seed]) * 32))
    values = morph.apply(batch, key, geometry).values
    affine = np.array([[1 / 255] * channels, [0.0] * channels])
    return AdversaryView(values, geometry, "morph", parameters(morph), affine, **(parts or {}))


def similarity(originals, images):
    """Return SSIM [n]; originals are made grey where the images are."""
    if images.shape[3] != originals.shape[3]:
        originals = np.rint(originals.mean(axis=3, keepdims=True)).astype(originals.dtype)
    planes = np.ascontiguousarray(np.moveaxis(images, -1, 1).astype(np.float32))
    return ssim_mse_unstretched(originals, planes, 255)[0]


def decibels(originals, images):
    errors = ((images - originals.astype(float)) ** 2).mean(axis=(1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(errors, 1e-20))


def correlation(originals, images):
    """Return |NCC| of grey pictures [n]."""
    truth = originals.mean(axis=3).reshape(len(originals), -1)
    seen = images.mean(axis=3).reshape(len(images), -1)
    return np.array([abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(truth, seen, strict=True)])
