"""Mixing: the law of replacement, who may be a donor, and that only key and row decide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import DpkitError, UsageError
from dpkit.sanitizers.mix import Mix
from dpkit.types import Company, Geometry, ImageBatch, Secret

GEOMETRY = Geometry(3, 16, 16, 8)
# Every statistical test here is fixed by its seed. The bounds are 5 standard deviations: another
# seed would break one of them with a probability below 1e-5.
SIGMAS = 5


def company_of(n, *, strata=None, groups=None, geometry=GEOMETRY, part="train"):
    """A company of `n` images whose every pixel is the image's own number."""
    shape = (n, geometry.channels, geometry.height, geometry.width)
    planes = np.empty(shape, np.uint8)
    planes[...] = np.arange(n).reshape(-1, 1, 1, 1)
    order = np.arange(n)
    strata = np.zeros(n, np.int64) if strata is None else np.asarray(strata)
    groups = order if groups is None else np.asarray(groups)
    return Company(planes, strata, groups, 1000 + order, part)


def sources(sanitizer, company, seed=7, geometry=GEOMETRY):
    key = sanitizer.fit(geometry, Secret(bytes([seed]) * 32))
    return sanitizer.sources(company, np.arange(len(company)), key, geometry)


def shares(sanitizer, n=2000):
    found = sources(sanitizer, company_of(n))
    return float((found == -1).mean()), found.size


class TestTheLawOfReplacement:
    @pytest.mark.parametrize("rounds", [1, 2, 3])
    def test_a_block_stays_with_probability_2_to_the_minus_rounds(self, rounds):
        sanitizer = Mix(Lb=2, Wb=2, Nt=rounds)
        share, blocks = shares(sanitizer)
        expected = sanitizer.kept_share(GEOMETRY)
        assert expected == pytest.approx(2.0**-rounds, abs=1e-4)
        assert abs(share - expected) < SIGMAS * np.sqrt(expected * (1 - expected) / blocks)

    @pytest.mark.parametrize(("p", "side"), [(0.5, 8), (0.2, 8), (0.9, 8), (0.02, 8)])
    def test_with_few_blocks_the_law_is_that_of_images_that_changed(self, p, side):
        sanitizer = Mix(Lb=side, Wb=side, p_replace=p)
        share, blocks = shares(sanitizer)
        expected = sanitizer.kept_share(GEOMETRY)
        assert expected < 1 - p
        # blocks of one image are not independent here: count images, each a mean of 4 blocks
        assert abs(share - expected) < SIGMAS * 0.5 / np.sqrt(blocks / 4)

    def test_p_1_leaves_nothing_in_place(self):
        assert not (sources(Mix(Lb=4, Wb=4, p_replace=1.0), company_of(50)) == -1).any()

    def test_every_image_changes(self):
        found = sources(Mix(Lb=8, Wb=8, p_replace=0.05), company_of(300))
        assert (found != -1).any(axis=1).all()


class TestDonors:
    def test_an_image_has_n_s_of_them_at_most(self):
        found = sources(Mix(Lb=1, Wb=1, Ns=4, p_replace=1.0), company_of(60))
        assert {len(set(row)) for row in found.tolist()} == {4}

    def test_they_are_of_its_label_and_of_another_group(self):
        strata, groups = np.repeat([0, 1], 40), np.tile(np.arange(20), 4)
        found = sources(Mix(Lb=1, Wb=1, Ns=5), company_of(80, strata=strata, groups=groups))
        row, block = np.nonzero(found != -1)
        donor = found[row, block]
        assert (strata[donor] == strata[row]).all()
        assert (groups[donor] != groups[row]).all()

    def test_each_is_equally_likely(self):
        n = 41
        found = sources(Mix(Lb=1, Wb=1, Ns=40, p_replace=1.0), company_of(n))
        counts = np.bincount(found.reshape(-1), minlength=n)
        expected = n * 256 / n
        assert np.abs(counts - expected).max() < SIGMAS * np.sqrt(expected)

    def test_too_few_of_them_is_an_error_and_never_an_image_as_it_is(self):
        with pytest.raises(DpkitError, match="fewer than 10 donors"):
            sources(Mix(Lb=4, Wb=4), company_of(10))

    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=40))
    @settings(deadline=None)
    def test_who_is_lonely_leaves_until_everybody_left_has_enough(self, rows):
        strata, groups = (np.array(column) for column in zip(*rows, strict=True))
        sanitizer = Mix(Lb=4, Wb=4, Ns=3)
        whole = company_of(len(rows), strata=strata, groups=groups)
        stays = np.setdiff1d(np.arange(len(rows)), sanitizer.lonely(whole))
        for row in stays:
            others = stays[(strata[stays] == strata[row]) & (groups[stays] != groups[row])]
            assert len(others) >= 3
        if len(stays):
            left = company_of(len(stays), strata=strata[stays], groups=groups[stays])
            assert sources(sanitizer, left).shape == (len(stays), 16)


class TestAnImage:
    def test_depends_on_key_and_row_and_not_on_the_batch(self):
        sanitizer, company = Mix(Lb=4, Wb=4), company_of(40)
        key = sanitizer.fit(GEOMETRY, Secret(bytes(32)))
        whole = sanitizer.sources(company, np.arange(40), key, GEOMETRY)
        some = np.array([31, 5, 17])
        assert np.array_equal(sanitizer.sources(company, some, key, GEOMETRY), whole[some])

    def test_shows_the_blocks_that_its_sources_name(self):
        sanitizer, company = Mix(Lb=4, Wb=4), company_of(40)
        key = sanitizer.fit(GEOMETRY, Secret(bytes(32)))
        places = np.arange(40)
        names = np.zeros(40, "S26")
        pixels = np.ascontiguousarray(np.moveaxis(company.planes, 1, -1))
        batch = ImageBatch(pixels, places, names, names, company, places)
        values = sanitizer.apply(batch, key, GEOMETRY).values
        found = sanitizer.sources(company, places, key, GEOMETRY)
        named = np.where(found == -1, places[:, None], found).reshape(40, 4, 4)
        assert np.array_equal(values[:, 0, ::4, ::4], named)
        assert np.array_equal(values, np.broadcast_to(values[:, :1], values.shape))

    def test_of_a_part_that_stays_plain_is_its_original(self):
        sanitizer = Mix(Lb=4, Wb=4, mix_parts="train")
        assert sanitizer.leaves_plain("test")
        assert not sanitizer.leaves_plain("train")


class TestParameters:
    def test_n_b_is_the_papers_64_for_its_own_size(self):
        assert Mix(Lb=24, Wb=24).blocks(Geometry(3, 192, 192, 8)) == 64
        assert Mix(Lb=96, Wb=24).blocks(Geometry(3, 192, 192, 8)) == 16
        assert Mix(Lb=6, Wb=6).blocks(Geometry(3, 192, 192, 8)) == 1024

    def test_l_b_runs_along_the_rows(self):
        assert Mix(Lb=2, Wb=8).blocks(Geometry(1, 4, 8, 8)) == 2

    @pytest.mark.parametrize(
        "wrong",
        [{"Lb": 0}, {"Wb": 70000}, {"Ns": 0}, {"Nt": 0}, {"p_replace": 0.0}, {"p_replace": 1.1},
         {"mix_parts": "some"}],
    )  # fmt: skip
    def test_out_of_range_are_refused(self, wrong):
        with pytest.raises(UsageError):
            Mix(**wrong)

    def test_a_block_of_half_an_image_each_way_is_the_largest(self):
        Mix(Lb=8, Wb=8).check(GEOMETRY)
        with pytest.raises(UsageError, match="--Lb 8 --Wb 8"):
            Mix(Lb=16, Wb=8).check(GEOMETRY)
