import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.types import block_places, patch_side

sides = st.integers(1, 5)


class TestBlockPlaces:
    @given(channels=st.sampled_from([1, 3]), down=sides, across=sides, side=sides)
    def test_every_value_stands_in_one_block_once(self, channels, down, across, side):
        shape = (channels, down * side, across * side)
        for blocks in ("raster", "patch"):
            places = block_places(blocks, down * across, shape)
            assert places.shape == (down * across, channels * side * side)
            assert np.array_equal(np.sort(places, axis=None), np.arange(np.prod(shape)))

    @given(down=sides, across=sides, side=sides)
    def test_a_patch_is_a_square_of_all_channels_as_a_kernel_lies(self, down, across, side):
        image = np.random.default_rng(0).random((3, down * side, across * side))
        places = block_places("patch", down * across, image.shape)
        for block, (y, x) in enumerate(np.ndindex(down, across)):
            patch = image[:, y * side : (y + 1) * side, x * side : (x + 1) * side]
            assert np.array_equal(image.reshape(-1)[places[block]], patch.reshape(-1))

    def test_a_raster_block_is_a_run(self):
        assert np.array_equal(block_places("raster", 2, (1, 2, 3)), [[0, 1, 2], [3, 4, 5]])

    @pytest.mark.parametrize(("blocks", "kappa"), [("raster", 5), ("patch", 2), ("patch", 0)])
    def test_blocks_that_do_not_cover_are_refused(self, blocks, kappa):
        with pytest.raises(ValueError, match="kappa"):
            block_places(blocks, kappa, (1, 4, 4))


def test_a_patch_must_divide_both_sides():
    assert patch_side(64, 32, 32) == 4
    assert patch_side(6, 8, 12) == 4
    assert patch_side(24, 6, 16) == 2
    assert patch_side(4, 6, 6) == 3
    assert patch_side(9, 4, 4) is None
