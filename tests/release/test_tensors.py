"""What a stranger hands over as a first layer or an Aug-Conv is read whole, or refused by name."""

import contextlib
import json
import struct
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from dpkit.errors import DpkitError, IntegrityError, UsageError
from dpkit.keystore.arrays import lay_out
from dpkit.release.tensors import (
    augconv_arrays,
    augconv_settings,
    read_augconv,
    read_first_conv,
    write_first_conv,
)
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


def raw(path, head, content=b""):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return path


def head_of(array, **given):
    entry = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [0, array.nbytes]}
    return {"__metadata__": {"dpkit": json.dumps(SETTINGS)}, "weight": entry | given}


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


class TestFirstConv:
    @settings(deadline=None, max_examples=60)
    @given(first_convs())
    def test_comes_back_as_it_was_written(self, tmp_path_factory, layer):
        path = tmp_path_factory.mktemp("layer") / "first_conv.safetensors"
        write_first_conv(path, layer)
        assert same(read_first_conv(path), layer)

    def test_is_never_written_over_another_file(self, tmp_path):
        path = file_of(tmp_path / "a", SETTINGS, {"weight": WEIGHT})
        before = path.read_bytes()
        with pytest.raises(UsageError, match="exists"):
            write_first_conv(path, read_first_conv(path))
        assert path.read_bytes() == before

    def test_reads_weights_that_another_writer_has_not_aligned(self, tmp_path):
        text = json.dumps(head_of(WEIGHT)).encode()
        path = raw(tmp_path / "a", text + b" " * (1 - len(text) % 4), WEIGHT.tobytes())
        read = read_first_conv(path).weight
        assert read.flags.aligned
        assert np.array_equal(read, WEIGHT)

    def test_that_was_changed_after_reading_leaves_the_file_alone(self, tmp_path):
        path = file_of(tmp_path / "a", SETTINGS, {"weight": WEIGHT})
        read_first_conv(path).weight[:] = 0
        assert np.array_equal(read_first_conv(path).weight, WEIGHT)

    @pytest.mark.parametrize("text", ["other", "1,2,3", "nan,1", "1,2\n", "", "__import__"])
    def test_with_a_normalisation_of_no_known_form_is_not_written(self, tmp_path, text):
        layer = read_first_conv(file_of(tmp_path / "a", SETTINGS, {"weight": WEIGHT}))
        given_ = {f.name: getattr(layer, f.name) for f in fields(layer)} | {"normalize": text}
        with pytest.raises(UsageError, match="normalisation"):
            write_first_conv(tmp_path / "b", FirstConv(**given_))

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"format": "dpkit-augconv"}, "format is not one of dpkit-first-conv"),
            ({"version": 0}, "version"),
            ({"version": True}, "version"),
            ({"stride": [1]}, "stride is no list of 2"),
            ({"stride": [0, 1]}, "stride"),
            ({"stride": [1.0, 1]}, "stride"),
            ({"padding": [1, 1]}, "padding is no list of 4"),
            ({"padding": [70_000] * 4}, "padding"),
            ({"dilation": None}, "dilation"),
            ({"groups": "1"}, "groups"),
            ({"groups": 3}, "groups do not divide"),
            ({"input_size": [1, 1], "padding": [0] * 4}, "do not fit"),
            ({"normalize": "0.5"}, "normalize"),
            ({"normalize": 1}, "normalize"),
            ({"pickle": "x"}, "unknown field pickle"),
        ],
        ids=str,
    )
    def test_with_wrong_settings_is_refused_by_the_field(self, tmp_path, change, named):
        path = file_of(tmp_path / "a", SETTINGS | change, {"weight": WEIGHT})
        with pytest.raises(IntegrityError, match=named) as refusal:
            read_first_conv(path)
        assert str(path) in str(refusal.value)
        assert "dpkit first-conv" in str(refusal.value)

    @pytest.mark.parametrize("name", SETTINGS)
    def test_with_a_setting_missing_is_refused_by_its_name(self, tmp_path, name):
        left = {key: value for key, value in SETTINGS.items() if key != name}
        path = file_of(tmp_path / "a", left, {"weight": WEIGHT})
        with pytest.raises(IntegrityError, match=f"{name} is missing"):
            read_first_conv(path)

    def test_of_a_newer_version_asks_for_a_newer_dpkit(self, tmp_path):
        path = file_of(tmp_path / "a", SETTINGS | {"version": 2}, {"weight": WEIGHT})
        with pytest.raises(UsageError, match=r"version 2 is newer.*install a newer dpkit"):
            read_first_conv(path)

    def test_that_pads_otherwise_is_refused_by_the_name_of_its_padding(self, tmp_path):
        path = file_of(tmp_path / "a", SETTINGS | {"padding_mode": "reflect"}, {"weight": WEIGHT})
        with pytest.raises(UsageError, match=r"'reflect'.*padding_mode='zeros'"):
            read_first_conv(path)

    @pytest.mark.parametrize(
        ("arrays", "named"),
        [
            ({}, "weight is missing"),
            ({"weight": WEIGHT[0]}, "of 4 axes"),
            ({"weight": WEIGHT.astype(np.float16)}, "float16"),
            ({"weight": WEIGHT.astype(np.float64)}, "dtype is not one of"),
            ({"weight": WEIGHT[:0]}, "is empty"),
            ({"weight": WEIGHT * np.nan}, "not finite"),
            ({"weight": WEIGHT, "bias": np.zeros(3, np.float32)}, "bias"),
            ({"weight": WEIGHT, "bias": np.full(4, np.inf, np.float32)}, "not finite"),
            ({"weight": WEIGHT, "more": WEIGHT}, "unknown array more"),
            ({"weight": WEIGHT, "../x": WEIGHT}, "array '../x' is not named"),
        ],
        ids=str,
    )
    def test_with_wrong_arrays_is_refused_by_the_array(self, tmp_path, arrays, named):
        with pytest.raises(IntegrityError, match=named):
            read_first_conv(file_of(tmp_path / "a", SETTINGS, arrays))

    @pytest.mark.parametrize(
        ("change", "content", "named"),
        [
            ({"shape": [2**40, 2**40]}, WEIGHT.tobytes(), "overflow"),
            ({"shape": [4, 3, 3, 4]}, WEIGHT.tobytes(), "shape"),
            ({"data_offsets": [4, 436]}, WEIGHT.tobytes() + bytes(4), "offset"),
            ({"data_offsets": [-4, 432]}, WEIGHT.tobytes(), "integer"),
            ({"dtype": "BF16", "shape": [216]}, WEIGHT.tobytes(), "dtype"),
            ({"extra": 1}, WEIGHT.tobytes(), "unknown field weight.extra"),
            ({}, WEIGHT.tobytes() + b"tail", "not fully covered"),
            ({}, WEIGHT.tobytes()[:-4], "no safetensors file"),
        ],
        ids=str,
    )
    def test_whose_arrays_do_not_fit_the_file_is_refused(self, tmp_path, change, content, named):
        with pytest.raises(IntegrityError, match=named):
            read_first_conv(raw(tmp_path / "a", head_of(WEIGHT, **change), content))

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            (b"", "over its size"),
            (b"\x80\x04pickle", "over its size"),
            (struct.pack("<Q", 2**63) + b"{}", "over its size"),
            (struct.pack("<Q", 2) + b"[]", "not an object"),
            (struct.pack("<Q", 2) + b"{}", "__metadata__ is missing"),
            (struct.pack("<Q", 100_000) + b"[" * 100_000, "not the JSON"),
            (struct.pack("<Q", 17) + b'{"a": 1, "a": 2} ', "twice"),
            (struct.pack("<Q", 4) + b"\xff\xfe{}", "not the JSON"),
            (struct.pack("<Q", 33) + b'{"__metadata__": {"dpkit": "[]"}}', "not an object"),
        ],
        ids=["empty", "pickle", "head", "list", "nothing", "deep", "twice", "latin", "settings"],
    )
    def test_that_is_no_safetensors_file_is_refused(self, tmp_path, content, named):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(IntegrityError, match=named):
            read_first_conv(tmp_path / "a")

    def test_above_the_size_limit_is_refused_before_it_is_read(self, tmp_path):
        with (tmp_path / "a").open("wb") as file:
            file.truncate(2**30 + 1)
        with pytest.raises(IntegrityError, match="1073741825 bytes are more than 1073741824"):
            read_first_conv(tmp_path / "a")

    @pytest.mark.parametrize("name", [".", "missing"])
    def test_that_is_no_file_is_refused(self, tmp_path, name):
        with pytest.raises(UsageError, match="is no file"):
            read_first_conv(tmp_path / name)


def aug_conv(**given):
    plain = {
        "matrices": (np.ones((12, 5, 1, 1), np.float32),), "matrix_of": np.zeros(4, np.int32),
        "windows": np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32), "bias": None,
        "blocks": "patch", "input_shape": (3, 4, 4), "output_shape": (5, 2, 2),
        "release_id": "rel-1", "consent": {"release_id": "rel-1", "figures": [0.5, {"ssim": 1}]},
    }  # fmt: skip
    return AugConv(**plain | given)


SCALARS = ("release_id", "blocks", "input_shape", "output_shape", "consent")


def write(path, layer, arrays=None, **change):
    """Write the file as a keystore lays out its objects."""
    scalars = {name: getattr(layer, name) for name in SCALARS}
    payload = lay_out(augconv_settings(**scalars) | change, augconv_arrays(layer) | (arrays or {}))
    path.write_bytes(b"".join(payload.pieces()))
    return path


class TestAugConv:
    @pytest.mark.parametrize("dtype", [np.float32, np.float16])
    @pytest.mark.parametrize("has_bias", [False, True])
    def test_comes_back_as_a_keystore_lays_it_out(self, tmp_path, dtype, has_bias):
        rng = np.random.default_rng(0)
        layer = aug_conv(
            matrices=tuple(rng.random((12, 5, *size)).astype(dtype) for size in ((1, 2), (2, 1))),
            matrix_of=np.array([0, 1, 1, 0], np.int32),
            windows=np.array([[0, 0], [0, 1], [0, 0], [1, 0]], np.int32),
            bias=rng.random(5).astype(np.float32) if has_bias else None,
        )
        assert same(read_augconv(write(tmp_path / "a", layer)), layer)

    def test_maps_its_matrices_from_the_disk(self, tmp_path):
        matrix = read_augconv(write(tmp_path / "a", aug_conv())).matrices[0]
        while isinstance(matrix, np.ndarray) and not isinstance(matrix, np.memmap):
            matrix = matrix.base
        assert isinstance(matrix, np.memmap)

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"format": "dpkit-first-conv"}, "format"),
            ({"blocks": "spiral"}, "blocks is not one of raster, patch"),
            ({"input_shape": [3, 4]}, "input_shape is no list of 3"),
            ({"input_shape": [3, 1, 16]}, "4 patch blocks of images"),
            ({"input_shape": [3, 4, 5]}, "4 patch blocks of images"),
            ({"input_shape": [7, 7, 1], "blocks": "raster"}, "4 raster blocks of images"),
            ({"output_shape": [5, 2, 1]}, "window lies outside"),
            ({"output_shape": [5, 0, 2]}, "output_shape"),
            ({"release_id": "../x"}, "release_id"),
            ({"consent": []}, "consent is not an object"),
            ({"more": 1}, "unknown field more"),
        ],
        ids=str,
    )
    def test_with_wrong_settings_is_refused_by_the_field(self, tmp_path, change, named):
        with pytest.raises(IntegrityError, match=named) as refusal:
            read_augconv(write(tmp_path / "a", aug_conv(), **change))
        assert "ask the provider" in str(refusal.value)

    @pytest.mark.parametrize(
        ("arrays", "named"),
        [
            ({"matrix_00000": np.ones((12, 5, 1, 1))}, "dtype"),
            ({"matrix_00000": np.full((12, 5, 1, 1), np.nan, np.float32)}, "not finite"),
            ({"matrix_00002": np.ones((12, 5, 1, 1), np.float32)}, "matrix_00001 is missing"),
            ({"matrix_of": np.zeros(4, np.float32)}, "matrix_of is float32"),
            ({"matrix_of": np.zeros((), np.int32)}, "matrix_of.*axes"),
            ({"matrix_of": np.zeros(0, np.int32)}, "is empty"),
            ({"matrix_of": np.full(4, -1, np.int32)}, "do not fit together"),
            ({"windows": np.full((4, 2), 2**31 - 1, np.int32)}, "window lies outside"),
            ({"bias": np.full(5, np.inf, np.float32)}, "not finite"),
            ({"core": np.zeros(5, np.float32)}, "unknown array core"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_with_wrong_arrays_is_refused_by_the_array(self, tmp_path, arrays, named):
        with pytest.raises(IntegrityError, match=named):
            read_augconv(write(tmp_path / "a", aug_conv(), arrays))


class TestDamage:
    """Whatever stands in a file, reading gives a layer or one of dpkit's own refusals."""

    @settings(deadline=None, max_examples=150)
    @given(
        st.sampled_from(["first", "aug"]),
        st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), min_size=1, max_size=4),
        st.integers(0, 40),
    )
    def test_is_refused_or_harmless(self, tmp_path_factory, kind, changes, cut):
        path = tmp_path_factory.mktemp("damaged") / "a"
        if kind == "first":
            file_of(path, SETTINGS, {"weight": WEIGHT, "bias": WEIGHT[:, 0, 0, 0].copy()})
        else:
            write(path, aug_conv(bias=np.ones(5, np.float32)))
        content = bytearray(path.read_bytes())
        for place, value in changes:
            content[place % len(content)] = value
        path.write_bytes(content[: len(content) - cut])
        with contextlib.suppress(DpkitError):
            (read_first_conv if kind == "first" else read_augconv)(path)
