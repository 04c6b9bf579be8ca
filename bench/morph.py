"""Morphing against a plain matrix product, and against the published code's shape.

The published code normalises one image at a time and multiplies it by the dense M, block-diagonal
or not. The limit is the other end: one product of all blocks at once, floats in and floats out,
with nothing to convert.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (in the signature every bench shares)
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.harness import ROUNDS, Figure, speed_ratio
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, ImageBatch, Secret

if TYPE_CHECKING:
    from numpy.typing import NDArray

AGAINST_MATMUL = ((32, 1), (32, 4), (32, 16), (128, 16), (128, 64), (224, 64))
AGAINST_PUBLISHED = {1: 5.0, 4: 18.0, 16: 60.0}
_IMAGENET = (0.485, 0.456, 0.406, 0.229, 0.224, 0.225)
_FLOP_PER_CALL = 1e10  # about 0.1 s
_LEAST_TILES = 2


def run(_folder: Path) -> list[Figure]:
    return [_against_matmul(size, kappa) for size, kappa in AGAINST_MATMUL] + [
        _against_published(kappa, target) for kappa, target in AGAINST_PUBLISHED.items()
    ]


class _Job:
    """Random images and a morph that goes over them tile by tile, as the pipeline does."""

    def __init__(self, size: int, kappa: int) -> None:
        self.geometry = Geometry(3, size, size, 8)
        self.morph = Morph(kappa=kappa, normalize="imagenet")
        self.tile = self.morph.tile_images(self.geometry)
        self.q = self.morph.core_size(self.geometry)
        flop = 2 * self.geometry.elements * self.q
        self.images = self.tile * max(_LEAST_TILES, int(_FLOP_PER_CALL / flop / self.tile))
        rng = np.random.default_rng(size + kappa)
        self.pixels = rng.integers(0, 256, (self.images, size, size, 3), dtype=np.uint8)
        self.key = self.morph.fit(self.geometry, Secret(bytes(32)))
        self.core = self.key.array("core").astype(np.float32)
        self.out = np.empty((self.images, 3, size, size), np.float32)
        self.ids = np.zeros(self.images, "S26")

    def apply(self) -> None:
        for start in range(0, self.images, self.tile):
            span = slice(start, start + self.tile)
            batch = ImageBatch(self.pixels[span], self.ids[span], self.ids[span], self.ids[span])
            self.morph.apply(batch, self.key, self.geometry, self.out[span])


def _against_matmul(size: int, kappa: int) -> Figure:
    job = _Job(size, kappa)
    rows = np.random.default_rng(0).random((job.images * kappa, job.q), dtype=np.float32)
    product = np.empty_like(rows)
    ratio, plain, ours = speed_ratio(lambda: np.matmul(rows, job.core, out=product), job.apply)
    gflop = 2e-9 * rows.size * job.q
    return Figure(
        "morph",
        f"{size}x{size}x3, kappa {kappa} (q {job.q}) / np.matmul",
        ratio,
        "of limit",
        target=0.90,
        detail=(
            f"{job.images / ours:.0f} images/cpu-s, tile {job.tile}, {gflop / ours:.0f} of "
            f"{gflop / plain:.0f} GFLOP/cpu-s"
        ),
    )


def _against_published(kappa: int, target: float) -> Figure:
    job = _Job(32, kappa)
    dense = np.zeros((3072, 3072), np.float32)
    for block in range(kappa):
        span = slice(block * job.q, (block + 1) * job.q)
        dense[span, span] = job.core
    mean, std = np.split(np.array(_IMAGENET, np.float32).reshape(6, 1, 1), 2)
    some = job.pixels[:256]

    def published() -> list[NDArray[Any]]:
        tensors = (image.transpose(2, 0, 1).astype(np.float32) / 255 for image in some)
        return [((tensor - mean) / std).reshape(-1) @ dense for tensor in tensors]

    ratio, theirs, ours = speed_ratio(published, job.apply, rounds=2 * ROUNDS)
    scale = job.images / len(some)
    return Figure(
        "morph",
        f"32x32x3, kappa {kappa} / dense M, image by image",
        ratio * scale,
        "times",
        target=target,
        detail=f"{job.images / ours:.0f} against {len(some) / theirs:.0f} images/cpu-s",
    )
