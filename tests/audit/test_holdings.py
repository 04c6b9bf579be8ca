"""What each rung holds: enough, and nothing of a scored image but its released row."""

import numpy as np
import pytest

from dpkit.audit.holdings import RUNG_HOLDINGS, holdings
from dpkit.audit.options import Options
from dpkit.types.ladder import RUNGS
from tests.audit.stages import stage

MORPHED = stage(kappa=16)


def same_rows(pixels, others):
    """Return how many images of one set stand in another."""
    known = {image.tobytes() for image in others}
    return sum(image.tobytes() in known for image in pixels)


def test_there_is_a_way_to_hold_for_every_rung():
    assert list(RUNG_HOLDINGS) == list(RUNGS)


@pytest.mark.parametrize("rung", ["A0", "A1", "A2", "A3", "A6", "A7"])
class TestEveryView:
    def test_begins_with_the_scored_rows(self, rung):
        scored = MORPHED.subject.values[MORPHED.halves.scored]
        for holding in holdings(rung, MORPHED):
            assert np.array_equal(holding.view.targets, scored)

    def test_holds_no_layer_that_was_not_handed_over(self, rung):
        for holding in holdings(rung, MORPHED):
            assert holding.view.augconv is None
            assert holding.view.first_conv is None


def test_the_adversarys_pictures_hold_none_of_the_scored():
    for rung in ("A2", "A3"):
        for holding in holdings(rung, MORPHED):
            assert not same_rows(holding.view.public.pixels, MORPHED.originals)


def test_pictures_of_another_kind_are_never_the_only_ones():
    kinds = [h.view.public.kind for h in holdings("A2", stage(kappa=16, options=Options()))]
    assert kinds == ["same", "other"]


def test_known_images_are_pairs_of_the_other_half():
    known = [h.view.known for h in holdings("A6", MORPHED)]
    assert [len(pairs) for pairs in known] == [1, 3, 10, 30]
    for pairs in known:
        assert not same_rows(pairs.pixels, MORPHED.originals)
        assert same_rows(pairs.values, MORPHED.subject.values) == len(pairs)


def test_a_gallery_holds_the_scored_originals_in_no_order():
    exact, whole = holdings("A7", MORPHED)
    for holding in (exact, whole):
        assert np.array_equal(holding.view.gallery[holding.owners], MORPHED.originals)
        assert not np.array_equal(holding.owners, np.arange(len(holding.owners)))
    assert len(exact.view.gallery) == len(exact.view.values) == len(MORPHED.originals)
    assert len(whole.view.gallery) == len(MORPHED.subject)


def test_where_pixels_were_scattered_all_originals_may_be_held():
    scattered = stage(kappa=16, cores="distinct", interleave=True)
    every = holdings("A7", scattered)[0]
    assert len(every.view.gallery) == len(every.view.values) == len(scattered.subject)
    assert np.array_equal(every.view.gallery[every.owners], scattered.originals)


def test_whoever_has_the_shards_has_all_rows_that_were_read():
    few = stage(kappa=16, options=Options(mode="quick", images=10))
    seen = holdings("A1", few)[0].view
    assert (seen.wanted, len(seen.values)) == (10, len(few.subject) + len(few.subject.others))


def test_the_adversarys_own_set_is_not_among_the_rows_that_it_is_to_explain():
    for holding in holdings("A2", MORPHED):
        assert len(holding.view.values) == len(MORPHED.halves.scored) + 20


def test_without_one_label_a_row_nobody_stands_on_a3():
    assert not holdings("A3", stage(kappa=16, labelled=False))


@pytest.mark.parametrize("rung", ["A4", "A5"])
def test_without_aug_conv_nobody_stands_on(rung):
    assert not holdings(rung, MORPHED)
