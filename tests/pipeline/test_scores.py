import stat

import numpy as np
import pytest

from dpkit.errors import IntegrityError
from dpkit.pipeline.scores import ShardScores
from dpkit.pipeline.tile import Tile
from dpkit.types import SanitizedBatch

NAMES = np.array([b"A" * 26] * 3)


def tile(first, bad=()):
    values = np.full((3, 1, 2, 2), float(first), np.float32)
    good = np.ones(3, bool)
    good[list(bad)] = False
    return Tile(
        SanitizedBatch(values, np.arange(3), NAMES, NAMES),
        good,
        tuple((f"image {first + i}", "cut short, \udce9") for i in bad),
        {"ssim": np.arange(3.0) + first},
        np.full((3, 16), first, np.uint8),
        np.full((2, 1), float(first)),
    )


def test_rows_that_left_their_shard_have_no_scores():
    scores = ShardScores.gather([tile(0, bad=[1]), tile(10)])
    assert scores.good.tolist() == [True, False, True, True, True, True]
    assert scores.metrics["ssim"].tolist() == [0, 2, 10, 11, 12]
    assert scores.tags[:, 0].tolist() == [0, 0, 10, 10, 10]
    assert scores.sums.tolist() == [[10.0], [10.0]]
    assert scores.bad == (("image 1", "cut short, \udce9"),)


def test_they_come_back_from_a_private_file(tmp_path):
    scores = ShardScores.gather([tile(0, bad=[0, 2])])
    scores.save(tmp_path / "00000.npz")
    assert stat.S_IMODE((tmp_path / "00000.npz").stat().st_mode) == 0o600
    back = ShardScores.load(tmp_path / "00000.npz")
    assert back.bad == scores.bad
    for name in ("good", "tags", "sums"):
        assert np.array_equal(getattr(back, name), getattr(scores, name))
    assert np.array_equal(back.metrics["ssim"], scores.metrics["ssim"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x80\x04pickle"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "00000.npz").write_bytes(content)
    with pytest.raises(IntegrityError, match="cannot be read"):
        ShardScores.load(tmp_path / "00000.npz")
