import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.readers.resize import place, resize

from .zoo import photograph

side = st.integers(1, 700)
sizes = st.tuples(side, side)


def triangle_weights(source, start, length, target):
    """Weights [target,source] of the antialiased bilinear filter over a stretch of the source."""
    scale = length / target
    support = max(scale, 1.0)
    centres = start + (np.arange(target) + 0.5) * scale
    distance = np.abs((np.arange(source)[None, :] + 0.5 - centres[:, None]) / support)
    inside = (np.arange(source) + 0.5 > start - 0.5) & (np.arange(source) < start + length)
    weights = np.clip(1 - distance, 0, None) * inside
    return weights / weights.sum(axis=1, keepdims=True)


def twin(pixels, target, fit):
    """The plain twin, in float64 matrices."""
    placement = place(pixels.shape[:2], target, fit)
    left, top, right, bottom = placement.box
    rows = triangle_weights(pixels.shape[0], top, bottom - top, placement.size[0])
    columns = triangle_weights(pixels.shape[1], left, right - left, placement.size[1])
    scaled = np.einsum("ih,hw...,jw->ij...", rows, pixels.astype(float), columns)
    out = np.zeros((*target, *pixels.shape[2:]))
    y, x = placement.origin
    out[y : y + placement.size[0], x : x + placement.size[1]] = scaled
    return out


@given(sizes, sizes)
def test_pad_shows_the_whole_source_inside_the_target_and_touches_two_sides(source, target):
    placed = place(source, target, "pad")
    assert placed.box == (0, 0, source[1], source[0])
    assert 1 <= placed.size[0] <= target[0]
    assert 1 <= placed.size[1] <= target[1]
    assert placed.size[0] == target[0] or placed.size[1] == target[1]


@given(sizes, sizes)
def test_pad_keeps_the_shape_to_half_a_pixel_and_centres_it(source, target):
    placed = place(source, target, "pad")
    scale = min(target[0] / source[0], target[1] / source[1])
    for n in range(2):
        assert abs(placed.size[n] - max(1, source[n] * scale)) <= 0.5 + 1e-9
        left_over = target[n] - placed.size[n]
        assert placed.origin[n] == left_over // 2


@given(sizes, sizes)
def test_crop_takes_a_centred_box_of_the_targets_shape(source, target):
    placed = place(source, target, "crop")
    left, top, right, bottom = placed.box
    assert placed.size == target
    assert -1e-9 <= left <= right <= source[1] + 1e-9
    assert -1e-9 <= top <= bottom <= source[0] + 1e-9
    assert (right - left) * target[0] == pytest.approx((bottom - top) * target[1])
    assert left + right == pytest.approx(source[1])
    assert top + bottom == pytest.approx(source[0])


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_any_size_becomes_any_other(source, target):
    for fit in ("pad", "crop", "stretch"):
        for pixels in (np.full(source, 200, np.uint8), np.full((*source, 3), 60000, np.uint16)):
            found = resize(pixels, target, fit)
            assert found.shape == (*target, *pixels.shape[2:])
            assert found.dtype == pixels.dtype
            levels = {0, int(pixels.max())} if fit == "pad" else {int(pixels.max())}
            assert set(np.unique(found).tolist()) <= levels


@pytest.mark.parametrize("fit", ["pad", "stretch"])
@pytest.mark.parametrize("target", [(20, 20), (64, 48), (7, 90), (1, 1)])
@pytest.mark.parametrize("source", [(45, 60), (33, 20)])
def test_8_bits_agree_with_the_twin_to_one_level(source, target, fit):
    pixels = photograph(*source)
    difference = resize(pixels, target, fit).astype(float) - twin(pixels, target, fit)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("fit", ["pad", "stretch"])
@pytest.mark.parametrize("target", [(20, 20), (64, 48), (7, 90), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_agree_with_the_twin_to_one_level(channels, target, fit):
    pixels = photograph(45, 60).astype(np.uint16) * 256 + 37
    pixels = pixels[..., 0] if channels == 1 else pixels
    difference = resize(pixels, target, fit).astype(float) - twin(pixels, target, fit)
    assert np.abs(difference).max() <= 1


def test_an_even_crop_is_the_stretch_of_the_middle():
    pixels = photograph(40, 60)
    np.testing.assert_array_equal(
        resize(pixels, (20, 20), "crop"), resize(pixels, (20, 30), "stretch")[:, 5:25]
    )


def test_an_image_of_the_size_is_the_same_bytes_and_no_copy():
    pixels = photograph(8, 9)
    assert resize(pixels, (8, 9), "pad") is pixels


def test_the_pad_is_zero_and_centred():
    found = resize(np.full((10, 20), 255, np.uint8), (20, 20), "pad")
    assert (found[5:15] == 255).all()
    assert (found[:5] == 0).all()
    assert (found[15:] == 0).all()


def test_full_16_bit_white_stays_white():
    found = resize(np.full((9, 9), 65535, np.uint16), (20, 31), "stretch")
    assert (found == 65535).all()
