"""A shared core falls to the moments of other photographs; scattered pixels tell nothing."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS, second_order
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from dpkit.leakage.scoring import score_images, score_views
from tests.leakage.attacks.morphed import PRIVATE, PUBLIC, crops, scattered, view_of

ATTACK = ATTACKS["second-order"]
ORIGINALS, OTHERS = crops(PRIVATE, 800, 16, 1), crops(PUBLIC, 2000, 16, 1, seed=9)
QUICK = Effort(is_full=False)


def ssim(originals, images):
    """Return the mean SSIM, of the images or of their mirror images."""
    both = (score_images(originals, seen, 255)[1].mean for seen in (images, images[:, :, ::-1]))
    return max(both)


def ncc(originals, images):
    """Return the mean correlation of grey views, of the images or of their mirror images."""
    grey = images.mean(axis=3)[:, None]
    return max(score_views(originals, v, 255)[1].mean for v in (grey, grey[..., ::-1]))


@pytest.mark.parametrize("core", ["gaussian", "orthogonal"])
def test_pictures_come_back_whatever_the_law_of_the_core(core):
    found = ATTACK.run(view_of(ORIGINALS, OTHERS, kappa=32, core=core), QUICK)
    assert found.images.shape == (60, 16, 16, 1)
    assert ssim(ORIGINALS[:60], found.images) >= 0.65
    assert "mirror image" in found.sentence


def test_pictures_come_back_from_patches():
    found = ATTACK.run(view_of(ORIGINALS, OTHERS, kappa=16, blocks="patch"), QUICK)
    assert ncc(ORIGINALS[:60], found.images) >= 0.6


@pytest.mark.slow
def test_pictures_come_back_in_colour():
    originals, others = crops(PRIVATE, 400, 16, 3), crops(PUBLIC, 1000, 16, 3, seed=9)
    found = ATTACK.run(view_of(originals, others, kappa=48), QUICK)
    assert found.images.shape == (60, 16, 16, 3)
    assert ncc(originals[:60], found.images) >= 0.6


def test_scattered_pixels_tell_nothing_but_brightness():
    view = view_of(scattered(ORIGINALS), OTHERS, kappa=32)
    found = ATTACK.run(view, QUICK)
    flat = ORIGINALS[:60] - ORIGINALS[:60].mean(axis=(1, 2), keepdims=True)
    seen = found.images - found.images.mean(axis=(1, 2), keepdims=True)
    assert abs((flat * seen).sum() / np.sqrt((flat**2).sum() * (seen**2).sum())) < 0.15


@pytest.mark.slow
def test_one_seed_finds_the_same_again():
    view = view_of(ORIGINALS, OTHERS, kappa=32)
    one, other = (ATTACK.run(view, Effort(seed=3, is_full=False)).images for _ in range(2))
    assert np.array_equal(one, other)


class TestIsNotTried:
    view = view_of(ORIGINALS[:100], OTHERS, kappa=32)

    def with_parameters(self, **changed):
        return replace(self.view, parameters={**self.view.parameters, **changed})

    def test_where_it_can_be_it_says_nothing(self):
        assert second_order.unfit(self.view) == ""

    @pytest.mark.parametrize(
        ("changed", "word"),
        [
            ({"interleave": True}, "scattered"),
            ({"cores": "distinct"}, "distinct"),
            ({"kappa": 2}, "2 blocks"),
            ({"kappa": 256}, "1 values"),
        ],
    )
    def test_where_parameters_stop_it(self, changed, word):
        assert word in second_order.unfit(self.with_parameters(**changed))

    def test_where_blocks_are_few(self):
        few = replace(self.view, values=self.view.values[:2], wanted=2)
        assert second_order.unfit(replace(few, parameters={**few.parameters, "kappa": 8}))

    def test_without_public_pictures(self):
        alone = replace(self.view, public=None)
        assert "pictures of its own" in second_order.unfit(alone)
        with pytest.raises(UsageError, match="public pictures"):
            ATTACK.run(alone, QUICK)


def test_it_ends_with_its_time():
    with pytest.raises(OutOfBudgetError):
        ATTACK.run(view_of(ORIGINALS[:100], OTHERS, kappa=32), Effort(seconds=-1.0))
