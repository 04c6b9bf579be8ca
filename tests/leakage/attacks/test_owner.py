"""Votes of blocks find the owner, a gallery with errors too, and nobody where he is not."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.attacks.grid import grid_of
from dpkit.leakage.attacks.owner import balanced, by_equality
from dpkit.leakage.linkage import score_links
from tests.leakage.attacks.mixing import faces, mixed_release
from tests.leakage.attacks.setting import pictures

FACES = faces()
OWNER = ATTACKS["owner"]


def linked(release, **changes):
    return OWNER.run(replace(release.view, **changes), Effort(is_full=False)).links


@pytest.mark.parametrize("seed", range(3))
def test_36_blocks_name_nearly_every_owner(seed):
    release = mixed_release(FACES, 4, seed=seed)
    found = score_links(linked(release), release.truth)
    assert found.top1.value >= 0.99
    assert found.tpr_1.value >= 0.99


def test_a_recompressed_gallery_names_him_too():
    release = mixed_release(FACES, 6)
    noise = np.random.default_rng(1).normal(0, 8, FACES.shape)
    noisy = np.clip(np.rint(release.view.gallery + noise), 0, 255).astype(np.uint8)
    assert score_links(linked(release, gallery=noisy), release.truth).top1.value >= 0.97


def test_one_row_a_picture_finds_more_than_each_row_alone():
    release = mixed_release(FACES, 12)
    gallery = np.moveaxis(release.view.gallery, -1, 1)
    alone, _ = by_equality(grid_of(release.view), release.view.values, gallery)
    together = score_links(balanced(alone, Effort()), release.truth).top1.value
    assert together >= score_links(alone, release.truth).top1.value + 0.05


def test_pictures_that_are_nobodys_may_stand_among_them():
    release = mixed_release(FACES[:60], 4)
    gallery = np.concatenate([release.view.gallery, FACES[60:]])
    links = linked(release, gallery=gallery)
    assert score_links(links, release.truth).top1.value >= 0.99
    assert np.exp(links).sum(axis=1) == pytest.approx(np.ones(60))


def test_a_black_border_decides_nothing():
    framed = FACES.copy()
    framed[:, :, :8] = framed[:, :, 16:] = 0
    release = mixed_release(framed, 4)
    assert score_links(linked(release), release.truth).top1.value >= 0.9


def test_a_gallery_without_the_owners_finds_no_more_than_chance():
    release = mixed_release(FACES[:50], 4)
    found = score_links(linked(release, gallery=FACES[50:]), release.truth)
    assert found.top1.low <= found.chance


def test_ragged_blocks_of_colour_pictures_name_him():
    release = mixed_release(pictures(20, 22, 3), 5, donors=4)
    assert score_links(linked(release), release.truth).top1.value == 1


def test_without_a_gallery_it_is_not_tried():
    view = replace(mixed_release(FACES[:20], 6).view, gallery=None)
    assert "gallery" in OWNER.unfit(view)
    with pytest.raises(UsageError, match="gallery"):
        OWNER.run(view, Effort())
