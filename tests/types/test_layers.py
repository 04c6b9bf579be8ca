from dataclasses import replace

import numpy as np
import pytest
import torch

from dpkit.errors import UsageError
from dpkit.types import AugConv, FirstConv


def first_conv(**given):
    plain = {
        "weight": np.zeros((4, 3, 3, 3), np.float32), "bias": None, "stride": (1, 1),
        "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 1, "input_size": (8, 6),
        "normalize": "none",
    }  # fmt: skip
    return FirstConv(**plain | given)


def aug_conv(**given):
    plain = {
        "matrices": (np.zeros((12, 5, 1, 1), np.float32),), "matrix_of": np.zeros(4, np.int32),
        "windows": np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32), "bias": None,
        "blocks": "patch", "input_shape": (3, 4, 4), "output_shape": (5, 2, 2),
        "release_id": "a", "consent": {},
    }  # fmt: skip
    return AugConv(**plain | given)


class TestFirstConv:
    @pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
    @pytest.mark.parametrize("padding", [0, 2])
    @pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
    def test_its_output_is_that_of_torch(self, stride, padding, dilation):
        conv = torch.nn.Conv2d(3, 4, 3, stride, padding, dilation)
        layer = first_conv(stride=stride, padding=(padding,) * 4, dilation=dilation)
        assert layer.output_shape == conv(torch.zeros(1, 3, 8, 6)).shape[1:]

    def test_a_patch_embedding_tiles_the_image(self):
        patch = first_conv(
            weight=np.zeros((4, 3, 2, 2), np.float32), stride=(2, 2), padding=(0, 0, 0, 0)
        )
        assert patch.is_patch_embedding
        assert not replace(patch, stride=(1, 1)).is_patch_embedding
        assert not first_conv().is_patch_embedding

    @pytest.mark.parametrize(
        "wrong",
        [
            {"weight": np.zeros((4, 3, 3, 3))},
            {"weight": np.zeros((4, 3, 3), np.float32)},
            {"weight": np.full((4, 3, 3, 3), np.nan, np.float32)},
            {"bias": np.zeros(3, np.float32)},
            {"stride": (0, 1)},
            {"padding": (-1, 0, 0, 0)},
            {"dilation": (1, 70_000)},
            {"groups": 3},
            {"input_size": (8, 0)},
            {"padding": (0, 0, 0, 0), "input_size": (2, 8)},
        ],
        ids=str,
    )
    def test_what_is_no_layer_is_refused(self, wrong):
        with pytest.raises(UsageError, match="first layer"):
            first_conv(**wrong)


class TestAugConv:
    def test_one_matrix_for_all_patches_is_a_patch_layer(self):
        assert aug_conv().is_patch
        assert not aug_conv(blocks="raster").is_patch
        assert aug_conv().kappa == 4

    @pytest.mark.parametrize(
        "wrong",
        [
            {"matrices": ()},
            {"matrices": (np.zeros((11, 5, 1, 1), np.float32),)},
            {"matrices": (np.zeros((12, 5, 1, 1)),)},
            {"matrix_of": np.ones(4, np.int32)},
            {"windows": np.full((4, 2), 2, np.int32)},
            {"windows": np.full((4, 2), -1, np.int32)},
            {"bias": np.zeros(4, np.float32)},
            {"blocks": "spiral"},
            {"matrix_of": np.int32(0)},
            {"matrix_of": np.zeros(4, np.int64)},
            {"bias": np.zeros(5)},
            {"matrix_of": np.zeros(3, np.int32), "windows": np.zeros((3, 2), np.int32)},
            {"matrix_of": np.zeros(5, np.int32), "windows": np.zeros((5, 2), np.int32)},
            {"output_shape": (5, 1, 2)},
        ],
        ids=str,
    )
    def test_parts_that_do_not_fit_are_refused(self, wrong):
        with pytest.raises(UsageError, match="Aug-Conv"):
            aug_conv(**wrong)
