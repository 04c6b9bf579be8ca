"""Distinct cores fall block by block; scattered pixels tell nothing."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS, chained
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.moments import Whitening, each, polar
from dpkit.leakage.scoring import score_images
from tests.leakage.attacks.morphed import PRIVATE, PUBLIC, crops, scattered, view_of

ATTACK = ATTACKS["chained"]
ORIGINALS, OTHERS = crops(PRIVATE, 800, 16, 1), crops(PUBLIC, 2000, 16, 1, seed=9)
QUICK = Effort(is_full=False)


def test_pictures_come_back_from_cores_that_all_differ():
    found = ATTACK.run(view_of(ORIGINALS, OTHERS, kappa=32, cores="distinct"), QUICK)
    both = (found.images, found.images[:, :, ::-1])
    assert max(score_images(ORIGINALS[:60], seen, 255)[1].mean for seen in both) >= 0.7


def test_scattered_pixels_tell_nothing_but_brightness():
    view = view_of(scattered(ORIGINALS), OTHERS, kappa=32, cores="distinct")
    found = ATTACK.run(view, QUICK)
    flat = ORIGINALS[:60] - ORIGINALS[:60].mean(axis=(1, 2), keepdims=True)
    seen = found.images - found.images.mean(axis=(1, 2), keepdims=True)
    assert abs((flat * seen).sum() / np.sqrt((flat**2).sum() * (seen**2).sum())) < 0.15


class TestIsNotTried:
    view = view_of(ORIGINALS[:100], OTHERS, kappa=32, cores="distinct")

    @pytest.mark.parametrize(
        ("changed", "word"),
        [
            ({"interleave": True}, "scattered"),
            ({"cores": "shared"}, "shared"),
            ({"kappa": 2}, "2 blocks"),
            ({"kappa": 4}, "100 images"),
        ],
    )
    def test_where_parameters_stop_it(self, changed, word):
        view = replace(self.view, parameters={**self.view.parameters, **changed})
        assert word in chained.unfit(view)

    def test_without_public_pictures(self):
        alone = replace(self.view, public=None)
        assert "pictures of its own" in chained.unfit(alone)
        with pytest.raises(UsageError, match="public pictures"):
            ATTACK.run(alone, QUICK)

    def test_where_it_can_be_it_says_nothing(self):
        assert chained.unfit(self.view) == ""


def test_whitened_rows_are_white_and_come_back():
    rows = np.random.default_rng(0).standard_normal((50, 4)) @ np.diag([1.0, 5.0, 0.1, 20.0])
    whitening = Whitening.of(rows.T @ rows / len(rows))
    white = rows @ whitening.forward
    assert np.allclose(white.T @ white / len(rows), np.eye(4))
    assert np.allclose(white @ whitening.back, rows)


def test_blocks_meet_their_own_matrix():
    rng = np.random.default_rng(0)
    rows, matrices = rng.standard_normal((3, 2, 4)), rng.standard_normal((2, 4, 4))
    assert np.allclose(each(rows, matrices)[1, 1], rows[1, 1] @ matrices[1])
    assert np.allclose(polar(3 * np.eye(4)), np.eye(4))
