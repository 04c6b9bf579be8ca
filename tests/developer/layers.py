"""Small exact Aug-Conv layers, made by brute force in float64: M⁻¹ times the convolution of I."""

import numpy as np
import torch

from dpkit.types import AugConv, block_places


def orthogonal(rng, count, q):
    return np.stack([np.linalg.qr(rng.standard_normal((q, q)))[0] for _ in range(count)])


def features_of(conv, images):
    """The convolution in float64."""
    with torch.no_grad():
        return conv.double()(torch.from_numpy(images)).numpy()


def morphed(images, cores, blocks):
    """T of images [n,c,h,w], float32 of the same shape."""
    kappa = len(images[0].reshape(-1)) // cores.shape[-1]
    places = block_places(blocks, kappa, images.shape[1:])
    rows, values = images.reshape(len(images), -1), np.empty((len(images), images[0].size))
    for block, place in enumerate(places):
        values[:, place] = rows[:, place] @ cores[block % len(cores)]
    return values.reshape(images.shape).astype(np.float32)


def aug_conv(conv, cores, blocks, input_shape, *, order, dtype=np.float32):
    """The layer with maps in `order`; blocks keep the smallest window that is not 0."""
    n, q = int(np.prod(input_shape)), cores.shape[-1]
    bias = None if conv.bias is None else conv.bias.detach().double().numpy()
    response = features_of(conv, np.eye(n).reshape(n, *input_shape))
    response = (response - (0 if bias is None else bias[:, None, None]))[:, order]  # C
    matrices, windows, known, matrix_of = [], [], {}, []
    for block, place in enumerate(block_places(blocks, n // q, input_shape)):
        rows = np.tensordot(np.linalg.inv(cores[block % len(cores)]), response[place], 1)
        corner, matrix = _cropped(rows, response[place])
        stored = matrix.astype(dtype)
        key = (stored.shape, np.round(matrix, 9).tobytes())
        if key not in known:
            known[key] = len(matrices)
            matrices.append(stored)
        windows.append(corner)
        matrix_of.append(known[key])
    return AugConv(
        tuple(matrices), np.array(matrix_of, np.int32), np.array(windows, np.int32),
        None if bias is None else bias[order].astype(np.float32), blocks, input_shape,
        response.shape[1:], "rel-1", {"release_id": "rel-1"},
    )  # fmt: skip


def _cropped(rows, response):
    reached = np.argwhere(np.abs(response).max((0, 1)) > 0)
    if not len(reached):
        return (0, 0), rows[:, :, :1, :1] * 0
    (top, left), (bottom, right) = reached.min(0), reached.max(0) + 1
    return (top, left), rows[:, :, top:bottom, left:right]
