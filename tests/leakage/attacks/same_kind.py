"""A provider and an adversary with pictures of one kind: small printed digits."""

from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dpkit.types import Geometry, block_places
from dpkit.types.adversary import AdversaryView, PublicImages
from tests.leakage.attacks.setting import draw_cores

SIDE = 8


def digits(rng, n):
    """Return printed digits, slanted and moved a little, u8 [n,8,8,1], and which they are [n]."""
    font, labels = ImageFont.load_default(28), rng.integers(0, 10, n)
    return np.stack([_digit(rng, font, str(label)) for label in labels])[..., None], labels


def _digit(rng, font, text):
    sheet = Image.new("L", (48, 48))
    weight = int(rng.integers(0, 2))
    ImageDraw.Draw(sheet).text((24, 24), text, 255, font, anchor="mm", stroke_width=weight)
    (turn, slant), (wide, high) = rng.uniform(-0.3, 0.3, 2), rng.uniform(0.8, 1.2, 2)
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = np.array([[cos * wide, slant - sin], [sin, cos * high]])
    moved = np.array([24, 24]) - matrix @ (24 + rng.uniform(-2, 2, 2))
    affine = (*matrix[0], moved[0], *matrix[1], moved[1])
    drawn = sheet.transform((48, 48), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(drawn.crop((14, 10, 34, 38)).resize((SIDE, SIDE), Image.Resampling.BOX))


def released(
    *, law="orthogonal", kappa=1, cores="shared", scattered=False, fresh=False, n=900, seed=0
):
    """Return originals, a guess by class and one without, and the view of an adversary."""
    rng = np.random.default_rng(seed)
    pixels, labels = digits(rng, n + 900)
    originals, public = pixels[:n], PublicImages(pixels[n:], "same", labels[n:])
    q = SIDE * SIDE // kappa
    rows = originals.reshape(n, -1) / 255
    if scattered:
        rows = rows[:, rng.permutation(SIDE * SIDE)]
    places = block_places("raster", kappa, (1, SIDE, SIDE))
    values = np.empty_like(rows)
    drawn = draw_cores(rng, kappa if cores == "distinct" else 1, q, law)
    for b, of_block in enumerate(places):
        values[:, of_block] = rows[:, of_block] @ drawn[b % len(drawn)]
    if fresh:
        keys = (draw_cores(rng, 1, SIDE * SIDE, law)[0] for _ in range(n))
        values = np.stack([row @ key for row, key in zip(rows, keys, strict=True)])
    parameters = {
        "blocks": "raster", "kappa": kappa, "cores": cores, "core": law, "interleave": scattered
    }  # fmt: skip
    view = AdversaryView(
        values.astype(np.float32).reshape(n, 1, SIDE, SIDE),
        Geometry(1, SIDE, SIDE, 8),
        "morph",
        parameters,
        np.array([[1 / 255], [0.0]]),
        labels=labels[:n],
        public=public,
    )
    means = np.stack([public.pixels[public.labels == c].mean(axis=0) for c in range(10)])
    mean = np.broadcast_to(public.pixels.mean(axis=0), originals.shape)
    return SimpleNamespace(
        originals=originals, view=view, class_guess=means[labels[:n]], guess=mean
    )


def correlation(originals, images):
    """Return the mean correlation over the pixels of an image."""
    flat = [a.reshape(len(a), -1) - a.reshape(len(a), -1).mean(axis=1, keepdims=True)
            for a in (originals.astype(float), images)]  # fmt: skip
    norms = [np.sqrt((a**2).sum(axis=1)) + 1e-9 for a in flat]
    return ((flat[0] * flat[1]).sum(axis=1) / (norms[0] * norms[1])).mean()


def decibels(originals, images):
    """Return the mean PSNR."""
    errors = ((images - originals) ** 2).reshape(len(images), -1).mean(axis=1)
    return (10 * np.log10(255**2 / errors)).mean()
