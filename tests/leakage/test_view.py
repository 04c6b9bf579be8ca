"""The picture that a viewer makes of released values."""

import numpy as np

from dpkit.leakage.metrics import score
from dpkit.leakage.view import picture, viewed


def test_each_image_is_stretched_on_its_own_scale():
    values = np.array([[[[-2.0, 0.0], [1.0, 2.0]]], [[[10.0, 20.0], [20.0, 10.0]]]], np.float32)
    seen = viewed(values, 255)
    assert seen.shape == (2, 2, 2, 1)
    assert seen[0, ..., 0].tolist() == [[0.0, 127.5], [191.25, 255.0]]
    assert seen[1, ..., 0].tolist() == [[0.0, 255.0], [255.0, 0.0]]


def test_all_channels_share_one_scale():
    values = np.stack([np.full((3, 3), v, np.float32) for v in (0, 1, 4)])[None]
    assert viewed(values, 100)[0, 0, 0].tolist() == [0.0, 25.0, 100.0]


def test_an_image_of_one_value_is_black():
    assert not viewed(np.full((1, 3, 4, 4), 9, np.float16), 65535).any()


def test_a_picture_has_eight_bits_and_channels_last():
    seen = picture(np.arange(12, dtype=np.float32).reshape(3, 2, 2))
    assert seen.dtype == np.uint8
    assert seen.shape == (2, 2, 3)
    assert (seen.min(), seen.max()) == (0, 255)


def test_the_scores_are_of_this_view():
    rng = np.random.default_rng(1)
    originals = rng.integers(0, 256, (2, 12, 12, 3), dtype=np.uint8)
    values = rng.standard_normal((2, 3, 12, 12)).astype(np.float32)
    expected = ((originals - viewed(values, 255)) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(score(originals, values, 255)["mse"], expected)
