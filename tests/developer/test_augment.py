"""What is done to released values is what would have been done to the images before morphing.

The images are morphed by the real sanitizer. Pixels and numbers are chosen so that the augmented
image is again one of whole pixel values.
"""

import numpy as np
import pytest
import torch

from dpkit.developer.augment import (
    add_noise,
    drop_blocks,
    exchange_blocks,
    mixup,
    scale_intensity,
    shuffle_patches,
)
from dpkit.errors import UsageError
from dpkit.release.training import FirstLayer
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, ImageBatch, Secret, block_places

GEOMETRY = Geometry(3, 8, 12, 8)
SHAPE = (3, 8, 12)
MEAN = 51  # 0.2 of 255
KINDS = [("raster", "shared"), ("raster", "distinct"), ("patch", "shared"), ("patch", "distinct")]
KAPPA = 6
TARGETS = torch.eye(8)


class Morphed:
    """A sanitizer and its key: pixels u8 [n,h,w,c] to values, and the layer of its manifest."""

    def __init__(self, blocks, cores, core="gaussian", normalize="0.2,0.5"):
        self.morph = Morph(kappa=KAPPA, blocks=blocks, cores=cores, core=core, normalize=normalize)
        self.key = self.morph.fit(GEOMETRY, Secret(bytes(range(32))))
        said = self.morph.training(GEOMETRY)["first_layer"]
        self.layer = FirstLayer(**said)
        self.places = block_places(blocks, KAPPA, SHAPE)

    def __call__(self, pixels):
        n = len(pixels)
        batch = ImageBatch(
            pixels.astype(np.uint8), np.zeros(n, np.int64), np.zeros(n, "S26"),
            np.zeros(n, "S26"),
        )  # fmt: skip
        return torch.from_numpy(self.morph.apply(batch, self.key, GEOMETRY).values.copy())

    def blocks_of(self, pixels):
        """Return the pixels of each block, [n,κ,q]."""
        return pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)[:, self.places]

    def image_of(self, blocks):
        flat = np.empty((len(blocks), np.prod(SHAPE)), blocks.dtype)
        flat[:, self.places] = blocks
        return flat.reshape(-1, *SHAPE).transpose(0, 2, 3, 1)


@pytest.fixture(params=KINDS, ids="-".join)
def morphed(request):
    return Morphed(*request.param)


@pytest.fixture
def pixels():
    """Pixels that stay whole when they are mixed by quarters."""
    return np.random.default_rng(0).integers(0, 64, (8, 8, 12, 3)) * 4


class Draws:
    """Stands where `rng` does and gives the numbers that a test has chosen."""

    def __init__(self, **values):
        self.values = values

    def __getattr__(self, name):
        return lambda *_, **__: np.asarray(self.values[name])


def close(found, expected):
    return torch.allclose(found, expected, atol=2e-4 * float(expected.abs().max()))


PARTNER = np.roll(np.arange(8), 1)


class TestMixup:
    def test_is_mixup_before_morphing(self, morphed, pixels):
        share = np.array([0.25, 0.5, 0.75, 1.0, 0.0, 0.25, 0.5, 0.75])
        before = share[:, None, None, None] * pixels
        before = before + (1 - share)[:, None, None, None] * pixels[PARTNER]
        rng = Draws(beta=share, permutation=PARTNER)
        found, targets = mixup(morphed(pixels), TARGETS, rng)
        assert close(found, morphed(before))
        assert torch.allclose(targets.sum(1), torch.ones(8))
        assert torch.equal(targets.diagonal(), torch.from_numpy(share).float())

    def test_of_class_numbers_asks_for_one_hot(self, pixels):
        values = torch.from_numpy(pixels).float()
        with pytest.raises(UsageError, match="one_hot"):
            mixup(values, torch.arange(8), np.random.default_rng(0))

    def test_of_no_alpha_is_refused(self):
        with pytest.raises(UsageError, match="alpha 0"):
            mixup(torch.zeros(8, *SHAPE), TARGETS, np.random.default_rng(0), alpha=0)


class TestIntensity:
    def test_is_scaled_about_the_normalised_zero(self, morphed, pixels):
        """Twice the distance from the mean: 51 + 2 (pixel - 51)."""
        narrow = 40 + pixels // 8
        before = MEAN + 2 * (narrow - MEAN)
        found = scale_intensity(morphed(narrow), Draws(uniform=np.full(8, 2.0)))
        assert close(found, morphed(before))

    def test_is_scaled_about_black_where_nothing_is_subtracted(self, pixels):
        plain = Morphed("patch", "shared", normalize="none")
        factor = np.array([0.5, 0.25, 0.75, 1, 0, 0.5, 0.25, 0.75])
        found = scale_intensity(plain(pixels), Draws(uniform=factor))
        assert close(found, plain(pixels * factor[:, None, None, None]))

    def test_from_high_to_low_is_refused(self):
        with pytest.raises(UsageError, match="from 2 to 1"):
            scale_intensity(torch.zeros(8, *SHAPE), np.random.default_rng(0), low=2, high=1)


class TestDroppedBlocks:
    def test_are_blocks_of_the_mean_colour_before_morphing(self, morphed, pixels):
        drawn = np.random.default_rng(1).random((8, KAPPA))
        blocks = np.where((drawn >= 0.5)[..., None], morphed.blocks_of(pixels), MEAN)
        found = drop_blocks(morphed(pixels), Draws(random=drawn), morphed.layer, share=0.5)
        assert close(found, morphed(morphed.image_of(blocks)))

    @pytest.mark.parametrize("share", [-0.1, 1.1])
    def test_of_an_impossible_share_are_refused(self, morphed, share):
        with pytest.raises(UsageError, match="share"):
            drop_blocks(
                torch.zeros(8, *SHAPE), np.random.default_rng(0), morphed.layer, share=share
            )


class TestNoise:
    def test_is_noise_times_the_inverse_core_before_morphing(self, morphed, pixels):
        noise = np.random.default_rng(2).standard_normal((8, *SHAPE)).astype(np.float32)
        q = len(morphed.places[0])
        cores = morphed.key.array("core").reshape(-1, q, q)
        found = add_noise(morphed(pixels), Draws(standard_normal=noise), scale=0.5)
        added = noise.reshape(8, -1)[:, morphed.places] * 0.5
        before = morphed.blocks_of(pixels / 255 / 0.5 - 0.2 / 0.5)
        before = before + np.stack(
            [added[:, b] @ np.linalg.inv(cores[b % len(cores)]) for b in range(KAPPA)], 1
        )
        after = np.stack([before[:, b] @ cores[b % len(cores)] for b in range(KAPPA)], 1)
        assert np.allclose(
            found.numpy().reshape(8, -1)[:, morphed.places], after, atol=2e-4 * np.abs(after).max()
        )

    def test_keeps_its_law_under_an_orthogonal_core(self, pixels):
        """The images' noise is independent and of the same deviation: covariance scale² I."""
        exact = Morphed("patch", "shared", core="orthogonal")
        core = exact.key.array("core")
        values = exact(np.repeat(pixels[:1], 2000, axis=0))
        added = add_noise(values, np.random.default_rng(0), scale=0.5) - values
        of_image = added.numpy().reshape(2000, -1)[:, exact.places] @ core.T
        covariance = np.cov(of_image.reshape(-1, len(core)).T)
        assert np.abs(covariance - 0.25 * np.eye(len(core))).max() < 0.02

    def test_of_negative_deviation_is_refused(self):
        with pytest.raises(UsageError, match="deviation -1"):
            add_noise(torch.zeros(8, *SHAPE), np.random.default_rng(0), scale=-1)


class TestExchangedBlocks:
    def test_are_exchanged_before_morphing(self, morphed, pixels):
        drawn = np.random.default_rng(1).random((8, KAPPA))
        own = morphed.blocks_of(pixels)
        blocks = np.where((drawn >= 0.5)[..., None], own, own[PARTNER])
        rng = Draws(random=drawn, permutation=PARTNER)
        found, targets = exchange_blocks(morphed(pixels), TARGETS, rng, morphed.layer)
        assert close(found, morphed(morphed.image_of(blocks)))
        assert torch.allclose(targets.diagonal(), torch.from_numpy((drawn >= 0.5).mean(1)).float())

    def test_of_class_numbers_ask_for_one_hot(self, morphed):
        with pytest.raises(UsageError, match="one_hot"):
            exchange_blocks(
                torch.zeros(8, *SHAPE), torch.arange(8), np.random.default_rng(0), morphed.layer
            )


class TestShuffledPatches:
    def test_are_shuffled_before_morphing(self, pixels):
        exact = Morphed("patch", "shared")
        order = np.random.default_rng(3).permuted([list(range(KAPPA))] * 8, axis=1)
        blocks = np.take_along_axis(exact.blocks_of(pixels), order[..., None], axis=1)
        found = shuffle_patches(exact(pixels), Draws(permuted=order), exact.layer)
        assert close(found, exact(exact.image_of(blocks)))

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != ("patch", "shared")])
    def test_need_one_core_for_all_patches(self, kind):
        layer = Morphed(*kind).layer
        with pytest.raises(UsageError, match="--blocks patch --cores shared"):
            shuffle_patches(torch.zeros(8, *SHAPE), np.random.default_rng(0), layer)


class TestAllOfThem:
    def acts(self, values, rng):
        layer = FirstLayer("block_linear", KAPPA, 48, 1, "patch")
        return {
            "mixup": mixup(values, TARGETS, rng)[0],
            "intensity": scale_intensity(values, rng),
            "noise": add_noise(values, rng, scale=0.1),
            "drop": drop_blocks(values, rng, layer),
            "exchange": exchange_blocks(values, TARGETS, rng, layer)[0],
            "shuffle": shuffle_patches(values, rng, layer),
        }

    def test_leave_what_they_are_given_and_keep_its_type(self):
        values = torch.randn(8, *SHAPE)
        before = values.clone()
        for name, found in self.acts(values, np.random.default_rng(0)).items():
            assert found.dtype == values.dtype, name
            assert found.shape == values.shape, name
            assert not torch.equal(found, before), name
        assert torch.equal(values, before)

    def test_repeat_themselves_under_the_same_seed(self):
        values = torch.randn(8, *SHAPE)
        first, second = (self.acts(values, np.random.default_rng(7)) for _ in range(2))
        assert all(torch.equal(first[name], second[name]) for name in first)
