"""What a stranger hands over as a first layer is read whole, or refused by name."""

import json
import struct
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings

from dpkit.errors import IntegrityError, UsageError
from dpkit.release.first_conv import read_first_conv, write_first_conv
from dpkit.types import FirstConv
from tests.release.layers import SETTINGS, WEIGHT, file_of, first_convs, same


def raw(path, head, content=b""):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return path


def head_of(array, **given):
    entry = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [0, array.nbytes]}
    return {"__metadata__": {"dpkit": json.dumps(SETTINGS)}, "weight": entry | given}


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
