"""Plain slow twins of the fast code, written from the papers with loops and dense matrices."""

from __future__ import annotations

import numpy as np


def unrolled(image, peak, mean, std):
    """D^r of one image [h,w,c]: channel by channel, row by row."""
    height, width, channels = image.shape
    row = []
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                value = int(image[y, x, c]) / peak
                row.append((value - mean[c]) / std[c])
    return row


def dense_matrix(cores):
    """M (Eq. 4) from the list of its κ diagonal blocks."""
    q = len(cores[0])
    matrix = [[0.0] * (q * len(cores)) for _ in range(q * len(cores))]
    for block, core in enumerate(cores):
        for i in range(q):
            for j in range(q):
                matrix[block * q + i][block * q + j] = float(core[i][j])
    return np.array(matrix)


def morphed(image, cores, peak, mean, std):
    """T [c,h,w] = D^r M (Eq. 2) of one image [h,w,c]."""
    row = np.array(unrolled(image, peak, mean, std))
    return (row @ dense_matrix(cores)).reshape(image.shape[2], *image.shape[:2])


def scattered(image, cores, normalisation, routes, noise=None):
    """T [N] of one image [h,w,c] whose blocks take their values, and lay them, by loops."""
    peak, mean, std = normalisation
    row = np.array(unrolled(image, peak, mean, std))
    if noise is not None:  # in grey levels, in the order of D^r
        row += noise / (peak * np.repeat(std, row.size // len(std)))
    come = np.arange(row.size)
    taken = come if routes.taken is None else routes.taken
    laid = come if routes.laid is None else routes.laid
    q, out = len(cores[0]), np.zeros(row.size)
    for block, core in enumerate(cores):
        for j in range(q):
            total = 0.0
            for i in range(q):
                total += row[taken[block * q + i]] * core[i][j]
            out[laid[block * q + j]] = total
    return out


def patch_morphed(image, cores, peak, side):
    """T [c,h,w] of one image [h,w,c] whose blocks are patches of side x side, by loops."""
    height, width, channels = image.shape
    out = np.zeros((channels, height, width))
    block = 0
    for top in range(0, height, side):
        for left in range(0, width, side):
            row = []
            for c in range(channels):
                for y in range(top, top + side):
                    row += [int(image[y, x, c]) / peak for x in range(left, left + side)]
            product = np.array(row) @ np.asarray(cores[block], dtype=float)
            square = product.reshape(channels, side, side)
            out[:, top : top + side, left : left + side] = square
            block += 1
    return out


def held(stream, window):
    """Algorithm 1 of one stream of samples: sum and choice in Python's own numbers."""
    out = list(stream)
    for start in range(0, len(stream), window):
        samples = [x.item() for x in stream[start : start + window] if x != 0]
        if samples:
            total = sum(samples)  # whole, or float64 one after another
            chosen = nearest(samples, total, total / len(samples))
            out[start : start + window] = [chosen] * len(stream[start : start + window])
    return np.array(out, stream.dtype)


def nearest(samples, total, mean):
    """The sample that fills a window: of two that are equally near the lower."""
    k = len(samples)
    under, over = [x for x in samples if x <= mean], [x for x in samples if x > mean]
    low, high = max(under, default=-np.inf), min(over, default=np.inf)
    return low if total - k * low <= k * high - total else high
