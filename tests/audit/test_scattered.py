"""Scattered pixels where all originals are at hand in no order: what the dither is for."""

import pytest

from dpkit.audit.holdings import holdings
from dpkit.audit.options import Options
from dpkit.audit.trial import attempt
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from tests.audit.stages import stage

HARDENED = {"kappa": 16, "cores": "distinct", "core": "bounded", "interleave": True}


@pytest.fixture(scope="module", params=[False, True], ids=["without dither", "with dither"])
def tried(request):
    """Return whether 400 images of 8x8x3 were dithered, and what each attack of A7 made of them."""
    released = stage(side=8, n=400, more=0, dither=request.param, options=Options(), **HARDENED)
    every = holdings("A7", released)[0]
    return request.param, {
        name: attempt(ATTACKS[name], every, released.originals, Effort())
        for name in ("linkage", "unordered-set")
    }


def test_owners_are_found_unless_pixels_were_dithered(tried):
    is_dithered, trials = tried
    found = trials["linkage"].links.top1.value
    assert found < 0.1 if is_dithered else found == 1


def test_pictures_come_back_unless_pixels_were_dithered(tried):
    is_dithered, trials = tried
    images = trials["unordered-set"].images
    assert images is None if is_dithered else images.ssim.mean() > 0.99
