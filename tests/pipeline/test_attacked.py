"""How many rows an audit reads with their originals."""

import pytest

from dpkit.audit.options import MOST_BYTES, Options
from dpkit.pipeline.attacked import rows_with_originals
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry

COLOURS = Geometry(3, 32, 32, 8)


def test_a_full_audit_of_small_pictures_reads_what_a_gallery_attack_needs():
    assert rows_with_originals(Options(), Morph(), COLOURS) == 5461
    assert 1.5 * COLOURS.elements < 5461


def test_it_reads_4096_of_larger_ones_and_never_more_than_attacks_may_see():
    assert rows_with_originals(Options(), Morph(), Geometry(3, 64, 64, 8)) == 4096
    assert rows_with_originals(Options(), Morph(), Geometry(1, 8, 8, 8)) == 8192


@pytest.mark.parametrize("depth", [8, 16])
def test_it_stays_within_the_memory_for_rows(depth):
    large = Geometry(3, 224, 224, depth)
    count = rows_with_originals(Options(), Morph(), large)
    assert 2 <= count < 512
    assert count * large.elements * (4 + 3 * depth // 8) <= MOST_BYTES


def test_a_quick_audit_reads_the_images_that_it_is_asked_for():
    assert rows_with_originals(Options(mode="quick"), Morph(), COLOURS) == 256
