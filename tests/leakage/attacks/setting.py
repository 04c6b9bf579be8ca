"""A provider of one screen: M, C and C^ac = M⁻¹ C by brute force in float64, and the release."""

from types import SimpleNamespace

import numpy as np
import skimage.data
from PIL import Image

from dpkit.types import AugConv, FirstConv, Geometry, block_places
from dpkit.types.adversary import AdversaryView

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def pictures(n, side, channels):
    """Return different crops of photographs, u8 [n,side,side,channels]."""
    found = []
    for i in range(n):
        whole = Image.fromarray(getattr(skimage.data, PHOTOGRAPHS[i % 4])())
        left, top, extent = 20 * i % 100, 13 * i % 80, 200
        piece = whole.crop((left, top, left + extent, top + extent)).resize((side, side))
        found.append(np.asarray(piece.convert("L") if channels == 1 else piece))
    return np.stack(found).reshape(n, side, side, channels)


def first_conv(weight, side, *, stride=1, padding=0, dilation=1, bias=None, groups=1):
    return FirstConv(
        weight.astype(np.float32),
        None if bias is None else bias.astype(np.float32),
        (stride, stride),
        (padding,) * 4,
        (dilation, dilation),
        groups,
        (side, side),
        "none",
    )


def he(rng, maps, channels, kernel):
    scale = np.sqrt(2 / (channels * kernel * kernel))
    return rng.standard_normal((maps, channels, kernel, kernel)) * scale


def smooth(rng, maps, channels, kernel, decay=0.35):
    """Return ill-conditioned kernels, as training gives: singular values fall by `decay`."""
    size = channels * kernel * kernel
    left, _ = np.linalg.qr(rng.standard_normal((size, size)))
    right, _ = np.linalg.qr(rng.standard_normal((maps, maps)))
    rank = min(size, maps)
    values = np.maximum(decay ** np.arange(rank), 1e-3)
    return ((left[:, :rank] * values) @ right[:rank]).T.reshape(maps, channels, kernel, kernel)


def convolution_matrix(conv):
    """Return C, float64 [N,β,n_h,n_w], by its definition."""
    maps, depth = conv.weight.shape[:2]
    (channels, height, width), (_, n_h, n_w) = conv.input_shape, conv.output_shape
    matrix = np.zeros((channels, height, width, maps, n_h, n_w))
    every = np.arange(maps)
    for c, a, b, y, x in np.ndindex(*conv.weight.shape[1:], n_h, n_w):
        row = y * conv.stride[0] + a * conv.dilation[0] - conv.padding[0]
        column = x * conv.stride[1] + b * conv.dilation[1] - conv.padding[2]
        if 0 <= row < height and 0 <= column < width:
            channel = every // (maps // conv.groups) * depth + c
            matrix[channel, row, column, every, y, x] = conv.weight[:, c, a, b]
    return matrix.reshape(-1, maps, n_h, n_w)


def draw_cores(rng, count, q, law):
    cores = rng.standard_normal((count, q, q)) / np.sqrt(q)
    return np.linalg.qr(cores)[0] if law == "orthogonal" else cores


def augment(conv, inverses, order, *, blocks, kappa, dtype=np.float32, tight=True):
    """Return C^ac for inverse cores [1 or κ,q,q], windows cut to what a block reaches."""
    matrix = convolution_matrix(conv)[:, order]
    matrices, windows = [], []
    for block, places in enumerate(block_places(blocks, kappa, conv.input_shape)):
        met = np.argwhere(matrix[places].any(axis=(0, 1)))
        whole = (np.zeros(2, int), np.array(conv.output_shape[1:]))
        low, high = (met.min(axis=0), met.max(axis=0) + 1) if tight and len(met) else whole
        part = matrix[places][:, :, low[0] : high[0], low[1] : high[1]]
        inverse = inverses[block % len(inverses)]
        matrices.append(np.tensordot(inverse, part, axes=1).astype(dtype))
        windows.append(low)
    matrix_of = np.arange(kappa, dtype=np.int32)
    if len(inverses) == 1 and all(
        m.shape == matrices[0].shape and np.array_equal(m, matrices[0]) for m in matrices
    ):
        matrices, matrix_of = matrices[:1], np.zeros(kappa, np.int32)
    bias = None if conv.bias is None else conv.bias[order]
    return AugConv(
        tuple(matrices), matrix_of, np.array(windows, np.int32), bias, blocks,
        conv.input_shape, conv.output_shape, "r-4f7a", {},
    )  # fmt: skip


def handed_over(
    conv, *, kappa=1, blocks="raster", law="gaussian", cores="shared", dtype=np.float32, seed=0, n=4
):
    """Return originals, the order, the cores' inverses, and the view of a developer."""
    rng = np.random.default_rng(seed)
    channels, side, _ = conv.input_shape
    count, q = (kappa if cores == "distinct" else 1), channels * side * side // kappa
    drawn = draw_cores(rng, count, q, law)
    order = rng.permutation(conv.maps)
    inverses = np.linalg.inv(drawn)
    layer = augment(conv, inverses, order, blocks=blocks, kappa=kappa, dtype=dtype)
    originals = pictures(n, side, channels)
    rows = np.moveaxis(originals, -1, 1).reshape(n, -1) / 255
    places = block_places(blocks, kappa, conv.input_shape)
    values = np.empty_like(rows)
    for block, of_block in enumerate(places):
        values[:, of_block] = rows[:, of_block] @ drawn[block % count]
    view = AdversaryView(
        values.astype(dtype).reshape(n, channels, side, side),
        Geometry(channels, side, side, 8),
        "morph",
        {"blocks": blocks, "kappa": kappa, "cores": cores, "core": law},
        np.array([[1 / 255] * channels, [0.0] * channels]),
        augconv=layer,
        first_conv=conv,
    )
    return SimpleNamespace(originals=originals, order=order, inverses=inverses, view=view)
