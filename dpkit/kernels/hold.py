"""Sample-and-hold: every sample of a window becomes the one that is nearest to their mean.

    symbol   here      meaning
    n        window    samples of a window
    k        count     samples of a window that are not zero
    S        total     their sum: exact for whole numbers, else in float64, in the stream's order
    S/k      level     their mean: its whole part for whole numbers, else in float64

An image is one stream of samples, in the order of its memory; its last window may be short. Of the
samples of a window that are not zero, the largest that is not above the mean and the least that is
come into question. The nearer of the two, by |k x - S|, fills the window, and of two equally near
ones the lower: exactly so for whole numbers, in float64 for others. Windows of zeros stay
zero; of floats it is +0.0, whatever the sign of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.kernels.arrays import require, require_writable
from dpkit.kernels.compiled import compiled
from dpkit.kernels.emitted import LINE, call_up
from dpkit.kernels.lanes import (
    PIECE_BYTES,
    ROW_BYTES,
    choose_samples,
    fill_piece,
    fill_pieces,
    turn_square,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Above, windows are looked at one by one, which is slow: rows of all lanes would leave the cache.
LARGEST_SIDE_BY_SIDE: Final = {"u": 65535, "f": 8192}
SMALL: Final = 255  # samples whose count fits in a byte
LONG: Final = 64  # samples of a window from which it is written by itself, from start to end


def hold(samples: NDArray[Any], window: int, out: NDArray[Any]) -> None:
    """Hold one sample in each window of each image.

    Parameters
    ----------
    samples
        u8, u16, f16 or f32 [n,...], C-contiguous; floats finite, which nobody checks.
    window
        n, 1 or more; above the samples of an image it is the whole image.
    out
        Of the same type and shape, apart from `samples` in memory.

    Raises
    ------
    ValueError
        An array is none of these, or the window holds no sample.
    """
    if samples.dtype not in (np.uint8, np.uint16, np.float16, np.float32) or samples.ndim < 1:
        raise ValueError(f"samples: {samples.dtype} {samples.shape}, not u8, u16, f16 or f32")
    if window < 1:
        raise ValueError(f"a window of {window} holds no sample")
    require("samples", samples, samples.dtype, samples.shape)
    require("out", out, samples.dtype, samples.shape)
    require_writable(out, samples)
    if samples.size == 0:
        return
    if samples.dtype == np.float16:  # no processor reckons in it
        held = np.empty(samples.shape, np.float32)
        hold(samples.astype(np.float32), window, held)
        out[...] = held
        return
    length = samples.size // len(samples)
    _hold(samples.reshape(-1), length, min(window, length), out.reshape(-1))


def _hold(samples: NDArray[Any], length: int, window: int, out: NDArray[Any]) -> None:
    if window > LARGEST_SIDE_BY_SIDE[samples.dtype.kind]:
        if samples.dtype.kind == "f":
            limits, zero = np.array([-np.inf, np.inf, 0]), 0.0
        else:
            limits, zero = np.array([0, np.iinfo(samples.dtype).max, 0], samples.dtype), 0
        _one_by_one(samples, length, window, limits, zero, out)
        return
    half = PIECE_BYTES // samples.itemsize // 2  # turned at least
    shape = (-(-window // half) * half, ROW_BYTES // samples.itemsize)
    totals = np.empty(0, _total_type(samples.dtype, window))
    _side_by_side(samples, length, window, np.zeros(shape, samples.dtype), totals, out)


def _total_type(dtype: np.dtype[Any], window: int) -> np.dtype[Any]:
    """Return the type of a sum; a count of samples has half its bits."""
    if dtype.kind == "f":
        return np.dtype(np.float64)
    return np.dtype(f"u{dtype.itemsize * (2 if window <= SMALL else 4)}")


@compiled
def _side_by_side(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    samples: NDArray[Any],
    length: int,
    window: int,
    rows: NDArray[Any],
    totals: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Hold as many windows at once as `rows` [window or more,lanes] has lanes."""
    lanes, side = rows.shape[1], PIECE_BYTES // rows.itemsize
    reach = -(-window // side) * side  # of whole pieces, from the start of a window
    windows = len(samples) // length * -(-length // window)
    starts, values = np.zeros(lanes, np.int64), np.zeros(lanes, rows.dtype)
    begin, here = 0, 0  # of the image, and within it
    for first in range(0, windows, lanes):
        count = min(lanes, windows - first)
        begin, here, is_short = _place(starts[:count], length, window, begin, here)
        is_inner = count == lanes and starts[-1] + reach <= len(samples)
        if is_inner:
            _call_up(samples, starts[-1] + window, lanes * window if window >= LONG else 0)
            for skip in range(0, len(rows), side):
                for lane in range(0, lanes, side):
                    turn_square(samples, starts, lane, skip, rows)
        else:
            _gather(samples, starts[:count], length, window, rows)
        if is_short:
            _clear(starts[:count], length, rows)
        choose_samples(rows, window, values, totals)
        if is_inner:
            _fill(values, starts, reach, out)
        else:
            _scatter(values, starts[:count], length, window, out)


@compiled
def _place(
    starts: NDArray[np.int64], length: int, window: int, begin: int, here: int
) -> tuple[int, int, bool]:
    """Write where the next windows start; return where the one behind them does.

    Also return whether one of them is short.
    """
    is_short = False
    if here + len(starts) * window < length:
        for i in range(len(starts)):
            starts[i] = begin + here + i * window
        return begin, here + len(starts) * window, is_short
    for i in range(len(starts)):
        starts[i] = begin + here
        here += window
        if here >= length:
            is_short |= here > length
            begin, here = begin + length, 0
    return begin, here, is_short


@compiled
def _call_up(samples: NDArray[Any], first: int, count: int) -> None:
    """Ask for samples that are next: read in as many places at once, they come too late."""
    for at in range(first, min(first + count, len(samples)), LINE // samples.itemsize):
        call_up(samples, at * samples.itemsize)


@compiled
def _gather(
    samples: NDArray[Any], starts: NDArray[np.int64], length: int, window: int, rows: NDArray[Any]
) -> None:
    for i in range(len(starts)):
        for j in range(min(window, length - starts[i] % length)):
            rows[j, i] = samples[starts[i] + j]


@compiled
def _clear(starts: NDArray[np.int64], length: int, rows: NDArray[Any]) -> None:
    """Put zeros, which count for nothing, where a short window has no samples."""
    for i in range(len(starts)):
        for j in range(length - starts[i] % length, len(rows)):
            rows[j, i] = 0


@compiled
def _fill(values: NDArray[Any], starts: NDArray[np.int64], reach: int, out: NDArray[Any]) -> None:
    """Fill windows by whole pieces; what one spills into the next, that one overwrites."""
    side = PIECE_BYTES // out.itemsize
    if reach < LONG:
        for skip in range(reach - side, -1, -side):
            fill_pieces(out, starts, skip, values)
        return
    for i in range(len(starts)):
        for at in range(starts[i], starts[i] + reach, side):
            fill_piece(out, at, values[i])


@compiled
def _scatter(
    values: NDArray[Any], starts: NDArray[np.int64], length: int, window: int, out: NDArray[Any]
) -> None:
    for i in range(len(starts)):
        value = values[i]
        for j in range(starts[i], starts[i] + min(window, length - starts[i] % length)):
            out[j] = value


@compiled
def _one_by_one(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    samples: NDArray[Any],
    length: int,
    window: int,
    limits: NDArray[Any],
    zero: Any,
    out: NDArray[Any],
) -> None:
    """Hold windows of any size.

    `limits` [3] are the least and the largest number of the type and room for a level; `zero` is of
    the type of a sum.
    """
    for begin in range(0, len(samples), length):
        for start in range(begin, begin + length, window):
            end = min(start + window, begin + length)
            out[start:end] = _choose(samples[start:end], limits, zero)


@compiled
def _choose(samples: NDArray[Any], limits: NDArray[Any], zero: Any) -> Any:
    total, count = zero, 0
    for x in samples:
        total += x
        count += x != 0
    limits[2] = total / max(count, 1)
    low, high = limits[0], limits[1]
    for x in samples:
        low = max(low, x if (x != 0) & (x <= limits[2]) else limits[0])
        high = min(high, x if (x != 0) & (x > limits[2]) else limits[1])
    nearer = low if total - count * low <= count * high - total else high
    return nearer if count else zero
