"""Small blocks of flat pictures give the key's lattice away; dither and keys an image do not."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.one_grey_level import independent
from tests.leakage.attacks.released import morphed, published, similarity

ATTACK = ATTACKS["one-grey-level"]
LARGE = np.stack(
    [
        skimage.data.camera()[y : y + 128, x : x + 128, None]
        for y in (0, 128)
        for x in (0, 128, 256, 384)
    ]
)[:6]
CAMERA = np.stack([skimage.data.camera()[y : y + 64, :64, None] for y in range(0, 256, 64)])


@pytest.mark.parametrize("q", [8, 16])
def test_pictures_come_back_from_the_release_alone(q):
    view = published(LARGE, kappa=128 * 128 // q, core="orthogonal")
    found = ATTACK.run(replace(view, wanted=3), Effort())
    assert found.figures["lattice_share"] == 1
    assert found.images.shape == (3, 128, 128, 1)
    assert similarity(LARGE[:3], found.images).mean() > 0.9
    assert "rows" in found.finding


@pytest.mark.parametrize("law", ["gaussian", "uniform"])
def test_the_lattice_is_found_under_every_law(law):
    released = morphed(CAMERA, kappa=512, law=law)
    found = ATTACK.run(released.view, Effort())
    assert found.figures["lattice_share"] == 1


def test_scattered_pixels_under_one_core_give_levels_but_no_pictures():
    released = morphed(CAMERA // 16 * 16 + 3, kappa=512, law="orthogonal", interleave=True)
    assert ATTACK.run(released.view, Effort()).images is None


@pytest.mark.parametrize("change", ["dither", "key"])
def test_dither_and_a_key_an_image_leave_nothing_that_recurs(change):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, CAMERA.shape)
    pixels = CAMERA + noise if change == "dither" else CAMERA
    kappa = 512 if change == "dither" else 4096 // 64
    released = morphed(
        pixels, kappa=kappa, law="orthogonal", key_an_image=change == "key",
        cores="distinct" if change == "key" else "shared",
    )  # fmt: skip
    found = ATTACK.run(released.view, Effort())
    assert found.figures["steps_share"] == 0
    assert not found.finding


def test_sums_of_earlier_steps_are_left_out():
    steps = np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 1]])
    assert np.array_equal(independent(steps), steps[[0, 1, 3]])


def test_is_not_tried_where_it_cannot_succeed():
    view = morphed(CAMERA[:1], kappa=512).view
    assert not ATTACK.unfit(view)
    assert "coarse" in ATTACK.unfit(replace(view, values=view.values.astype(np.float16)))
    assert "dither" in ATTACK.unfit(replace(view, parameters={**view.parameters, "dither": True}))
    assert "values" in ATTACK.unfit(replace(view, parameters={**view.parameters, "kappa": 1}))
