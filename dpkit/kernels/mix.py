"""Label-based pixel block mixing: the copying of blocks, once it is known whose stands where.

    symbol     here           meaning
    L_b, W_b   block_length, block_width
    N_b        B              blocks of an image, ⌈h/L_b⌉ ⌈w/W_b⌉, numbered row by row

Each pixel is copied once, whatever the number of rounds. Copies are unchecked machine code:
`mix_blocks` looks at shapes, types and ranges first, and raises ValueError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.kernels.arrays import require, require_within, require_writable, shape_of
from dpkit.kernels.compiled import compiled
from dpkit.kernels.emitted import LINE, call_up, copy_bytes, copy_row, settle, store_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Above, `out` leaves the cache before anyone reads it: writing past it gains a quarter and more.
# Below, it would take from the reader what stands in the cache now.
STREAM_BYTES: Final = 2**25  # 32 MiB
# Strips of all images together: of more, a thousand images push one another out of the cache
# between one that takes from a line and the next. Shorter strips are more to look up than to copy.
STRIPS_BYTES: Final = 3 * 2**19  # 1.5 MiB
LEAST_STRIP_BYTES: Final = 1536
_MOVE: Final = 16  # bytes: a row of a block is copied by whole moves, the last one too long


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
    m, channels, height, width = shape_of("originals", originals, 4)
    (n,) = shape_of("own", own, 1)
    if originals.dtype not in (np.uint8, np.uint16) or 0 in (channels, height, width):
        raise ValueError(f"originals: {originals.dtype} {originals.shape}, not u8 or u16 pixels")
    if block_length < 1 or block_width < 1:
        raise ValueError(f"a block of {block_length}x{block_width} pixels has none")
    down, across = -(-height // block_length), -(-width // block_width)
    require("originals", originals, originals.dtype, (m, channels, height, width))
    require("own", own, np.int64, (n,))
    require("sources", sources, np.int64, (n, down * across))
    require("out", out, originals.dtype, (n, channels, height, width))
    require_within("own", own, 0, m)
    require_within("sources", sources, -1, m)
    require_writable(out, originals, own, sources)
    if n == 0:
        return
    lengths = width * originals.itemsize, min(block_width, width) * originals.itemsize
    strip_rows = _strip_rows(min(block_length, height), lengths[0], n)
    begins = np.zeros((down * n + 1, across), np.int64)  # a line more: one looks a line ahead
    _find_begins(sources, own, channels * height * lengths[0], lengths[1], begins)
    # The type carries the number: the compiled copy knows its length, and is kept by it.
    move = np.empty(0, f"S{-(-lengths[1] // _MOVE) * _MOVE}")
    room = LINE + strip_rows * lengths[0] + move.itemsize if out.nbytes > STREAM_BYTES else 0
    scratch = np.empty(room, np.uint8)
    _mix_blocks(
        originals.reshape(-1).view(np.uint8),
        begins,
        (n, channels, height, min(block_length, height), strip_rows),
        lengths,
        move,
        scratch,
        out.reshape(-1).view(np.uint8),
        (out.ctypes.data - scratch.ctypes.data) % LINE,
        out.ctypes.data % LINE,
    )


def _strip_rows(block_length: int, row_bytes: int, n: int) -> int:
    """Return how many rows of a block make a strip of n images: equal parts of the block."""
    parts = -(-block_length * row_bytes // max(STRIPS_BYTES // n, LEAST_STRIP_BYTES))
    return -(-block_length // parts)


@compiled
def _find_begins(
    sources: NDArray[np.int64],
    own: NDArray[np.int64],
    image: int,
    block_bytes: int,
    begins: NDArray[np.int64],
) -> None:
    """Write where in the originals each block is taken from, in bytes, at the top of image and row.

    One line of blocks of all images stands before the next: they are copied in this order.
    """
    n, across = len(own), begins.shape[1]
    for i in range(n):
        for k in range(sources.shape[1]):
            row = sources[i, k] if sources[i, k] >= 0 else own[i]
            down, b = divmod(k, across)
            begins[down * n + i, b] = row * image + b * block_bytes


@compiled
def _mix_blocks(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    pixels: NDArray[np.uint8],
    begins: NDArray[np.int64],
    geometry: tuple[int, int, int, int, int],
    lengths: tuple[int, int],
    move: NDArray[Any],
    scratch: NDArray[np.uint8],
    out: NDArray[np.uint8],
    lead: int,
    skew: int,
) -> None:
    """Mix all images strip by strip, a strip being some rows of one line of blocks in one plane.

    Strips outside, images inside: what several images take from one original is met again while
    it is in the cache. Offsets are in bytes; `skew` is where `out` starts within a cache line.
    """
    n, channels, height, block_length, strip_rows = geometry
    row_bytes, block_bytes = lengths
    image = channels * height * row_bytes
    reach = (begins.shape[1] - 1) * block_bytes + move.itemsize  # of the moves of one row
    by_scratch = len(scratch) > 0
    target = scratch if by_scratch else out
    row = 0
    while row < channels * height:
        at, y = row * row_bytes, row % height
        down = y // block_length
        rows = min(strip_rows, (down + 1) * block_length - y, height - y)
        free = min(rows, max(0, (image - at - reach) // row_bytes + 1))
        for i in range(n):
            to = i * image + at
            come = (lead + to) & (LINE - 1) if by_scratch else to  # a whole line is one here too
            line = down * n + i
            _copy_strip(pixels, begins, line, at, free, lengths, move, target, come)
            if free < rows:
                _copy_end(pixels, begins, line, at, (free, rows), lengths, target, come)
            if by_scratch:
                call_up(out, to + image)  # lines that strips share are written through the cache
                call_up(out, to + image + rows * row_bytes)
                _stream(scratch, come, rows * row_bytes, out, to, skew)
        row += rows
    settle()


@compiled
def _copy_strip(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    pixels: NDArray[np.uint8],
    begins: NDArray[np.int64],
    line: int,
    at: int,
    rows: int,
    lengths: tuple[int, int],
    move: NDArray[Any],
    out: NDArray[np.uint8],
    to: int,
) -> None:
    """Copy rows of one image by whole moves, and call up what the next image will take.

    A move may be longer than its block: what it leaves behind, the next block, row or strip
    overwrites.
    """
    row_bytes, block_bytes = lengths
    for y in range(rows):
        come, go = at + y * row_bytes, to + y * row_bytes
        for b in range(begins.shape[1]):
            call_up(pixels, begins[line + 1, b] + come)
            copy_row(pixels, begins[line, b] + come, out, go, move)
            go += block_bytes


@compiled
def _copy_end(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    pixels: NDArray[np.uint8],
    begins: NDArray[np.int64],
    line: int,
    at: int,
    rows: tuple[int, int],
    lengths: tuple[int, int],
    out: NDArray[np.uint8],
    to: int,
) -> None:
    """Copy the last rows of one image byte by byte: a whole move would leave the image there."""
    row_bytes, block_bytes = lengths
    for y in range(rows[0], rows[1]):
        for x in range(row_bytes):
            b = x // block_bytes
            come = begins[line, b] - b * block_bytes + at + y * row_bytes + x
            out[to + y * row_bytes + x] = pixels[come]


@compiled
def _stream(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    scratch: NDArray[np.uint8], come: int, size: int, out: NDArray[np.uint8], to: int, skew: int
) -> None:
    """Write a strip past the cache, the parts of cache lines at its ends through it."""
    head = min(-(skew + to) & (LINE - 1), size)
    tail = size - (size - head) % LINE
    copy_bytes(scratch, come, out, to, head)
    for x in range(head, tail, LINE):
        store_line(scratch, come + x, out, to + x)
    copy_bytes(scratch, come + tail, out, to + tail, size - tail)
