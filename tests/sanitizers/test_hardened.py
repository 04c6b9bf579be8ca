"""Interleaving, dither and bounded cores: what they do, that it comes back, and that it is said."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.errors import UnlockError, UsageError
from dpkit.kernels.blocks import Routes
from dpkit.sanitizers import SANITIZERS, sanitizer_of
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.dither import AMPLITUDE, draw_dither
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, ImageBatch, Secret
from tests import naive
from tests.contract import a_batch, some_of

from .conftest import batch_of

SEED = Secret(bytes(range(32)))
SMALL = Geometry(3, 8, 4, 8)
HARDENED = Morph.presets["hardened"]


@st.composite
def hardened(draw):
    """Any geometry, κ and law, with at least one of scatter and dither."""
    channels = draw(st.sampled_from([1, 3]))
    geometry = Geometry(channels, draw(st.integers(1, 9)), draw(st.integers(1, 9)), 8)
    n = geometry.elements
    interleave = draw(st.booleans())
    sanitizer = Morph(
        kappa=draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0])),
        core=draw(st.sampled_from(["orthogonal", "bounded"])),
        cores=draw(st.sampled_from(["shared", "distinct"])),
        interleave=interleave,
        dither=not interleave or draw(st.booleans()),
        normalize=draw(st.sampled_from(["none", "0.4,0.3"])),
    )
    return sanitizer, geometry, draw(st.integers(0, 2**32))


def noise_of(sanitizer, key, batch, geometry):
    public = sanitizer._public(geometry)
    return draw_dither(key.seed, public, (batch.ids, batch.pixels))


@given(hardened())
@settings(max_examples=40, deadline=None)
def test_any_hardened_morph_equals_its_twin_and_comes_back(case):
    sanitizer, geometry, draws = case
    shape = (3, geometry.height, geometry.width, geometry.channels)
    pixels = np.random.default_rng(draws).integers(0, 256, shape).astype(np.uint8)
    key, batch = sanitizer.fit(geometry, SEED), batch_of(pixels)
    values = sanitizer.apply(batch, key, geometry).values
    core = key.array("core")
    cores = list(core) if sanitizer.cores == "distinct" else [core] * sanitizer.kappa
    routes = Routes(key.array("places") if sanitizer.interleave else None)
    noise = noise_of(sanitizer, key, batch, geometry) if sanitizer.dither else [None] * 3
    mean, std = (0.4, 0.3) if sanitizer.normalize != "none" else (0.0, 1.0)
    alike = (255, [mean] * geometry.channels, [std] * geometry.channels)
    for image, row, added in zip(pixels, values, noise, strict=True):
        expected = naive.scattered(image, cores, alike, routes, added)
        assert np.allclose(row.reshape(-1), expected, atol=2e-5)
    assert np.array_equal(sanitizer.restore(values, key, geometry), pixels)


@pytest.mark.parametrize("normalize", ["none", "imagenet"])
def test_hardened_photographs_come_back_exactly(photographs, photograph_geometry, normalize):
    sanitizer = Morph(kappa=64, **HARDENED, normalize=normalize)
    key = sanitizer.fit(photograph_geometry, SEED)
    values = sanitizer.apply(batch_of(photographs), key, photograph_geometry).values
    assert np.array_equal(sanitizer.restore(values, key, photograph_geometry), photographs)


@given(st.lists(st.integers(1, 11), unique=True))
@settings(max_examples=20, deadline=None)
def test_the_same_rows_get_the_same_noise_in_any_split_and_order(borders):
    batch = a_batch(SMALL)
    whole = draw_dither(SEED, b"public", (batch.ids, batch.pixels))
    ends = [0, *sorted(borders), len(batch)]
    spans = [slice(a, b) for a, b in itertools.pairwise(ends)]
    parts = [some_of(batch, span) for span in spans]
    drawn = [draw_dither(SEED, b"public", (part.ids, part.pixels)) for part in parts]
    assert np.array_equal(np.concatenate(drawn), whole)
    turned = draw_dither(SEED, b"public", (batch.ids[::-1], batch.pixels[::-1]))
    assert np.array_equal(turned[::-1], whole)


def test_a_long_hardened_batch_has_the_bytes_of_its_tiles():
    sanitizer = Morph(kappa=4, **HARDENED)
    tile = sanitizer.tile_images(SMALL)
    batch, key = a_batch(SMALL, 2 * tile + 1), sanitizer.fit(SMALL, SEED)
    whole = sanitizer.apply(batch, key, SMALL).values
    for start in range(0, len(batch), tile):
        part = some_of(batch, slice(start, start + tile))
        assert np.array_equal(sanitizer.apply(part, key, SMALL).values, whole[start : start + tile])


def test_noise_is_uniform_and_stays_below_half_a_level():
    batch = a_batch(Geometry(3, 32, 32, 8))
    noise = draw_dither(SEED, b"public", (batch.ids, batch.pixels))
    assert noise.dtype == np.float32
    assert np.abs(noise).max() < AMPLITUDE < 0.5
    assert np.std(noise) == pytest.approx(AMPLITUDE / np.sqrt(3), rel=0.01)
    assert np.mean(noise) == pytest.approx(0, abs=0.005)


@pytest.mark.parametrize("what", ["seed", "public", "id", "pixels"])
def test_noise_depends_on_key_parameters_id_and_content(what):
    batch = a_batch(SMALL, 1)
    given = {"seed": SEED, "public": b"public", "id": batch.ids, "pixels": batch.pixels}
    other = {
        "seed": Secret(bytes(32)), "public": b"other", "id": batch.ids[::-1].astype("S25"),
        "pixels": batch.pixels ^ 1,
    }  # fmt: skip

    def noise(of):
        return draw_dither(of["seed"], of["public"], (of["id"], of["pixels"])).reshape(-1)

    there = noise(given | {what: other[what]})
    assert abs(np.corrcoef(noise(given), there)[0, 1]) < 0.4  # 96 values


def test_equal_images_are_no_twins_in_a_dithered_release():
    pixels = np.repeat(a_batch(SMALL, 1).pixels, 2, axis=0)
    plain, dithered = (
        sanitizer.apply(batch_of(pixels), sanitizer.fit(SMALL, SEED), SMALL).values
        for sanitizer in (Morph(kappa=4), Morph(kappa=4, dither=True))
    )
    assert np.array_equal(plain[0], plain[1])
    assert not np.isclose(dithered[0], dithered[1]).all(axis=(1, 2)).any()


def test_a_scatter_names_every_place_once_and_hides_in_the_key():
    sanitizer = Morph(kappa=4, interleave=True)
    key = sanitizer.fit(SMALL, SEED)
    assert key.names() == ("core", "condition", "draws", "places")
    assert np.array_equal(np.sort(key.array("places")), np.arange(96))
    another = sanitizer.fit(SMALL, Secret(bytes(32)))
    assert not np.array_equal(key.array("places"), another.array("places"))


def test_blocks_of_a_scattered_release_stand_in_runs():
    """A developer's layer cuts T into runs, and meets one core in each."""
    sanitizer = Morph(kappa=4, interleave=True, cores="distinct", core="orthogonal")
    key, batch = sanitizer.fit(SMALL, SEED), a_batch(SMALL)
    runs = sanitizer.apply(batch, key, SMALL).values.reshape(len(batch), 4, 24)
    taken = sanitizer.plain(batch.pixels, SMALL).reshape(len(batch), -1)[:, key.array("places")]
    assert np.allclose(
        np.linalg.norm(runs, axis=2), np.linalg.norm(taken.reshape(runs.shape), axis=2), rtol=1e-4
    )


def test_keys_of_releases_made_before_stay_the_same():
    """Frozen: parameters that came later and are not used leave core and scatter as they were."""
    core = Morph(kappa=8, condition=10.0, interleave=False, dither=False).fit(SMALL, SEED)
    digest = hashlib.sha256(core.array("core").astype("<f8").tobytes()).hexdigest()
    assert digest == "d8c070a4354bb8e4d044b54c51f0dbc374cd062d7de1b04dc987c1fe4ba6531b"


def test_a_scatter_and_its_core_follow_from_the_seed_for_ever():
    """Frozen: a key restored from its seed must open every release of it."""
    key = Morph(kappa=8, interleave=True, dither=True).fit(SMALL, SEED)
    batch = a_batch(SMALL, 2)
    noise = noise_of(Morph(kappa=8, interleave=True, dither=True), key, batch, SMALL)
    content = b"".join(
        array.tobytes()
        for array in (
            key.array("core").astype("<f8"), key.array("places").astype("<i8"),
            noise.astype("<f4"),
        )
    )  # fmt: skip
    assert (
        hashlib.sha256(content).hexdigest()
        == "78f44459ba11fb7acde6a18fd3224d07c03f515a34154d56ce7c2b5901ee4b28"
    )


def test_a_manifest_that_says_nothing_of_them_is_of_an_earlier_release():
    said = {"kappa": 8, "core": "gaussian", "cores": "shared", "normalize": "none"}
    assert sanitizer_of("morph", said) == Morph(kappa=8)


@pytest.mark.parametrize(
    ("name", "said", "reason"),
    [
        ("morph", {"kappa": 8, "rotate": True}, "this version's morph has no parameter 'rotate'"),
        ("blur", {}, "this version knows no sanitizer 'blur'"),
    ],
)
def test_what_a_newer_version_made_is_refused_with_a_remedy(name, said, reason):
    with pytest.raises(UsageError, match=f"{reason}.*install"):
        sanitizer_of(name, said)


def test_a_condition_may_be_a_whole_number_in_a_manifest():
    one, two = (Morph(kappa=8, core="bounded", condition=c) for c in (20, 20.0))
    keys = [sanitizer.fit(SMALL, SEED).array("core") for sanitizer in (one, two)]
    assert np.array_equal(*keys)


def test_a_key_without_a_scatter_is_refused():
    key = Morph(kappa=8).fit(SMALL, SEED)
    with pytest.raises(UnlockError, match="holds no scatter of 96 values"):
        Morph(kappa=8, interleave=True).apply(a_batch(SMALL), key, SMALL)


def test_an_empty_dithered_batch_gives_an_empty_batch():
    sanitizer = Morph(kappa=4, **HARDENED)
    empty = ImageBatch(np.empty((0, 8, 4, 3), np.uint8), *[np.empty(0, "S26")] * 3)
    assert sanitizer.apply(empty, sanitizer.fit(SMALL, SEED), SMALL).values.shape == (0, 3, 8, 4)


@pytest.mark.parametrize("name", SANITIZERS)
def test_every_preset_is_of_known_parameters_and_can_be_made(name):
    for preset in SANITIZERS[name].presets.values():
        made = SANITIZERS[name](**preset)
        assert parameters(made) == {**parameters(SANITIZERS[name]()), **preset}


def test_a_hardened_release_says_what_it_is_and_is_not():
    paper = Geometry(3, 128, 128, 8)
    sanitizer = Morph(**HARDENED)
    text = " ".join(sanitizer.describe(paper))
    for word in ("half a grey level", "scattered", "condition number at most 10", "has its own"):
        assert word in text
    assert text.endswith("obfuscation: not encryption, and not differential privacy.")
    aloud = " ".join(sanitizer.notices(paper))
    assert "no Aug-Conv" in aloud
    assert "16 cores of 3072x3072 make a key of 1,208 MB" in aloud
    assert "nothing in common" in sanitizer.training(paper)["why"]
    assert "about as many known images" in " ".join(
        Morph(kappa=64, **HARDENED).notices(Geometry(3, 32, 32, 8))
    )
