from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import DpkitError, UnlockError, UsageError
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, Secret
from tests import naive

from .conftest import batch_of

SEED = Secret(bytes(range(32)))
SMALL = Geometry(3, 8, 4, 8)
QUARTER = Geometry(3, 16, 16, 8)  # of the photographs


def random_pixels(geometry, n=3, seed=0):
    shape = (n, geometry.height, geometry.width, geometry.channels)
    draws = np.random.default_rng(seed).integers(0, geometry.peak, shape, endpoint=True)
    return draws.astype(geometry.pixel_dtype)


def morphed(sanitizer, pixels, geometry, seed=SEED):
    key = sanitizer.fit(geometry, seed)
    return sanitizer.apply(batch_of(pixels), key, geometry).values, key


@pytest.mark.parametrize(("kappa", "q"), [(6144, 8), (1536, 32), (16, 3072), (1, 49152)])
def test_core_sizes_are_those_of_the_papers_figure_7(kappa, q):
    assert Morph(kappa=kappa).core_size(Geometry(3, 128, 128, 8)) == q


@st.composite
def settings_and_geometry(draw):
    channels = draw(st.sampled_from([1, 3]))
    geometry = Geometry(
        channels,
        draw(st.integers(1, 12)),
        draw(st.integers(1, 12)),
        draw(st.sampled_from([8, 16])),
    )
    n = geometry.elements
    sanitizer = Morph(
        kappa=draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0])),
        core=draw(st.sampled_from(["gaussian", "uniform", "orthogonal", "bounded"])),
        cores=draw(st.sampled_from(["shared", "distinct"])),
        normalize=draw(st.sampled_from(["none", "0.4,0.3"])),
    )
    return sanitizer, geometry


@given(settings_and_geometry())
@settings(max_examples=40, deadline=None)
def test_any_morph_equals_the_dense_twin(case):
    sanitizer, geometry = case
    pixels = random_pixels(geometry)
    values, key = morphed(sanitizer, pixels, geometry)
    core = key.array("core")
    blocks = list(core) if sanitizer.cores == "distinct" else [core] * sanitizer.kappa
    mean, std = (0.4, 0.3) if sanitizer.normalize != "none" else (0.0, 1.0)
    alpha = geometry.channels
    for image, row in zip(pixels, values, strict=True):
        expected = naive.morphed(image, blocks, geometry.peak, [mean] * alpha, [std] * alpha)
        assert np.allclose(row, expected, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected).max()))


@given(
    channels=st.sampled_from([1, 3]), down=st.integers(1, 3), across=st.integers(1, 3),
    side=st.integers(1, 4), cores=st.sampled_from(["shared", "distinct"]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_patch_blocks_equal_their_twin_and_come_back(channels, down, across, side, cores):
    geometry = Geometry(channels, down * side, across * side, 8)
    sanitizer = Morph(kappa=down * across, blocks="patch", cores=cores, core="orthogonal")
    pixels = random_pixels(geometry)
    values, key = morphed(sanitizer, pixels, geometry)
    core = key.array("core")
    blocks = list(core) if cores == "distinct" else [core] * sanitizer.kappa
    for image, row in zip(pixels, values, strict=True):
        assert np.allclose(row, naive.patch_morphed(image, blocks, 255, side), atol=1e-5)
    assert np.array_equal(sanitizer.restore(values, key, geometry), pixels)


def test_a_kappa_without_square_patches_is_refused_with_those_that_fit():
    with pytest.raises(UsageError, match=r"into no square patches.*64 \(4x4\)"):
        Morph(kappa=48, blocks="patch").check(Geometry(3, 32, 32, 8))
    Morph(kappa=64, blocks="patch").check(Geometry(3, 32, 32, 8))


@given(settings_and_geometry())
@settings(max_examples=40, deadline=None)
def test_eight_bit_images_come_back_exactly_from_an_orthogonal_core(case):
    drawn, geometry = case
    sanitizer = Morph(kappa=drawn.kappa, core="orthogonal", cores=drawn.cores)
    geometry = Geometry(geometry.channels, geometry.height, geometry.width, 8)
    pixels = random_pixels(geometry)
    values, key = morphed(sanitizer, pixels, geometry)
    assert np.array_equal(sanitizer.restore(values, key, geometry), pixels)


@pytest.mark.parametrize(("cores", "kappa"), [("shared", 16), ("shared", 64), ("distinct", 64)])
@pytest.mark.parametrize("core", ["orthogonal", "bounded"])
def test_photographs_come_back_exactly_from_a_well_conditioned_core(
    photographs, photograph_geometry, kappa, cores, core
):
    sanitizer = Morph(kappa=kappa, core=core, cores=cores, normalize="imagenet")
    values, key = morphed(sanitizer, photographs, photograph_geometry)
    assert np.array_equal(sanitizer.restore(values, key, photograph_geometry), photographs)


@pytest.mark.parametrize(("core", "levels"), [("gaussian", 1), ("uniform", 6)])
def test_photographs_come_back_within_levels_from_the_other_cores(
    photographs, photograph_geometry, core, levels
):
    sanitizer = Morph(kappa=16, core=core)
    values, key = morphed(sanitizer, photographs, photograph_geometry)
    restored = sanitizer.restore(values, key, photograph_geometry).astype(int)
    assert np.abs(restored - photographs).max() <= levels


def test_sixteen_bit_images_come_back_within_a_thousandth_of_their_range():
    geometry = Geometry(1, 16, 16, 16)
    pixels = random_pixels(geometry)
    values, key = morphed(Morph(kappa=4, core="orthogonal"), pixels, geometry)
    restored = Morph(kappa=4, core="orthogonal").restore(values, key, geometry)
    assert restored.dtype == np.uint16
    assert np.abs(restored.astype(int) - pixels).max() <= 65


def test_a_wrong_key_restores_nothing(photographs, photograph_geometry):
    sanitizer = Morph(kappa=64)
    values, _ = morphed(sanitizer, photographs, photograph_geometry)
    foreign = sanitizer.fit(photograph_geometry, Secret(bytes(32)))
    restored = sanitizer.restore(values, foreign, photograph_geometry).astype(int)
    assert np.abs(restored - photographs).mean() > 50


def test_morphing_a_photograph_hides_it_from_correlation(photographs):
    tiny, sanitizer = photographs[:, ::4, ::4], Morph(kappa=1, normalize="0.5,0.25")
    values, _ = morphed(sanitizer, tiny, QUARTER)
    plain = sanitizer.plain(tiny, QUARTER)
    for row, original in zip(values, plain, strict=True):
        assert abs(np.corrcoef(row.ravel(), original.ravel())[0, 1]) < 0.1


def test_float16_values_are_the_rounded_float32_values():
    pixels = random_pixels(SMALL)
    key = Morph(kappa=4).fit(SMALL, SEED)
    single = Morph(kappa=4).apply(batch_of(pixels), key, SMALL).values
    half = Morph(kappa=4, dtype="float16").apply(batch_of(pixels), key, SMALL).values
    assert np.array_equal(half, single.astype(np.float16))


def test_a_value_beyond_float16_is_refused_with_a_remedy():
    geometry = Geometry(3, 16, 16, 8)
    sanitizer = Morph(kappa=1, core="uniform", dtype="float16", normalize="0,0.001")
    key = sanitizer.fit(geometry, SEED)
    with pytest.raises(DpkitError, match=r"65504.*--dtype float32"):
        sanitizer.apply(batch_of(random_pixels(geometry)), key, geometry)


def test_plain_is_the_normalised_image_in_the_released_layout():
    pixels = random_pixels(SMALL)
    plain = Morph(normalize="0.5,0.25", dtype="float16").plain(pixels, SMALL)
    expected = ((pixels / 255 - 0.5) / 0.25).transpose(0, 3, 1, 2)
    assert plain.dtype == np.float16
    assert np.allclose(plain, expected, atol=2e-3)


def test_distinct_parameters_give_unrelated_cores():
    cores = [
        Morph(kappa=4, core=core, normalize=normalize).fit(SMALL, SEED).array("core").tobytes()
        for core in ("gaussian", "uniform")
        for normalize in ("none", "0.5,0.5")
    ]
    assert len(set(cores)) == 4


def test_the_key_records_condition_and_draws_of_each_core():
    key = Morph(kappa=4, cores="distinct").fit(SMALL, SEED)
    assert key.names() == ("core", "condition", "draws")
    assert key.array("core").shape == (4, 24, 24)
    assert np.allclose(key.array("condition"), np.linalg.cond(key.array("core")))
    assert key.array("draws").dtype == np.int64
    assert (key.array("draws") >= 1).all()


def test_a_shared_key_holds_one_square_core():
    key = Morph(kappa=4).fit(SMALL, SEED)
    assert key.array("core").shape == (24, 24)
    assert key.array("condition").shape == key.array("draws").shape == (1,)


def test_a_core_follows_from_seed_parameters_and_geometry_for_ever():
    """Frozen: a key restored from its seed must open releases of earlier versions."""
    core = Morph(kappa=8).fit(SMALL, SEED).array("core")
    digest = hashlib.sha256(core.astype("<f8").tobytes()).hexdigest()
    assert digest == "d8c070a4354bb8e4d044b54c51f0dbc374cd062d7de1b04dc987c1fe4ba6531b"


def test_a_key_of_another_kappa_is_refused():
    key = Morph(kappa=8).fit(SMALL, SEED)
    with pytest.raises(UnlockError, match=r"shape \(1, 12, 12\), not \(1, 24, 24\)"):
        Morph(kappa=4).apply(batch_of(random_pixels(SMALL)), key, SMALL)


def test_pixels_of_another_size_or_depth_are_refused():
    sanitizer, other = Morph(kappa=4), Geometry(3, 8, 4, 16)
    key = sanitizer.fit(SMALL, SEED)
    with pytest.raises(DpkitError, match="pixels uint16"):
        sanitizer.apply(batch_of(random_pixels(other)), key, SMALL)


def test_an_out_array_of_another_shape_is_refused():
    sanitizer = Morph(kappa=4)
    key, batch = sanitizer.fit(SMALL, SEED), batch_of(random_pixels(SMALL))
    for out in (np.empty((3, 3, 4, 8), "f4"), np.empty((3, 3, 8, 4), "f8")):
        with pytest.raises(DpkitError, match="out is not a C-contiguous float32 array"):
            sanitizer.apply(batch, key, SMALL, out)


def test_an_empty_batch_gives_an_empty_batch():
    values, _ = morphed(Morph(kappa=4), random_pixels(SMALL, n=0), SMALL)
    assert values.shape == (0, 3, 8, 4)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"kappa": 0}, "kappa 0 is below 1"),
        ({"core": "round"}, "core 'round' is not one of gaussian, uniform, orthogonal, bounded"),
        ({"cores": "two"}, "cores 'two' is not one of shared, distinct"),
        ({"dtype": "float64"}, "dtype 'float64' is not one of float32, float16"),
        ({"condition": 11.0}, "condition 11 is for bounded cores, not for gaussian ones"),
        ({"core": "bounded", "condition": 0.5}, "condition 0.5 is not within 1 to 1000"),
        ({"core": "bounded", "condition": float("nan")}, "condition nan is not within"),
        ({"interleave": "yes"}, "interleave 'yes' is neither true nor false"),
        ({"dither": 1}, "dither 1 is neither true nor false"),
        ({"interleave": True, "blocks": "patch"}, "square patches would hold no neighbours"),
        ({"normalize": "0.5"}, "normalisation '0.5' has 1 numbers"),
    ],
)
def test_a_parameter_outside_its_choices_is_refused_at_once(values, reason):
    with pytest.raises(UsageError, match=reason):
        Morph(**values)


def test_an_impossible_kappa_is_refused_before_a_core_is_drawn():
    with pytest.raises(UsageError, match="the nearest that do: 3, 4, 6, 8, 12, 16"):
        Morph(kappa=7).fit(Geometry(3, 32, 32, 8), SEED)


def test_a_core_beyond_memory_is_refused_before_it_is_drawn():
    with pytest.raises(UsageError, match="the smallest kappa that fits"):
        Morph(kappa=1).fit(Geometry(3, 4096, 4096, 8), SEED)


def test_small_blocks_and_coarse_storage_are_announced():
    paper = Geometry(3, 128, 128, 8)
    assert "blocks of only 8 values" in Morph(kappa=6144).notices(paper)[0]
    assert "restores coarsely" in Morph(dtype="float16").notices(paper)[0]
    assert Morph().notices(paper) == []
    assert Morph(core="orthogonal", dtype="float16").notices(paper) == []


def test_training_says_which_first_layer_can_learn():
    said = Morph(kappa=16, cores="distinct").training(Geometry(3, 128, 128, 8))
    assert said["convolutions_learn"] is False
    assert said["first_layer"] == {
        "kind": "block_linear",
        "tokens": 16,
        "block": 3072,
        "cores": 16,
    }


def test_a_description_names_kappa_core_size_and_law():
    text = " ".join(Morph(kappa=16, core="uniform").describe(Geometry(3, 128, 128, 8)))
    for word in ("3 x 128x128", "16 blocks of 3072 values", "uniform", "all blocks share one"):
        assert word in text


def test_public_parameters_are_plain_words_and_numbers():
    assert json.dumps(parameters(Morph())) == (
        '{"kappa": 16, "core": "gaussian", "condition": 10.0, "cores": "shared", '
        '"blocks": "raster", "interleave": false, "dither": false, "normalize": "none", '
        '"dtype": "float32"}'
    )
