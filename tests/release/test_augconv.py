"""What a stranger hands over as an Aug-Conv is read whole, or refused by name."""

import numpy as np
import pytest

from dpkit.errors import IntegrityError
from dpkit.release.augconv import read_augconv
from tests.release.layers import aug_conv, same, write_augconv


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
        assert same(read_augconv(write_augconv(tmp_path / "a", layer)), layer)

    def test_maps_its_matrices_from_the_disk(self, tmp_path):
        matrix = read_augconv(write_augconv(tmp_path / "a", aug_conv())).matrices[0]
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
            read_augconv(write_augconv(tmp_path / "a", aug_conv(), **change))
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
            read_augconv(write_augconv(tmp_path / "a", aug_conv(), arrays))
