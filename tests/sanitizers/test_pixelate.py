"""Pixelation: who gets how much noise, what it promises, and that this would be seen if wrong.

The statistical tests have fixed seeds; with other seeds each would fail by chance about once in a
million: its bound lies FIVE standard deviations from the mean.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from dpkit.errors import UsageError
from dpkit.rng import Stream, derive
from dpkit.sanitizers import laplace
from dpkit.sanitizers.laplace import draw_laplace
from dpkit.sanitizers.pixelate import Pixelate
from dpkit.types import Geometry, ImageBatch, Secret
from dpkit.types.guarantee import Guarantee
from tests.kernels.test_discrete_laplace import Twin

FIVE = 5.0
SEED = Secret(bytes(range(32)))
COLOUR, GREY = Geometry(3, 32, 32, 8), Geometry(1, 32, 32, 8)


def batch_of(pixels, first=0):
    n = len(pixels)
    ids = np.array([f"{first + i:026d}" for i in range(n)], dtype="S26")
    return ImageBatch(pixels, np.zeros(n, np.int64), ids, ids)


def released(scheme, pixels, geometry, seed=SEED):
    return scheme.apply(batch_of(pixels), scheme.fit(geometry, seed), geometry).values


def noise_of(scheme, geometry, n=8, seed=SEED):
    ids = batch_of(np.zeros((n, 1))).ids
    return scheme.noise(ids, scheme.fit(geometry, seed), geometry)


class TestTwin:
    @given(
        height=st.integers(1, 9),
        width=st.integers(1, 9),
        cell=st.integers(1, 12),
        channels=st.sampled_from([1, 3]),
        depth=st.sampled_from([8, 16]),
        epsilon=st.sampled_from([0.1, 0.123456, 2, 50.0]),
        per_channel=st.booleans(),
        grid=st.booleans(),
    )
    @settings(max_examples=40, deadline=None)
    def test_gives_the_same_release_with_pythons_own_whole_numbers(  # noqa: PLR0917 (hypothesis names them)
        self, height, width, cell, channels, depth, epsilon, per_channel, grid
    ):
        geometry = Geometry(channels, height, width, depth)
        scheme = Pixelate(cell=cell, epsilon=epsilon, per_channel=per_channel, grid=grid)
        shape = (2, height, width, channels)
        pixels = np.random.default_rng(height).integers(0, geometry.peak + 1, shape)
        values = released(scheme, pixels.astype(geometry.pixel_dtype), geometry)
        assert values.dtype == geometry.pixel_dtype
        assert values.shape[1:] == scheme.values_shape(geometry)
        for i in range(2):
            for (c, y, x), grey in naive(scheme, pixels[i], geometry, f"{i:026d}").items():
                rows, columns = slice(y * cell, (y + 1) * cell), slice(x * cell, (x + 1) * cell)
                place = (y, x) if grid else (rows, columns)
                assert (values[i, c, *place] == grey).all()


def naive(scheme, pixels, geometry, name):
    """Return the grey level of each (channel, row, column) of cells, one after another."""
    public = (
        f'{{"cell":{scheme.cell},"epsilon":"{Fraction(str(scheme.epsilon))}",'
        f'"geometry":[{geometry.channels},{geometry.height},{geometry.width},{geometry.depth}],'
        f'"grid":{str(scheme.grid).lower()},"neighborhood":{scheme.neighborhood},'
        f'"per_channel":{str(scheme.per_channel).lower()}}}'
    )
    secret = derive(SEED, "pixelate", public.encode(), name.encode())
    twin = Twin(Stream(secret).uint64(40 * geometry.elements + 1000))
    shares = 1 if scheme.per_channel else geometry.channels
    t = Fraction(geometry.peak * scheme.neighborhood * shares) / Fraction(str(scheme.epsilon))
    found, b = {}, scheme.cell
    for c in range(geometry.channels):
        for y, top in enumerate(range(0, geometry.height, b)):
            for x, left in enumerate(range(0, geometry.width, b)):
                inside = pixels[top : top + b, left : left + b, c]
                total = sum(map(int, inside.flat)) + twin.laplace(t.numerator, t.denominator)
                mean = min(max(Fraction(total, inside.size), Fraction(0)), Fraction(geometry.peak))
                found[c, y, x] = math.floor(mean + Fraction(1, 2))
    return found


class TestNoise:
    @pytest.mark.parametrize("per_channel", [False, True])
    def test_of_each_cell_and_channel_has_the_scale_of_its_true_area(self, per_channel):
        geometry, n = Geometry(3, 5, 3, 16), 1500
        scheme = Pixelate(cell=2, epsilon=40, neighborhood=1, per_channel=per_channel)
        values = released(scheme, np.full((n, 5, 3, 3), 30_000, np.uint16), geometry)
        cells = values[:, :, ::2, ::2].astype(float) - 30_000
        areas = np.array([[4, 2], [4, 2], [2, 1]])
        scale = 65_535 * (1 if per_channel else 3) / (areas * 40)
        measured = np.abs(cells).mean(axis=0)
        assert measured.shape == (3, 3, 2)
        assert np.allclose(measured, scale, rtol=FIVE / np.sqrt(n), atol=0)
        assert np.abs(cells.mean(axis=0) / scale).max() < FIVE * np.sqrt(2 / n)

    def test_is_drawn_once_a_cell_and_channel(self):
        scheme = Pixelate(cell=4, epsilon=1)
        values = released(scheme, np.full((5, 32, 32, 3), 128, np.uint8), COLOUR)
        cells = values[:, :, ::4, ::4]
        assert np.array_equal(values, cells.repeat(4, axis=2).repeat(4, axis=3))
        noise = noise_of(scheme, COLOUR)
        assert len(np.unique(noise)) > 0.9 * noise.size
        flat = noise.reshape(len(noise), 3, -1)
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert not np.array_equal(flat[:, one], flat[:, other])

    def test_of_the_grid_is_that_of_the_image(self):
        small, large = Pixelate(cell=5, grid=True), Pixelate(cell=5)
        assert small.values_shape(COLOUR) == (3, 7, 7)
        assert small.scale(COLOUR) == large.scale(COLOUR)

    @pytest.mark.parametrize(
        ("scheme", "geometry", "seed"),
        [
            (Pixelate(epsilon=1), COLOUR, Secret(bytes(32))),
            (Pixelate(epsilon=1.000001), COLOUR, SEED),
            (Pixelate(epsilon=1, per_channel=True, neighborhood=48), COLOUR, SEED),
            (Pixelate(epsilon=1, grid=True), COLOUR, SEED),
            (Pixelate(epsilon=1, neighborhood=48), GREY, SEED),
            (Pixelate(epsilon=1, cell=17), COLOUR, SEED),
            (Pixelate(epsilon=1), Geometry(3, 31, 32, 8), SEED),
        ],
    )
    def test_is_shared_by_no_two_releases(self, scheme, geometry, seed):
        """A difference of two releases of an image would else be free of it."""
        one = noise_of(Pixelate(epsilon=1), COLOUR, n=40)
        other = noise_of(scheme, geometry, n=40, seed=seed)
        both = min(one[0].size, other[0].size)
        pairs = one.reshape(40, -1)[:, :both], other.reshape(40, -1)[:, :both]
        assert (pairs[0] == pairs[1]).mean() < 0.01
        assert abs(np.corrcoef(np.sign(pairs[0]).ravel(), np.sign(pairs[1]).ravel())[0, 1]) < (
            FIVE / np.sqrt(pairs[0].size)
        )

    def test_is_the_same_for_a_whole_number_and_its_decimals(self):
        assert np.array_equal(*(noise_of(Pixelate(epsilon=e), COLOUR) for e in (2, 2.0)))

    def test_is_another_for_every_image_of_a_release(self):
        noise = noise_of(Pixelate(epsilon=1), COLOUR, n=40)
        assert len({line.tobytes() for line in noise}) == 40

    def test_does_not_depend_on_how_many_words_come_at_a_time(self, monkeypatch):
        expected = noise_of(Pixelate(cell=4, epsilon=1), COLOUR)
        monkeypatch.setattr("dpkit.kernels.discrete_laplace.words_for", lambda draws: draws)
        assert np.array_equal(noise_of(Pixelate(cell=4, epsilon=1), COLOUR), expected)

    def test_does_not_depend_on_the_images_beside_it(self):
        scheme, rng = Pixelate(cell=4), np.random.default_rng(0)
        pixels = rng.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
        key, whole = scheme.fit(COLOUR, SEED), released(scheme, pixels, COLOUR)
        alone = scheme.apply(batch_of(pixels[4:], first=4), key, COLOUR).values
        assert np.array_equal(alone, whole[4:])

    def test_needs_no_more_words_than_there_are(self):
        streams = [Stream(derive(SEED, "test", bytes([i]))) for i in range(3)]
        out = np.empty((3, 0), np.int64)
        laplace.draw_laplace(streams, Fraction(1), out)
        draw_laplace([], Fraction(1), np.empty((0, 4), np.int64))


class TestGuarantee:
    @pytest.mark.parametrize("scheme", [Pixelate(epsilon=0.1), Pixelate(epsilon=0.3, cell=1)])
    def test_is_exactly_what_the_decimals_say(self, scheme):
        epsilon = Fraction(round(scheme.epsilon * 10), 10)
        assert scheme.guarantee(COLOUR) == Guarantee(epsilon, 16)
        assert scheme.scale(COLOUR) == 255 * 16 * 3 / epsilon

    def test_adds_up_over_the_channels(self):
        each, together = Pixelate(epsilon=0.1, per_channel=True), Pixelate(epsilon=0.3)
        assert (
            each.guarantee(COLOUR) == together.guarantee(COLOUR) == Guarantee(Fraction(3, 10), 16)
        )
        assert each.scale(COLOUR) == together.scale(COLOUR)
        assert each.guarantee(GREY) == Guarantee(Fraction(1, 10), 16)

    @given(
        epsilon=st.decimals(min_value="0.001", max_value=10_000, places=6).map(float),
        m=st.integers(1, 65_535),
        depth=st.sampled_from([8, 16]),
    )
    @settings(deadline=None)
    def test_holds_for_every_scale_that_is_allowed(self, epsilon, m, depth):
        geometry = Geometry(3, 64, 64, depth)
        scheme = Pixelate(epsilon=epsilon, neighborhood=m)
        scheme.check(geometry)
        assert m * 3 * geometry.peak / scheme.scale(geometry) == scheme.guarantee(geometry).epsilon
        noise_of(scheme, geometry, n=1)

    @given(data=st.data(), cell=st.integers(1, 9), m=st.integers(1, 20))
    @settings(max_examples=60, deadline=None)
    def test_bounds_the_change_of_all_sums_whatever_pixels_change(self, data, cell, m):
        geometry = Geometry(3, 7, 5, 8)
        scheme = Pixelate(cell=cell, neighborhood=m)
        rng = np.random.default_rng(data.draw(st.integers(0, 999)))
        pixels = rng.integers(0, 256, (2, 7, 5, 3)).astype(np.uint8)
        changed = np.zeros(35, bool)
        changed[rng.permutation(35)[:m]] = True
        pixels[1] = np.where(changed.reshape(7, 5, 1), pixels[1], pixels[0])
        one, other = scheme.sums(pixels, geometry)
        loss = Fraction(int(np.abs(one - other).sum())) / scheme.scale(geometry)
        assert loss <= scheme.guarantee(geometry).epsilon


CASES = (
    (Pixelate(cell=4, epsilon=1, neighborhood=16), Geometry(1, 4, 4, 8)),
    (Pixelate(cell=4, epsilon=1, neighborhood=4), Geometry(1, 4, 4, 8)),
    (Pixelate(cell=4, epsilon=1, neighborhood=1), Geometry(1, 1, 1, 8)),
    (Pixelate(cell=4, epsilon=2, neighborhood=16), Geometry(3, 4, 4, 8)),
    (Pixelate(cell=4, epsilon=0.5, neighborhood=8, per_channel=True), Geometry(3, 2, 4, 16)),
)


def privacy_loss(scheme, geometry, n=4000):
    """Measure ln P(A)/P'(A) on the worst neighbours and their worst event, with its error.

    Neighbours: all pixels black, and m of them white in one cell. A: the cell is black in
    every channel. Two keys, so that the samples are independent.
    """
    black = np.zeros((n, geometry.height, geometry.width, geometry.channels), geometry.pixel_dtype)
    white = black.copy()
    white.reshape(n, -1, geometry.channels)[:, : scheme.neighborhood] = geometry.peak
    shares = []
    for pixels, seed in ((black, bytes(32)), (white, bytes([1]) * 32)):
        values = released(scheme, pixels, geometry, Secret(seed))
        shares.append((values == 0).all(axis=(1, 2, 3)).mean())
    error = math.sqrt(sum((1 - share) / (n * share) for share in shares))
    return math.log(shares[0] / shares[1]), error


class TestLikelihoodRatio:
    @pytest.mark.parametrize(("scheme", "geometry"), CASES)
    def test_of_neighbours_is_what_is_promised_and_no_more(self, scheme, geometry):
        loss, error = privacy_loss(scheme, geometry)
        promised = float(scheme.guarantee(geometry).epsilon)
        assert loss - FIVE * error <= promised
        assert loss + FIVE * error >= 0.98 * promised  # the bound is reached: no noise is wasted

    @pytest.mark.parametrize(("scheme", "geometry"), CASES)
    def test_of_half_the_noise_would_be_caught(self, scheme, geometry, monkeypatch):
        whole = Pixelate.scale
        monkeypatch.setattr(Pixelate, "scale", lambda self, shape: whole(self, shape) / 2)
        loss, error = privacy_loss(scheme, geometry)
        assert loss - FIVE * error > float(scheme.guarantee(geometry).epsilon)

    def test_of_an_undivided_budget_would_be_caught(self, monkeypatch):
        scheme, geometry = CASES[3]
        whole = Pixelate.scale
        monkeypatch.setattr(Pixelate, "scale", lambda self, shape: whole(self, shape) / 3)
        loss, error = privacy_loss(scheme, geometry, n=20_000)
        assert loss - FIVE * error > float(scheme.guarantee(geometry).epsilon)


class TestIndependentProgram:
    @pytest.mark.parametrize(("cell", "epsilon"), [(16, 8.0), (5, 40.0)])
    def test_in_floating_point_gives_the_same_distribution(self, cell, epsilon, photographs):
        """A plain Laplace pixelation by numpy: means, noise, clip, round."""
        geometry, n = Geometry(3, 32, 32, 8), 1500
        picture = np.ascontiguousarray(photographs[0, ::2, ::2])
        scheme = Pixelate(cell=cell, epsilon=epsilon, grid=True)
        ours = released(scheme, np.broadcast_to(picture, (n, *picture.shape)), geometry)
        theirs = plain_laplace(picture, cell, 255 * 16 * 3 / epsilon, n)
        doubled = plain_laplace(picture, cell, 2 * 255 * 16 * 3 / epsilon, n)
        for c, y, x in ((0, 0, 0), (1, -1, 0), (2, -1, -1)):
            assert ks_2samp(ours[:, c, y, x], theirs[:, c, y, x]).pvalue > 1e-6
            assert ks_2samp(ours[:, c, y, x], doubled[:, c, y, x]).pvalue < 1e-6


def plain_laplace(picture, cell, scale, n):
    """Return n noisy grids of a picture [h,w,c], float64 [n,c,y,x]."""
    rng = np.random.default_rng(1)
    rows = []
    for top in range(0, picture.shape[0], cell):
        for left in range(0, picture.shape[1], cell):
            inside = picture[top : top + cell, left : left + cell].reshape(-1, picture.shape[2])
            noise = rng.laplace(0, scale / len(inside), (n, picture.shape[2]))
            rows.append(np.clip(np.rint(inside.mean(axis=0) + noise), 0, 255))
    across = -(-picture.shape[1] // cell)
    return np.stack(rows, axis=2).reshape(n, picture.shape[2], -1, across)


class TestRefusals:
    @pytest.mark.parametrize("epsilon", [0.0, -1.0, 0.0009, 10_001.0, math.nan, math.inf])
    def test_an_epsilon_outside_its_limits(self, epsilon):
        with pytest.raises(UsageError, match=r"not within 0\.001 to 10000"):
            Pixelate(epsilon=epsilon)

    def test_an_epsilon_of_too_many_decimals_with_one_that_fits(self):
        with pytest.raises(UsageError, match="more than 6 decimals") as found:
            Pixelate(epsilon=0.33333333)
        assert "0.333333" in found.value.remedy

    @pytest.mark.parametrize("wrong", [{"cell": 0}, {"cell": 65_536}, {"neighborhood": 0}])
    def test_whole_numbers_outside_their_limits(self, wrong):
        with pytest.raises(UsageError, match="not within 1 to 65535"):
            Pixelate(**wrong)

    def test_a_cell_whose_sum_needs_too_many_bits_with_one_that_fits(self):
        scheme, geometry = Pixelate(cell=4000, epsilon=9999.999999), Geometry(1, 4000, 4000, 16)
        with pytest.raises(UsageError, match="64 bits") as found:
            scheme.check(geometry)
        fits = int(found.value.remedy.split("--cell ")[1].split(" ")[0])
        Pixelate(cell=fits, epsilon=9999.999999).check(geometry)
        Pixelate(cell=4000, epsilon=9999).check(geometry)


class TestWords:
    def test_say_that_one_pixel_or_sixteen_are_no_person(self):
        assert "16 pixels can show is protected, not a person" in Pixelate().notices(COLOUR)[0]
        assert "1 pixel can show" in Pixelate(neighborhood=1).notices(COLOUR)[0]

    def test_warn_of_a_weak_epsilon_in_total(self):
        assert len(Pixelate(epsilon=10).notices(COLOUR)) == 1
        weak = Pixelate(epsilon=12).notices(COLOUR)[1]
        assert "ε 12 is weak" in weak
        assert f"{math.exp(12):.3g} times" in weak
        assert "ε 12 is weak" in Pixelate(epsilon=4, per_channel=True).notices(COLOUR)[1]

    def test_say_what_channels_cost_one_by_one(self):
        assert "an image costs ε 1.5" in Pixelate(per_channel=True).notices(COLOUR)[1]
        assert len(Pixelate(per_channel=True).notices(GREY)) == 1

    def test_name_ragged_cells(self):
        assert "do not divide 32x32" in Pixelate(cell=5).notices(COLOUR)[1]

    def test_describe_the_scale_and_the_promise(self):
        said = " ".join(Pixelate(cell=5, epsilon=2).describe(COLOUR))
        assert "7x7 cells of 5x5" in said
        assert f"law of scale {255 * 16 * 3 // 2}." in said
        assert f"scale of {255 * 16 * 3 / 2 / 25:.4g} grey levels" in said
        assert "2-differentially private for images that differ in at most 16 pixels" in said
        assert "one pixel for each cell" in " ".join(Pixelate(grid=True).describe(COLOUR))
