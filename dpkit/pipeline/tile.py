"""One tile: decode its rows, sanitize them, measure them. Runs on a worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UnreadableImageError
from dpkit.leakage.metrics import score
from dpkit.release.selfcheck import row_tag
from dpkit.rng import derive
from dpkit.types import ImageBatch, PlannedRows, SanitizedBatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.pipeline.prepare import Run
    from dpkit.types import Secret

UNRESERVED: Final = "its pixels are not those that were reserved in the privacy budget"


@dataclass(frozen=True, slots=True)
class Tile:
    """A sanitized tile with what is measured while original and result are both in cache.

    `good` bool [n] marks the rows that could be read; `scores` float [n] by metric; `tags`
    u8 [n,16], the keyed hash of each original in the release's layout; `sums` float64 [2,c],
    the sums of values and of their squares by channel, over good rows.
    """

    batch: SanitizedBatch
    good: NDArray[np.bool_]
    bad: tuple[tuple[str, str], ...]
    scores: Mapping[str, NDArray[Any]]
    tags: NDArray[np.uint8]
    sums: NDArray[np.float64]


def tag_secret(run: Run) -> Secret:
    """Return the secret under which rows are tagged for the self-check of this release."""
    return derive(run.key.seed, "self-check", run.plan.release_id.encode())


def decode_tile(run: Run, rows: PlannedRows, secret: Secret, out: NDArray[Any]) -> Tile:
    """Decode, sanitize and measure `rows` into `out` [n,c,h,w]."""
    pixels, bad = decode_rows(run, rows)
    reasons = {i: (rows.paths[i], reason) for i, reason in bad.items()}
    batch = ImageBatch(pixels, rows.targets, rows.ids, rows.groups)
    return make_tile(run, batch, secret, out, reasons)


def make_tile(
    run: Run,
    batch: ImageBatch,
    secret: Secret,
    out: NDArray[Any],
    bad: Mapping[int, tuple[str, str]],
) -> Tile:
    """Sanitize and measure a batch into `out` [n,c,h,w]; `bad` rows are black and do not count."""
    clean = run.sanitizer.apply(batch, run.key, run.geometry, out)
    good = np.ones(len(batch), dtype=bool)
    good[list(bad)] = False
    return Tile(
        clean,
        good,
        tuple(bad.values()),
        score(_together(batch.pixels), clean.values, run.geometry.peak),
        row_tags(run, batch.pixels, secret),
        channel_sums(clean.values[good] if bad else clean.values),
    )


def decode_rows(run: Run, rows: PlannedRows) -> tuple[NDArray[Any], dict[int, str]]:
    """Decode rows to pixels [n,h,w,c]; a row that fails stays black, and has its reason."""
    geometry = run.geometry
    shape = (len(rows), geometry.height, geometry.width, geometry.channels)
    pixels = np.zeros(shape, geometry.pixel_dtype)
    bad: dict[int, str] = {}
    for i, path in enumerate(rows.paths):
        try:
            pixels[i] = _decode(run, path, rows.sha256[i].tobytes())
        except UnreadableImageError as error:
            bad[i] = str(error)
    return pixels, bad


def _decode(run: Run, path: str, sha256: bytes) -> NDArray[Any]:
    """Return one image of the release, if it is one that was reserved where that is asked."""
    pixels = run.source.decode(path, sha256)
    if run.reserved is not None and not run.reserved.holds(run.source.native(path, sha256)):
        raise UnreadableImageError(UNRESERVED)
    return pixels


def row_tags(run: Run, pixels: NDArray[Any], secret: Secret) -> NDArray[np.uint8]:
    """Return the tags u8 [n,16] of originals in the release's own layout, scale and type."""
    plain = run.sanitizer.plain(pixels, run.geometry)
    return np.stack([np.frombuffer(row_tag(secret, row), dtype=np.uint8) for row in plain])


def _together(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels [n,h,w,c] with their channels innermost in memory, as scores are taken."""
    if pixels.flags.c_contiguous:
        return pixels
    together = np.empty(pixels.shape, pixels.dtype)
    for channel in range(pixels.shape[3]):  # numpy alone copies in the other order, 5 times slower
        together[..., channel] = pixels[..., channel]
    return together


def channel_sums(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sums of values [n,c,h,w] and of their squares by channel, float64 [2,c]."""
    n, channels, height, width = values.shape
    planes = values.reshape(n, channels, height * width).astype(np.float32, copy=False)
    by_image = np.stack([planes.sum(axis=2), np.einsum("ncx,ncx->nc", planes, planes)])
    sums: NDArray[np.float64] = by_image.sum(axis=1, dtype=np.float64)
    return sums
