"""The originals in no order are matched to the release, and then give the key."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from tests.leakage.attacks.released import OTHERS, PRIVATE, crops, decibels, morphed

ATTACK = ATTACKS["unordered-set"]
PIXELS = crops((*PRIVATE, *OTHERS), 160, 12)


def view_of(wanted, gallery, **options):
    order = np.random.default_rng(4).permutation(gallery)
    released = morphed(PIXELS[:wanted], **options)
    return order, replace(released.view, gallery=PIXELS[:gallery][order])


@pytest.mark.parametrize(
    ("law", "cores", "kappa"),
    [("gaussian", "shared", 9), ("uniform", "shared", 9), ("gaussian", "distinct", 18)],
)
def test_the_whole_set_is_put_in_order_and_solved(law, cores, kappa):
    order, view = view_of(80, 80, kappa=kappa, law=law, cores=cores)
    assert not ATTACK.unfit(view)
    found = ATTACK.run(view, Effort())
    assert (order[found.links.argmax(axis=1)] == np.arange(80)).mean() >= 0.97
    assert np.median(decibels(PIXELS[:80], found.images)) > 60


def test_decoys_do_not_hide_the_set():
    order, view = view_of(80, 160, kappa=9)
    found = ATTACK.run(view, Effort())
    assert (order[found.links.argmax(axis=1)] == np.arange(80)).mean() > 0.9
    assert found.figures["left_out_error"] < 0.1


def test_with_a_key_an_image_it_says_so_itself():
    _, view = view_of(80, 80, kappa=9, key_an_image=True)
    found = ATTACK.run(view, Effort())
    assert found.images is None
    assert "says nothing" in found.sentence


def test_says_why_it_is_not_tried():
    _, view = view_of(20, 20, kappa=1)
    assert "too few" in ATTACK.unfit(view)
    assert ATTACK.unfit(replace(view, gallery=None))
    with pytest.raises(UsageError, match="originals"):
        ATTACK.run(replace(view, gallery=None), Effort())
