"""First layers and Aug-Convs as files, for tests of what reads them."""

import json
from dataclasses import fields

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from safetensors.numpy import save

from dpkit.keystore.arrays import lay_out
from dpkit.release.augconv import augconv_settings, matrix_name
from dpkit.types import AugConv, FirstConv

SETTINGS = {
    "format": "dpkit-first-conv", "version": 1, "stride": [1, 1], "padding": [1, 1, 1, 1],
    "dilation": [1, 1], "groups": 1, "padding_mode": "zeros", "input_size": [8, 6],
    "normalize": "none",
}  # fmt: skip
WEIGHT = np.arange(4 * 3 * 3 * 3, dtype=np.float32).reshape(4, 3, 3, 3)


def same(a, b):
    """Say whether two layers hold the same, arrays by type and value."""
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(a)]
    return all(alike(*pair) for pair in pairs)


def alike(a, b):
    if isinstance(a, tuple) and a and isinstance(a[0], np.ndarray):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a == b


def file_of(path, document, arrays):
    path.write_bytes(save(arrays, metadata={"dpkit": json.dumps(document)}))
    return path


sides = st.integers(1, 3)
pairs = st.tuples(sides, sides)


@st.composite
def first_convs(draw):
    """Draw a layer of any geometry for images of 11x9."""
    kernel, stride, dilation = draw(pairs), draw(pairs), draw(pairs)
    assume(all(d * (p - 1) < m for d, p, m in zip(dilation, kernel, (11, 9), strict=True)))
    groups = draw(sides)
    maps = groups * draw(sides)
    random = np.random.default_rng(draw(st.integers(0, 9))).standard_normal
    return FirstConv(
        weight=random((maps, draw(sides), *kernel), dtype=np.float32),
        bias=random(maps, dtype=np.float32) if draw(st.booleans()) else None,
        stride=stride, padding=draw(st.tuples(*[st.integers(0, 3)] * 4)), dilation=dilation,
        groups=groups, input_size=(11, 9),
        normalize=draw(st.sampled_from(["none", "imagenet", "0.5,0.25", "0,.1,0.2,1e-1,1,1.5"])),
    )  # fmt: skip


def aug_conv(**given):
    plain = {
        "matrices": (np.ones((12, 5, 1, 1), np.float32),), "matrix_of": np.zeros(4, np.int32),
        "windows": np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32), "bias": None,
        "blocks": "patch", "input_shape": (3, 4, 4), "output_shape": (5, 2, 2),
        "release_id": "rel-1", "consent": {"release_id": "rel-1", "figures": [0.5, {"ssim": 1}]},
    }  # fmt: skip
    return AugConv(**plain | given)


SCALARS = ("release_id", "blocks", "input_shape", "output_shape", "consent")


def write_augconv(path, layer, arrays=None, **change):
    """Write the file as a keystore lays out its objects."""
    scalars = {name: getattr(layer, name) for name in SCALARS}
    payload = lay_out(augconv_settings(**scalars) | change, _arrays(layer) | (arrays or {}))
    path.write_bytes(b"".join(payload.pieces()))
    return path


def _arrays(layer):
    arrays = {matrix_name(i): matrix for i, matrix in enumerate(layer.matrices)}
    arrays |= {"matrix_of": layer.matrix_of, "windows": layer.windows}
    return arrays if layer.bias is None else arrays | {"bias": layer.bias}
