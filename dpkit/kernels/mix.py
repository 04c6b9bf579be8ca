"""Blocks of images replaced by blocks of others: who gives, which block, and the copy itself.

    symbol   here           meaning
    N_s      donors         others from which an image's blocks may come, int64 [n,N_s]
    N_t      rounds         words u64 [n,N_t,N_b]: 64 drawn bits a round and block
    N_b      sources        whose block stands where, int64 [n,N_b], -1 the image's own
    p        threshold      a block is replaced where the high half of its word is below p · 2^32

Every function takes drawn arrays and writes into `out`. A donor is drawn from k by the high half of
a word times k, divided by 2^32: no choice is off by more than k / 2^32 of its share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@compiled
def draw_donors(
    words: NDArray[np.uint64],
    pool: NDArray[np.int64],
    group_of: NDArray[np.int64],
    targets: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Draw N_s distinct rows of `pool` that are of another group than the target, into `out`.

    By a partial shuffle of those that may be drawn; a target that finds fewer gets -1.

    Parameters
    ----------
    words
        u64 [n,N_s].
    pool
        int64, the rows of one label.
    group_of
        int64, the group of every row of the shard.
    targets
        int64 [n].
    """
    eligible = np.empty(len(pool), np.int64)
    for i in range(len(targets)):
        k = 0
        for row in pool:
            if group_of[row] != group_of[targets[i]]:
                eligible[k] = row
                k += 1
        for j in range(out.shape[1]):
            if k < out.shape[1]:
                out[i, j] = -1
                continue
            high = np.int64(words[i, j] >> np.uint64(32))
            at = j + ((high * np.int64(k - j)) >> 32)
            out[i, j] = eligible[at]
            eligible[at] = eligible[j]


@compiled
def choose_sources(
    words: NDArray[np.uint64],
    donors: NDArray[np.int64],
    threshold: np.uint64,
    out: NDArray[np.int64],
) -> None:
    """Play all rounds on the map of blocks; donors are originals, so the last hit stands."""
    count = np.int64(donors.shape[1])
    for i in range(len(words)):
        for b in range(words.shape[2]):
            out[i, b] = -1
        for t in range(words.shape[1]):
            for b in range(words.shape[2]):
                word = words[i, t, b]
                if (word >> np.uint64(32)) < threshold:
                    low = np.int64(word & np.uint64(0xFFFFFFFF))
                    out[i, b] = donors[i, (low * count) >> 32]


def mix_blocks(
    originals: NDArray[Any],
    own: NDArray[np.int64],
    sources: NDArray[np.int64],
    block: tuple[int, int],
    out: NDArray[Any],
) -> None:
    """Copy every block of `out` [n,c,h,w] from its source among `originals` [m,c,h,w].

    Parameters
    ----------
    own
        int64 [n], where each image itself is among the originals.
    sources
        int64 [n,N_b] in raster order of the blocks, -1 for the image's own.
    block
        Height and width; the last row and column of blocks are smaller where they do not divide.

    Raises
    ------
    ValueError
        Shapes or types disagree, or a source is not among the originals.
    """
    (length, width), (h, w) = block, originals.shape[2:]
    blocks = -(-h // length) * -(-w // width)
    agree = (
        out.shape == (len(own), *originals.shape[1:])
        and out.dtype == originals.dtype
        and sources.shape == (len(own), blocks)
    )
    if not agree:
        raise ValueError(f"{out.shape} {sources.shape} do not fit {originals.shape} by {block}")
    for places, least in ((own, 0), (sources, -1)):
        if places.size and not least <= places.min() <= places.max() < len(originals):
            raise ValueError(f"a source is not among the {len(originals)} originals")
    _copy(originals, own, sources, block, out)


@compiled
def _copy(
    originals: NDArray[Any],
    own: NDArray[np.int64],
    sources: NDArray[np.int64],
    block: tuple[int, int],
    out: NDArray[Any],
) -> None:
    _, channels, h, w = originals.shape
    length, width = block
    across = -(-w // width)
    for i in range(len(own)):
        for c in range(channels):
            for y in range(h):
                for x in range(across):
                    source = sources[i, y // length * across + x]
                    source = own[i] if source < 0 else source
                    for z in range(x * width, min(w, (x + 1) * width)):
                        out[i, c, y, z] = originals[source, c, y, z]
