"""Known images give the others: exactly from q/κ on, visibly far below."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.known_pairs import block_of_each_pixel, recovered
from dpkit.leakage.attacks.morphed import cut
from dpkit.leakage.attacks.ridge import fit
from dpkit.types.adversary import KnownPairs
from tests.leakage.attacks.released import (
    OTHERS,
    PRIVATE,
    crops,
    decibels,
    morphed,
    native_crops,
    published,
    similarity,
)

ATTACK = ATTACKS["known-pairs"]
WANTED = 12
PIXELS = np.concatenate([crops(PRIVATE, WANTED, 32), crops(OTHERS, 60, 32, seed=1)])
SMALL = np.concatenate([crops(PRIVATE, WANTED, 12), crops(OTHERS, 120, 12, seed=1)])


def with_known(view, pixels, known):
    chosen = slice(WANTED, WANTED + known)
    pairs = KnownPairs(pixels[chosen], view.values[chosen])
    return replace(view, wanted=WANTED, known=pairs)


def test_one_image_is_enough_for_one_core_of_64_blocks():
    view = with_known(published(PIXELS, kappa=64, core="orthogonal"), PIXELS, 1)
    found = ATTACK.run(view, Effort())
    assert np.median(decibels(PIXELS[:WANTED], found.images)) > 100
    assert found.figures["left_out_error"] < 1e-4


@pytest.mark.parametrize(("core", "least"), [("gaussian", 80), ("orthogonal", 100)])
def test_as_many_blocks_as_a_core_has_values_give_all(core, least):
    view = with_known(published(PIXELS, kappa=16, core=core), PIXELS, 24)
    found = ATTACK.run(view, Effort())
    assert np.median(decibels(PIXELS[:WANTED], found.images)) > least


def test_distinct_cores_need_as_many_images():
    view = with_known(published(SMALL, kappa=9, cores="distinct", blocks="patch"), SMALL, 60)
    images, error = recovered(view, view.known, Effort())
    assert np.median(decibels(SMALL[:WANTED], images)) > 70
    few_pairs = KnownPairs(view.known.pixels[:20], view.known.values[:20])
    few, worse = recovered(view, few_pairs, Effort())
    assert error < 1e-3 < worse
    assert decibels(SMALL[:WANTED], few).mean() < 40


def test_a_twentieth_of_q_shows_the_picture():
    """κ 1 at 5 % of q = 3,072: 154 images of other photographs."""
    pixels = np.concatenate(
        [native_crops(PRIVATE, WANTED, 32), native_crops(OTHERS, 154, 32, seed=1)]
    )
    view = with_known(morphed(pixels, kappa=1).view, pixels, 154)
    found = ATTACK.run(view, Effort())
    assert similarity(pixels[:WANTED], found.images).mean() > 0.55


@pytest.mark.parametrize("cores", ["shared", "distinct"])
def test_scattered_pixels_are_sorted_into_their_blocks(cores):
    released = morphed(SMALL, kappa=9, cores=cores, interleave=True)
    view = with_known(released.view, SMALL, 60)
    blocks = cut(view, view.known.values)
    owner = block_of_each_pixel(blocks, released.rows[WANTED : WANTED + 60], Effort())
    expected = np.empty(432, int)
    expected[released.scatter] = np.repeat(np.arange(9), 48)
    assert (owner == expected).mean() > 0.99
    found = ATTACK.run(view, Effort())
    assert np.median(decibels(SMALL[:WANTED], found.images)) > 60


def test_too_few_for_that_still_show_something():
    view = with_known(morphed(SMALL, kappa=9, cores="distinct", interleave=True).view, SMALL, 40)
    found = ATTACK.run(view, Effort())
    assert decibels(SMALL[:WANTED], found.images).mean() > 15


def test_with_a_key_an_image_nothing_is_learned():
    view = with_known(morphed(SMALL, kappa=9, key_an_image=True).view, SMALL, 60)
    found = ATTACK.run(view, Effort())
    assert found.figures["left_out_error"] > 0.5
    assert similarity(SMALL[:WANTED], found.images).mean() < 0.2


def test_without_known_images_there_is_no_attack():
    view = morphed(SMALL, kappa=9).view
    assert ATTACK.unfit(view)
    with pytest.raises(UsageError, match="known"):
        ATTACK.run(view, Effort())


@pytest.mark.parametrize("rows", [20, 70])
def test_the_error_of_rows_left_out_is_that_of_fits_without_them(rows):
    rng = np.random.default_rng(2)
    morphed_rows, plain = rng.standard_normal((rows, 40)), rng.standard_normal((rows, 5))
    ridge = fit(morphed_rows, plain)
    penalty = ridge.weight * np.linalg.norm(morphed_rows, 2) ** 2 * np.eye(40)
    misses = []
    for out in range(rows):
        seen, known = np.delete(morphed_rows, out, 0), np.delete(plain, out, 0)
        solved = np.linalg.solve(seen.T @ seen + penalty, seen.T @ known)
        misses.append(morphed_rows[out] @ solved - plain[out])
    expected = np.linalg.norm(misses) / np.linalg.norm(plain)
    assert ridge.error == pytest.approx(expected, rel=1e-6)
