import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.types import Geometry, ImageBatch, SanitizedBatch

IDS = np.array([b"A" * 26, b"B" * 26])


def test_a_geometry_counts_its_elements():
    """128x128x3: N = 49152, the paper's Fig. 7."""
    assert Geometry(3, 128, 128, 8).elements == 49152


@pytest.mark.parametrize(("depth", "peak", "dtype"), [(8, 255, "uint8"), (16, 65535, "uint16")])
def test_the_depth_rules_peak_and_pixel_type(depth, peak, dtype):
    geometry = Geometry(1, 4, 5, depth)
    assert geometry.peak == peak
    assert geometry.pixel_dtype == dtype


@pytest.mark.parametrize(
    "shape", [(2, 8, 8, 8), (3, 0, 8, 8), (3, 8, 65536, 8), (3, 8, 8, 12), (0, 8, 8, 8)]
)
def test_an_impossible_geometry_is_refused(shape):
    with pytest.raises(UsageError):
        Geometry(*shape)


@pytest.mark.parametrize("batch", [ImageBatch, SanitizedBatch])
def test_columns_of_a_batch_agree_in_length(batch):
    with pytest.raises(ValueError, match="differ in length"):
        batch(np.zeros((3, 1, 2, 2)), np.zeros(2, np.int64), IDS, IDS)


def test_rows_are_taken_by_mask():
    batch = SanitizedBatch(np.arange(8.0).reshape(2, 1, 2, 2), np.array([4, 5]), IDS, IDS)
    left = batch.take(np.array([False, True]))
    assert len(left) == 1
    assert left.targets.tolist() == [5]
    assert left.ids.tolist() == [b"B" * 26]
