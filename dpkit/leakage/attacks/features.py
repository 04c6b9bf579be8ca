"""Looking at the features: every channel of F = T C^ac is a filtered picture.

    symbol   here       meaning                                             MoLe
    T        values     released images                                     Eq. 2
    C^ac     augconv    the layer that the developer was handed             Eq. 5
    F        features   what it computes, equal to the features of D        Eq. 5

Shen et al. (MoLe), arXiv 1909.07632. F is what Aug-Conv is for, so no attack is needed to get it;
the order of the channels does not matter to an eye. No original and no kernel is used here.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from dpkit.leakage.attacks.attack import (
    Attack,
    Effort,
    Stopwatch,
    augconv_of,
    finite,
    without_layer,
)
from dpkit.leakage.attacks.columns import row_chunks
from dpkit.types import block_places
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types import AugConv
    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]

PART_BYTES: Final = 2**27  # 128 MiB of float64
CANDIDATE_BYTES: Final = 2**28  # 256 MiB of float32


def features(view: AdversaryView) -> Floats:
    """Return F of the wanted rows, float64 [n,β,n_h,n_w]: without bias, channels as in C^ac.

    Products are those of float32, summed in float64 over at most 64 MiB of C^ac at a time.
    """
    return np.concatenate(list(feature_parts(view)))


def feature_parts(view: AdversaryView) -> Iterator[Floats]:
    """Yield the same for some rows at a time, 128 MiB at most (or one row), in their order."""
    values = view.targets
    count = max(1, PART_BYTES // (8 * int(np.prod(augconv_of(view).output_shape))))
    for start in range(0, len(values), count):
        yield _features(augconv_of(view), values[start : start + count])


def _features(layer: AugConv, values: NDArray[Any]) -> Floats:
    found = np.zeros((len(values), *layer.output_shape))
    rows = values.reshape(len(values), -1).astype(np.float32)
    for block, places in enumerate(block_places(layer.blocks, layer.kappa, layer.input_shape)):
        matrix, (top, left) = layer.matrices[layer.matrix_of[block]], layer.windows[block]
        high, wide = matrix.shape[2:]
        window = found[:, :, top : top + high, left : left + wide]
        for part in row_chunks(matrix):
            piece = matrix[part].reshape(part_length(matrix, part), -1).astype(np.float32)
            with np.errstate(invalid="ignore", over="ignore"):  # `finite` finds it
                window += (rows[:, places[part]] @ piece).reshape(window.shape)
    return finite("features", found)


def part_length(matrix: NDArray[Any], part: slice) -> int:
    """Return how many rows of a matrix a slice takes."""
    return len(range(*part.indices(len(matrix))))


def channel_views(maps: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return each channel [n,β,n_h,n_w] as a grey view of the image's size, float32 [n,β,h,w]."""
    if maps.shape[2:] == size:
        return maps.astype(np.float32)
    flat = maps.reshape(-1, *maps.shape[2:]).astype(np.float32)
    bilinear = Image.Resampling.BILINEAR
    views = [np.asarray(Image.fromarray(m).resize(size[::-1], bilinear)) for m in flat]
    return np.stack(views).reshape(*maps.shape[:2], *size)


def principal_view(maps: Floats) -> Floats:
    """Return the first principal component over the channels of all images, [n,1,n_h,n_w].

    It is the one view that is chosen without a look; its sign is arbitrary.
    """
    return seen_along(maps, principal_directions(maps)[:, :1])


def principal_directions(maps: Floats) -> Floats:
    """Return orthonormal directions over the channels, the most varied first, [β,β]."""
    rows = np.moveaxis(maps, 1, -1).reshape(-1, maps.shape[1])
    _, vectors = np.linalg.eigh(np.cov(rows, rowvar=False).reshape(maps.shape[1], -1))
    return np.asarray(vectors[:, ::-1], dtype=np.float64)


def seen_along(maps: Floats, directions: Floats) -> Floats:
    """Return the channels [n,β,·,·] along some directions [β,k], [n,k,·,·]."""
    seen = np.tensordot(maps, directions, axes=([1], [0]))
    return np.asarray(np.moveaxis(seen, -1, 1), dtype=np.float64)


def smoothest(maps: Floats, count: int) -> NDArray[np.int64]:
    """Return the `count` channels that are the least rough, int64, in their order.

    Roughness is the energy of steps between neighbours beside that of the whole: photographs have
    little, and a channel without any variance is the last to be chosen.
    """
    energy = maps.var(axis=(0, 2, 3))
    steps = sum((np.diff(maps, axis=axis) ** 2).mean(axis=(0, 2, 3)) for axis in (2, 3))
    rough = np.divide(steps, energy, out=np.full(len(energy), np.inf), where=energy > 0)
    return np.sort(np.argsort(rough, kind="stable")[:count])


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Show the principal view of each image, 0 to peak; channels are candidates.

    All of them where 256 MiB hold them, else the least rough. Both are chosen on the first part
    of the images.
    """
    watch = Stopwatch()
    size = (view.geometry.height, view.geometry.width)
    count = max(1, CANDIDATE_BYTES // (4 * len(view.targets) * size[0] * size[1]))
    parts = feature_parts(view)
    first = next(parts)
    direction, shown = principal_directions(first)[:, :1], smoothest(first, count)
    images, candidates = [], []
    for maps in chain([first], parts):
        effort.check()
        images.append(channel_views(seen_along(maps, direction), size))
        candidates.append(channel_views(maps[:, shown], size))
    return Reconstruction(
        "features",
        np.moveaxis(_stretched(np.concatenate(images), view.geometry.peak), 1, -1),
        {"channels": float(first.shape[1]), "shown": float(len(shown))},
        watch.seconds,
        _sentence(first.shape[1], len(shown)),
        candidates=np.concatenate(candidates),
    )


def _stretched(views: NDArray[np.float32], peak: int) -> Floats:
    """Return views [n,1,h,w], each from 0 to peak."""
    low = views.min(axis=(2, 3), keepdims=True)
    span = views.max(axis=(2, 3), keepdims=True) - low
    share = (views - low) / np.where(span > 0, span, 1)
    return np.asarray(peak * share.astype(np.float64))


def _sentence(channels: int, shown: int) -> str:
    said = f"{channels} filtered views of every image are there to look at."
    return said if shown == channels else f"{said} Only the {shown} least rough were scored."


ATTACK: Final = Attack(
    name="features",
    title="Contact sheet of the layer's channels",
    rung="A5",
    needs="C^ac",
    sanitizers=("morph",),
    run=run,
    unfit=without_layer,
)
