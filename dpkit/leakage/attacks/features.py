"""Looking at the features: every channel of F = T C^ac is a filtered picture.

    symbol   here       meaning                                             MoLe
    T        values     released images                                     Eq. 2
    C^ac     augconv    the layer that the developer was handed             Eq. 5
    F        features   what it computes, equal to the features of D        Eq. 5

Shen et al. (MoLe), arXiv 1909.07632. F is what Aug-Conv is for, so no attack is needed to get it;
the order of the channels does not matter to an eye. No original and no kernel is used here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch, augconv_of, finite
from dpkit.leakage.attacks.columns import row_chunks
from dpkit.types import block_places
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]


def features(view: AdversaryView) -> Floats:
    """Return F of the wanted rows, float64 [n,β,n_h,n_w]: without bias, channels as in C^ac.

    Products are those of float32, summed in float64 over at most 64 MiB of C^ac at a time.
    """
    layer = augconv_of(view)
    found = np.zeros((len(view.targets), *layer.output_shape))
    rows = view.targets.reshape(len(view.targets), -1).astype(np.float32)
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
    rows = np.moveaxis(maps, 1, -1).reshape(-1, maps.shape[1])
    _, vectors = np.linalg.eigh(np.cov(rows, rowvar=False).reshape(maps.shape[1], -1))
    return np.tensordot(maps, vectors[:, -1], axes=([1], [0]))[:, None]


def contact_sheet(maps: Floats) -> NDArray[np.uint8]:
    """Return all channels [β,n_h,n_w] of one image side by side, each on its own scale, u8 [·,·].

    Whoever looks at it needs no statistic to find the best channel.
    """
    count, high, wide = maps.shape
    across = int(np.ceil(np.sqrt(count)))
    low = maps.min(axis=(1, 2), keepdims=True)
    span = maps.max(axis=(1, 2), keepdims=True) - low
    grey = np.divide(maps - low, span, out=np.zeros_like(maps), where=span > 0)
    tiles = np.zeros((-(-count // across) * across, high, wide), np.uint8)
    tiles[:count] = np.rint(255 * grey)
    return tiles.reshape(-1, across, high, wide).swapaxes(1, 2).reshape(-1, across * wide)


def run(view: AdversaryView, _effort: Effort) -> Reconstruction:
    """Show the principal view of each image, 0 to peak; every channel is a candidate."""
    watch = Stopwatch()
    maps = features(view)
    size = (view.geometry.height, view.geometry.width)
    shown = channel_views(principal_view(maps), size).astype(np.float64)
    low = shown.min(axis=(2, 3), keepdims=True)
    span = shown.max(axis=(2, 3), keepdims=True) - low
    grey = view.geometry.peak * np.divide(shown - low, span, out=0 * shown, where=span > 0)
    sentence = f"{maps.shape[1]} filtered views of every image are there to look at."
    return Reconstruction(
        "features",
        np.moveaxis(grey, 1, -1),
        {"channels": float(maps.shape[1])},
        watch.seconds,
        sentence,
        candidates=channel_views(maps, size),
    )


ATTACK: Final = Attack(
    name="features",
    title="Contact sheet of the layer's channels",
    rung="A5",
    needs="C^ac",
    sanitizers=("morph",),
    run=run,
)
