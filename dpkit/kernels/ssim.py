"""Structural similarity and squared error of image pairs in one pass.

Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
similarity", IEEE Trans. Image Processing 13 (2004).

    symbol          here            value
    w               taps            Gaussian, σ = 1.5, 11 by 11, sum 1
    K1, K2          K1, K2          0.01, 0.03
    L               peak            255 or 65535
    C1, C2          c1, c2          (K1 L)², (K2 L)²

Rules: variances are population variances; the mean runs over channels and over the places where
the whole window lies inside the image. These are scikit-image's `gaussian_weights=True,
sigma=1.5, use_sample_covariance=False`. Where a side is below 11 the Gaussian is cut to the
largest odd window that fits, and scaled to sum 1 again; below 3 pixels SSIM is not defined (NaN),
because one pixel has no structure.

The window slides down each channel plane. A ring keeps the last rows of four maps side by side
(x, y, x² + y², xy), so that every tap reads memory that is still in the nearest caches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.kernels.compiled import compiled_fast

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Scores = NDArray[np.float64]
    Taps = tuple[float, ...]

SIGMA: Final = 1.5  # Wang et al., section III.C
WINDOW: Final = 11  # same
REACH: Final = WINDOW // 2
SMALLEST_WINDOW: Final = 3
K1: Final = 0.01  # same
K2: Final = 0.03  # same
MAPS: Final = 4


def window_side(height: int, width: int) -> int:
    """Return the side of the window for an image: 11, or the largest odd side that fits."""
    side = min(height, width, WINDOW)
    return side if side % 2 else side - 1


def gaussian_taps(side: int) -> NDArray[np.float64]:
    """Return one axis of the window inside 11 taps, float64 [11]: zero outside `side`, sum 1."""
    distance = np.arange(WINDOW) - REACH
    weights = np.exp(-0.5 * (distance / SIGMA) ** 2)
    weights[np.abs(distance) > side // 2] = 0.0
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def ssim_mse(originals: Array, values: Array, peak: int) -> tuple[Scores, Scores]:
    """Compare originals with what a viewer sees of released values.

    The view is each image's own smallest to largest value, stretched to 0 … `peak`; an image of
    one value is shown as 0.

    Parameters
    ----------
    originals
        u8 or u16 [n,h,w,c].
    values
        [n,c,h,w], any real type; other types than float32 are converted to it.
    peak
        L, 255 or 65535.

    Returns
    -------
    ssim, mse
        float64 [n] each. SSIM is NaN where a side is below 3 pixels; both are NaN where
        a value is not finite.
    """
    low = values.min(axis=(1, 2, 3)).astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity: NaN, as promised
        span = values.max(axis=(1, 2, 3)).astype(np.float64) - low
    gain = np.divide(float(peak), span, out=np.zeros_like(span), where=span != 0)
    return _compare(originals, values, np.column_stack((low, gain)), peak)


def ssim_mse_unstretched(originals: Array, values: Array, peak: int) -> tuple[Scores, Scores]:
    """Compare originals with `values` that already are grey levels 0 … `peak`; else `ssim_mse`."""
    return _compare(originals, values, np.tile([0.0, 1.0], (len(values), 1)), peak)


def _compare(originals: Array, values: Array, affine: Scores, peak: int) -> tuple[Scores, Scores]:
    """Compare originals with `(values - affine[:, 0]) * affine[:, 1]`."""
    side = window_side(*originals.shape[1:3])
    taps = tuple(gaussian_taps(side)[: REACH + 1])  # the other half mirrors it
    pixels = np.ascontiguousarray(originals)
    planes = np.ascontiguousarray(values, dtype=np.float32)
    out = np.empty((2, len(pixels)))
    _score_images(pixels, planes, affine, side, taps, float(peak), out)
    return out[0], out[1]


@compiled_fast
def _score_images(  # noqa: PLR0917 (numba knows no keyword-only arguments)
    originals: Array, values: Array, affine: Array, side: int, taps: Taps, peak: float, out: Array
) -> None:
    n, height, width, channels = originals.shape
    half = side // 2
    margin = REACH - half  # taps of weight zero on either side of a small window
    maps = MAPS * width
    ring = np.empty((2 * WINDOW, _odd_lines(maps)))
    column = np.zeros(maps + 2 * WINDOW)
    means = np.zeros(maps)
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    places = channels * (height - 2 * half) * (width - 2 * half)
    for i in range(n):
        ssim = error = 0.0
        for c in range(channels):
            ring[:] = 0.0
            for y in range(height + margin):
                row = y % WINDOW
                if y < height:
                    error += _fill_row(originals[i, y], c, values[i, c, y], affine[i], ring[row])
                    ring[row + WINDOW] = ring[row]  # so that the last 11 rows are neighbours
                if y >= REACH + half:
                    _filter_down(ring[row + 1 :], taps, column[margin : margin + maps])
                    _filter_along(column, taps, means)
                    ssim += _ssim_row(means, width, width - 2 * half, c1, c2)
        out[0, i] = ssim / places if side >= SMALLEST_WINDOW else np.nan
        out[1, i] = error / (channels * height * width)


@compiled_fast
def _odd_lines(length: int) -> int:
    """Round up to an odd number of cache lines: a power of two would fill few cache sets."""
    lines = (length + 7) // 8
    return 8 * (lines + 1 - lines % 2)


@compiled_fast
def _fill_row(original: Array, channel: int, value: Array, affine: Array, row: Array) -> float:
    """Write the four maps of one row; return its sum of squared differences."""
    width = len(value)
    low, gain = affine[0], affine[1]
    error = 0.0
    for j in range(width):
        x = float(original[j, channel])
        y = (float(value[j]) - low) * gain
        row[j] = x
        row[width + j] = y
        row[2 * width + j] = x * x + y * y
        row[3 * width + j] = x * y
        error += (x - y) * (x - y)
    return error


# The taps are written out: a loop over them is not turned into SIMD.
@compiled_fast
def _filter_down(rows: Array, taps: Taps, out: Array) -> None:
    """Weigh eleven rows, mirrored taps together."""
    t0, t1, t2, t3, t4, t5 = taps
    for j in range(len(out)):
        out[j] = (
            t5 * rows[5, j]
            + t0 * (rows[0, j] + rows[10, j])
            + t1 * (rows[1, j] + rows[9, j])
            + t2 * (rows[2, j] + rows[8, j])
            + t3 * (rows[3, j] + rows[7, j])
            + t4 * (rows[4, j] + rows[6, j])
        )


@compiled_fast
def _filter_along(row: Array, taps: Taps, out: Array) -> None:
    """Weigh eleven neighbours, all four maps in one go; places that straddle two go unread."""
    t0, t1, t2, t3, t4, t5 = taps
    for j in range(len(out)):
        out[j] = (
            t5 * row[j + 5]
            + t0 * (row[j] + row[j + 10])
            + t1 * (row[j + 1] + row[j + 9])
            + t2 * (row[j + 2] + row[j + 8])
            + t3 * (row[j + 3] + row[j + 7])
            + t4 * (row[j + 4] + row[j + 6])
        )


@compiled_fast
def _ssim_row(means: Array, width: int, count: int, c1: float, c2: float) -> float:
    """Return the sum of SSIM over the first `count` places of a row of local means."""
    total = 0.0
    for j in range(count):
        x, y = means[j], means[width + j]
        xy, xx_yy = x * y, x * x + y * y
        similar = (2 * xy + c1) * (2 * (means[3 * width + j] - xy) + c2)
        total += similar / ((xx_yy + c1) * (means[2 * width + j] - xx_yy + c2))
    return total
