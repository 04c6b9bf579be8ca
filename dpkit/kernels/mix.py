"""Label-based pixel block mixing: who gives, which block is replaced by whose, and the copying.

"A Lightweight Privacy-Preserving Scheme Using Label-based Pixel Block Mixing for Image
Classification in Deep Learning", Algorithm 1.

    symbol     here           meaning
    I_l        donors         [n,N_s], rows that give blocks to an image, of its label
    N_t        words          [n,N_t,B], one 64-bit word for each round and block
    S01        threshold      a block is replaced with probability threshold / 2**32
    L_b, W_b   block_length, block_width
    N_b        B              blocks of an image, ⌈h/L_b⌉ ⌈w/W_b⌉, numbered row by row

Donors' blocks come from originals in every round, so the last hit of a block is all that counts:
the rounds are played on the map of sources, and each pixel is copied once. The words are drawn by
the caller; equal words give equal results. Copies are unchecked machine code: every function that
is public here looks at shapes, types and ranges first, and raises ValueError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.kernels.compiled import compiled
from dpkit.kernels.emitted import LINE, call_up, copy_row, settle, store_line

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

CERTAIN: Final = 2**32  # the threshold that every word is below
# Above, `out` leaves the cache before anyone reads it: writing past it gains a quarter and more.
# Below, it would take from the reader what stands in the cache now.
STREAM_BYTES: Final = 2**25  # 32 MiB
_HALF, _LOW = np.uint64(32), np.uint64(2**32 - 1)


def draw_donors(
    words: NDArray[np.uint64],
    pool: NDArray[np.int64],
    group_of: NDArray[np.int64],
    targets: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Draw for each target N_s distinct rows of the pool that are not of the target's group.

    A partial Fisher-Yates shuffle of the k eligible rows takes index ⌊u k / 2**32⌋, u the upper
    half of a word: each row's probability is within 2**-32 of 1/k, and the N_s draws together are
    within N_s k / 2**34 of uniform in total variation.

    Parameters
    ----------
    words
        [n,N_s], uniform.
    pool
        [m], the rows of one label, ascending.
    group_of
        [rows], the group of every row; its length bounds `pool` and `targets`.
    targets
        [n], the rows to be mixed.
    out
        [n,N_s]; a line of -1 where fewer than N_s rows are eligible.
    """
    n, n_donors = _shape("words", words, 2)
    _require("words", words, np.uint64, (n, n_donors))
    _require("pool", pool, np.int64, _shape("pool", pool, 1))
    _require("group_of", group_of, np.int64, _shape("group_of", group_of, 1))
    _require("targets", targets, np.int64, (n,))
    _require("out", out, np.int64, (n, n_donors))
    _require_within("pool", pool, 0, len(group_of))
    _require_within("targets", targets, 0, len(group_of))
    _require_writable(out, words, pool, group_of, targets)
    if len(pool) >= CERTAIN or (pool[1:] <= pool[:-1]).any():
        raise ValueError("pool: rows must be ascending, and fewer than 2**32")
    _draw_donors(words, pool, group_of, targets, out)


def choose_sources(
    words: NDArray[np.uint64],
    donors: NDArray[np.int64],
    threshold: np.uint64 | int,
    out: NDArray[np.int64],
) -> None:
    """Say for each block whose it becomes after N_t rounds: a donor's row, or -1 for its own.

    In a round a block is replaced when the upper half of its word is below `threshold`, by donor
    ⌊v N_s / 2**32⌋, v the lower half: each donor's probability is within 2**-32 of 1/N_s.

    Parameters
    ----------
    words
        [n,N_t,B], uniform.
    donors
        [n,N_s], rows.
    threshold
        0 (never) to 2**32 (always).
    out
        [n,B].
    """
    n, rounds, blocks = _shape("words", words, 3)
    _require("words", words, np.uint64, (n, rounds, blocks))
    _, n_donors = _shape("donors", donors, 2)
    _require("donors", donors, np.int64, (n, n_donors))
    _require("out", out, np.int64, (n, blocks))
    _require_writable(out, words, donors)
    if not 0 <= threshold <= CERTAIN:
        raise ValueError(f"threshold: {threshold} is not within 0 to 2**32")
    if not 1 <= n_donors < CERTAIN:
        raise ValueError(f"donors: {n_donors} of an image, not within 1 to 2**32 - 1")
    _choose_sources(words, donors, np.uint64(threshold), out)


def mix_blocks(  # noqa: PLR0917 (in the order of the kernel, as its callers write it)
    originals: NDArray[Any],
    own: NDArray[np.int64],
    sources: NDArray[np.int64],
    block_length: int,
    block_width: int,
    out: NDArray[Any],
) -> None:
    """Put images together, each block from the same place of the original that `sources` names.

    Images with their channels innermost [m,h,w,c] are mixed as [m,1,h,wc] with blocks c times as
    wide.

    Parameters
    ----------
    originals
        u8 or u16 [m,c,h,w].
    own
        [n], the rows of `originals` that are mixed.
    sources
        [n,B], rows of `originals`, or -1 for the image's own block.
    block_length, block_width
        L_b and W_b in pixels; blocks of the last row and column are smaller where these do not
        divide the image.
    out
        [n,c,h,w] of the same type, apart from `originals` in memory.
    """
    m, channels, height, width = _shape("originals", originals, 4)
    (n,) = _shape("own", own, 1)
    if originals.dtype not in (np.uint8, np.uint16) or 0 in (channels, height, width):
        raise ValueError(f"originals: {originals.dtype} {originals.shape}, not u8 or u16 pixels")
    if block_length < 1 or block_width < 1:
        raise ValueError(f"a block of {block_length}x{block_width} pixels has none")
    blocks = -(-height // block_length) * -(-width // block_width)
    _require("originals", originals, originals.dtype, (m, channels, height, width))
    _require("own", own, np.int64, (n,))
    _require("sources", sources, np.int64, (n, blocks))
    _require("out", out, originals.dtype, (n, channels, height, width))
    _require_within("own", own, 0, m)
    _require_within("sources", sources, -1, m)
    _require_writable(out, originals, own, sources)
    if n == 0:
        return
    row_bytes = width * originals.itemsize
    rows = min(block_length, height)
    # The type carries the number: the compiled copy knows its length, and is kept by it.
    block_row = np.empty(0, f"S{min(block_width, width) * originals.itemsize}")
    scratch = np.empty(rows * row_bytes + LINE if out.nbytes > STREAM_BYTES else 0, np.uint8)
    _mix_blocks(
        originals.reshape(-1).view(np.uint8),
        own,
        sources,
        (channels, height, row_bytes, rows),
        block_row,
        scratch,
        out.reshape(-1).view(np.uint8),
        (out.ctypes.data - scratch.ctypes.data) % LINE,
        out.ctypes.data % LINE,
    )


def _shape(name: str, array: NDArray[Any], dimensions: int) -> tuple[int, ...]:
    if array.ndim != dimensions:
        raise ValueError(f"{name}: {array.ndim} dimensions, not {dimensions}")
    return array.shape


def _require(name: str, array: NDArray[Any], dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
        order = "" if array.flags.c_contiguous else "strided "
        given = f"{order}{array.dtype} {array.shape}"
        raise ValueError(f"{name}: {given}, not C-contiguous {np.dtype(dtype)} {shape}")


def _require_within(name: str, rows: NDArray[np.int64], least: int, end: int) -> None:
    if rows.size and not (least <= rows.min() and rows.max() < end):
        raise ValueError(f"{name}: {rows.min()} to {rows.max()}, not within {least} to {end - 1}")


def _require_writable(out: NDArray[Any], *inputs: NDArray[Any]) -> None:
    if not out.flags.writeable or any(np.may_share_memory(out, array) for array in inputs):
        raise ValueError("out: must be writable, and share no memory with what is read")


@compiled
def _draw_donors(
    words: NDArray[np.uint64],
    pool: NDArray[np.int64],
    group_of: NDArray[np.int64],
    targets: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    eligible = np.empty_like(pool)
    for i in range(len(targets)):
        k = 0
        for row in pool:
            eligible[k] = row
            k += group_of[row] != group_of[targets[i]]
        if k < out.shape[1]:
            out[i] = -1
            continue
        for j in range(out.shape[1]):
            pick = j + np.int64((words[i, j] >> _HALF) * np.uint64(k - j) >> _HALF)
            out[i, j] = eligible[pick]
            eligible[pick] = eligible[j]


@compiled
def _choose_sources(
    words: NDArray[np.uint64],
    donors: NDArray[np.int64],
    threshold: np.uint64,
    out: NDArray[np.int64],
) -> None:
    n_donors = np.uint64(donors.shape[1])
    out[:] = -1
    for i in range(len(words)):
        for t in range(words.shape[1]):
            for b in range(words.shape[2]):
                word = words[i, t, b]
                donor = donors[i, (word & _LOW) * n_donors >> _HALF]
                # No branch: it would be guessed wrong every other time.
                out[i, b] = donor if word >> _HALF < threshold else out[i, b]


@compiled
def _mix_blocks(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    pixels: NDArray[np.uint8],
    own: NDArray[np.int64],
    sources: NDArray[np.int64],
    geometry: tuple[int, int, int, int],
    block_row: NDArray[Any],
    scratch: NDArray[np.uint8],
    out: NDArray[np.uint8],
    lead: int,
    skew: int,
) -> None:
    """Mix all images strip by strip, a strip being one row of blocks in one plane.

    Strips outside, images inside: what several images take from one original is met again while
    it is in the cache. Offsets are in bytes; `skew` is where `out` starts within a cache line.
    """
    planes, height, row_bytes, block_length = geometry
    image = planes * height * row_bytes
    across = -(-row_bytes // block_row.itemsize)
    starts = np.empty((2, across), np.int64)  # of this image and the next, in turn
    for strip in range(planes * -(-height // block_length)):
        plane, down = divmod(strip, -(-height // block_length))
        at = (plane * height + down * block_length) * row_bytes
        rows = min(block_length, height - down * block_length)
        _find_starts(sources, own, 0, down, image, at, block_row.itemsize, starts)
        for i in range(len(own)):
            if i + 1 < len(own):
                _find_starts(sources, own, i + 1, down, image, at, block_row.itemsize, starts)
            to = i * image + at
            if len(scratch) == 0:
                _copy_strip(pixels, starts, i & 1, rows, row_bytes, block_row, out, to)
                continue
            call_up(out, to + image)  # lines that two strips share are written through the cache
            call_up(out, to + image + rows * row_bytes)
            come = (lead + to) & (LINE - 1)  # what is a whole line there is one here
            _copy_strip(pixels, starts, i & 1, rows, row_bytes, block_row, scratch, come)
            _stream(scratch, come, rows * row_bytes, out, to, skew)
    settle()


@compiled
def _find_starts(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    sources: NDArray[np.int64],
    own: NDArray[np.int64],
    i: int,
    down: int,
    image: int,
    at: int,
    block_bytes: int,
    starts: NDArray[np.int64],
) -> None:
    """Write where the blocks of one strip start in the originals."""
    for b in range(starts.shape[1]):
        source = sources[i, down * starts.shape[1] + b]
        starts[i & 1, b] = (source if source >= 0 else own[i]) * image + at + b * block_bytes


@compiled
def _copy_strip(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    pixels: NDArray[np.uint8],
    starts: NDArray[np.int64],
    now: int,
    rows: int,
    row_bytes: int,
    block_row: NDArray[Any],
    out: NDArray[np.uint8],
    to: int,
) -> None:
    """Copy one strip row by row, and call up what the next image will take."""
    whole = row_bytes // block_row.itemsize
    ragged = row_bytes - whole * block_row.itemsize
    for y in range(rows):
        down, go = y * row_bytes, to + y * row_bytes
        for b in range(whole):
            call_up(pixels, starts[1 - now, b] + down)
            copy_row(pixels, starts[now, b] + down, out, go, block_row)
            go += block_row.itemsize
    if ragged == 0:
        return
    for y in range(rows):
        down, go = y * row_bytes, to + (y + 1) * row_bytes - ragged
        for x in range(ragged):
            out[go + x] = pixels[starts[now, whole] + down + x]


@compiled
def _stream(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    scratch: NDArray[np.uint8], come: int, size: int, out: NDArray[np.uint8], to: int, skew: int
) -> None:
    """Write a strip past the cache, the parts of cache lines at its ends through it."""
    head = min(-(skew + to) & (LINE - 1), size)
    tail = size - (size - head) % LINE
    for x in range(head):
        out[to + x] = scratch[come + x]
    for x in range(head, tail, LINE):
        store_line(scratch, come + x, out, to + x)
    for x in range(tail, size):
        out[to + x] = scratch[come + x]
