"""Mixing in one process, and finding the owner of a mixed image by a vote of its blocks.

Each block votes for the originals that have it at its place; the owner is found where one
original alone gets most votes, and is the image's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpkit.types import Company, Geometry, ImageBatch, Secret

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.sanitizers.mix import Mix

SEED = bytes(range(32))


def mixed(
    originals: NDArray[np.uint8], labels: NDArray[np.int64], mix: Mix, seed: bytes = SEED
) -> NDArray[np.uint8]:
    """Return originals u8 [n,h,w,c] mixed as one shard, u8 [n,c,h,w]."""
    count, height, width, channels = originals.shape
    geometry, rows = Geometry(channels, height, width, 8), np.arange(count)
    planes = np.ascontiguousarray(np.moveaxis(originals, -1, 1))
    names = np.zeros(count, "S26")
    batch = ImageBatch(
        originals, labels, names, names, Company(planes, labels, rows, rows, "train"), rows
    )
    return mix.apply(batch, mix.fit(geometry, Secret(seed)), geometry).values


def owners_found(originals: NDArray[np.uint8], sanitized: NDArray[np.uint8], mix: Mix) -> float:
    """Return the share of mixed images [n,c,h,w] whose owner alone gets the most votes."""
    count, height, width, _ = originals.shape
    both = np.concatenate([originals, np.moveaxis(sanitized, 1, -1)])
    corners = [(y, x) for y in range(0, height, mix.Lb) for x in range(0, width, mix.Wb)]
    kinds = np.stack([_kinds(both[:, y : y + mix.Lb, x : x + mix.Wb]) for y, x in corners], axis=1)
    hits = 0
    for row in range(count):
        votes = np.count_nonzero(kinds[:count] == kinds[count + row], axis=1)
        hits += votes[row] > np.delete(votes, row).max()
    return float(hits / count)


def _kinds(blocks: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Number the blocks [n,l,w,c] so that equal ones, and no others, have the same number."""
    flat = np.ascontiguousarray(blocks).reshape(len(blocks), -1)
    whole = flat.view(np.dtype((np.void, flat.shape[1])))[:, 0]
    return np.unique(whole, return_inverse=True)[1].astype(np.int32)
