"""What a developer sees of a release: facts in a dictionary, rows in a picture.

Integers are grey levels and shown as they are. A row of floats is shown by its own min-max view,
its smallest value black, its largest white: that is how a viewer would show it, and says nothing
about what can be computed from it. A feature map is shown as the mean of its channels, each by its
own view.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.release.read import Release
    from dpkit.types import Json

MARGIN: Final = 2  # pixels between pictures
LEAST_SIDE: Final = 64  # pixels; smaller pictures are shown enlarged by a whole factor
MOST_ROWS: Final = 400
_PICTURE_CHANNELS: Final = (1, 3)


def summary(release: Release) -> dict[str, Json]:
    """Return what can be said of a release without opening a shard."""
    manifest = release.manifest
    size = sum(shard.bytes for shard in manifest.shards)
    return {
        "release": manifest.release_id,
        "created": manifest.created,
        "signer": manifest.signer.fingerprint,
        "statement": manifest.statement,
        "sanitizer": manifest.sanitizer.name,
        "parameters": dict(manifest.sanitizer.parameters),
        "values": f"{manifest.dtype} {list(manifest.image_shape)}",
        "task": manifest.task,
        "classes": [entry.name for entry in manifest.classes],
        "images": {part.part: part.images for part in manifest.parts},
        "groups": {part.part: part.groups for part in manifest.parts},
        "shards": len(manifest.shards),
        "bytes": size,
    }


def grid(release: Release, n: int = 16, seed: int | None = None) -> bytes:
    """Draw `n` random rows (all, where there are fewer) as one PNG, near a square.

    `seed` fixes which rows; without it they differ from call to call.

    Raises
    ------
    IntegrityError
        A shard is not what the manifest says.
    """
    pictures = [_view(row) for row in _random_rows(release, min(n, MOST_ROWS), seed)]
    height, width = pictures[0].shape[:2]
    across = int(np.ceil(np.sqrt(len(pictures))))
    down = -(-len(pictures) // across)
    canvas = Image.new("RGB", (across * (width + MARGIN), down * (height + MARGIN)), "white")
    for place, picture in enumerate(pictures):
        corner = place % across * (width + MARGIN), place // across * (height + MARGIN)
        canvas.paste(Image.fromarray(picture), corner)
    out = io.BytesIO()
    canvas.save(out, "PNG")
    return out.getvalue()


def _random_rows(release: Release, n: int, seed: int | None) -> list[NDArray[Any]]:
    shards = release.manifest.shards
    bounds = np.cumsum([0, *(shard.rows for shard in shards)])
    drawn = np.random.default_rng(seed).choice(bounds[-1], min(n, int(bounds[-1])), replace=False)
    rows = []
    for number in np.sort(drawn):
        shard = int(np.searchsorted(bounds, number, side="right")) - 1
        rows.append(np.array(release.columns(shards[shard]).values()[number - bounds[shard]]))
    return rows


def _view(row: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a row [c,h,w] as a picture u8 [h',w',3]."""
    whole = np.issubdtype(row.dtype, np.integer)
    values = row.astype(np.float64) if len(row) in _PICTURE_CHANNELS else _mean_of_channels(row)
    low, high = (0, np.iinfo(row.dtype).max) if whole else (values.min(), values.max())
    grey = np.round((values - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    picture = np.broadcast_to(grey.transpose(1, 2, 0), (*grey.shape[1:], 3))
    factor = -(-LEAST_SIDE // min(grey.shape[1:])) if min(grey.shape[1:]) < LEAST_SIDE else 1
    return np.ascontiguousarray(picture.repeat(factor, axis=0).repeat(factor, axis=1))


def _mean_of_channels(row: NDArray[Any]) -> NDArray[np.float64]:
    """Return a feature map [c,h,w] as one channel [1,h,w]."""
    low = row.min(axis=(1, 2), keepdims=True).astype(np.float64)
    span = row.max(axis=(1, 2), keepdims=True).astype(np.float64) - low
    share = np.divide(row - low, span, out=np.zeros(row.shape), where=span > 0)
    return np.asarray(share.mean(axis=0, keepdims=True))
