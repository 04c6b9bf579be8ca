"""Released images are linked to their originals among others, and to nobody under fresh keys."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from tests.leakage.attacks.released import OTHERS, PRIVATE, crops, morphed

ATTACK = ATTACKS["linkage"]
WANTED, GALLERY = 40, 160
PIXELS = crops((*PRIVATE, *OTHERS), 240, 12)
ORDER = np.random.default_rng(4).permutation(GALLERY)


def view_of(**options):
    """Return a view whose gallery holds the wanted images and others that are not released."""
    released = morphed(np.concatenate([PIXELS[:WANTED], PIXELS[GALLERY:]]), **options)
    return replace(released.view, wanted=WANTED, gallery=PIXELS[:GALLERY][ORDER])


def found_first(links):
    return (ORDER[links.argmax(axis=1)] == np.arange(WANTED)).mean()


@pytest.mark.parametrize(
    ("law", "cores", "interleave", "least"),
    [
        ("gaussian", "shared", False, 0.8),
        ("uniform", "shared", False, 0.8),
        ("gaussian", "distinct", False, 0.3),
        ("orthogonal", "shared", False, 1.0),
        ("orthogonal", "distinct", True, 1.0),
    ],
)
def test_originals_are_found_in_the_gallery(law, cores, interleave, least):
    view = view_of(
        kappa=9 if cores == "shared" else 18, law=law, cores=cores, interleave=interleave
    )
    assert not ATTACK.unfit(view)
    found = ATTACK.run(view, Effort())
    assert found.links.shape == (WANTED, GALLERY)
    assert found_first(found.links) >= least
    assert found.images is None


@pytest.mark.parametrize("law", ["gaussian", "orthogonal"])
@pytest.mark.slow
def test_scattered_pixels_leave_whole_images_to_compare_where_the_set_is_large(law):
    pixels = crops((*PRIVATE, *OTHERS), 240, 6)
    released = morphed(pixels, kappa=9, law=law, cores="distinct", interleave=True)
    order = np.random.default_rng(4).permutation(len(pixels))
    view = replace(released.view, wanted=WANTED, gallery=pixels[order])
    assert not ATTACK.unfit(view)
    found = ATTACK.run(view, Effort()).links
    assert (order[found.argmax(axis=1)] == np.arange(WANTED)).mean() >= 0.95
    few = replace(view, gallery=pixels[order][:100])
    assert law == "orthogonal" or "from 162 originals on" in ATTACK.unfit(few)


def test_with_a_key_an_image_a_guess_does_as_well():
    found = ATTACK.run(view_of(kappa=9, key_an_image=True), Effort())
    assert found_first(found.links) < 0.15


def test_says_why_it_is_not_tried():
    view = view_of(kappa=9)
    assert "gallery" in ATTACK.unfit(replace(view, gallery=None))
    assert "scattered" in ATTACK.unfit(view_of(kappa=9, interleave=True))
    assert "too few" in ATTACK.unfit(view_of(kappa=1))
    with pytest.raises(UsageError, match="gallery"):
        ATTACK.run(replace(view, gallery=None), Effort())
