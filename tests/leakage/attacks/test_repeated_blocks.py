"""Twins are found where they were planted, and none where there are none."""

import numpy as np
import pytest

from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from tests.leakage.attacks.released import PRIVATE, crops, morphed, published

ATTACK = ATTACKS["repeated-blocks"]
NOISE = np.random.default_rng(1).integers(1, 256, (24, 16, 16, 1), dtype=np.uint8)


def planted():
    pixels = NOISE.copy()
    pixels[3, 4:8], pixels[5, :8] = pixels[3, :4], 0
    pixels[7, 8:12] = pixels[2, 8:12]
    return pixels


@pytest.mark.parametrize("law", ["gaussian", "orthogonal", "uniform"])
def test_twins_at_home_and_elsewhere_are_counted(law):
    found = ATTACK.run(morphed(planted(), kappa=4, law=law).view, Effort())
    assert found.figures["twins"] == 4
    assert found.figures["twins_at_home_share"] == pytest.approx(2 / 94)
    assert found.figures["black_share"] == pytest.approx(2 / 96)
    assert "alike" in found.finding
    assert found.images is None


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("kappa", [1, 4, 16])
def test_the_sanitizers_own_rounding_hides_no_twin(kappa, dtype):
    pixels = np.tile(NOISE[:12], (2, 1, 1, 1))
    found = ATTACK.run(published(pixels, kappa=kappa, dtype=dtype), Effort())
    assert found.figures["equal_images"] == 24
    assert found.figures["twins_share"] == 1


def test_distinct_cores_leave_twins_at_one_position():
    found = ATTACK.run(morphed(planted(), kappa=4, cores="distinct").view, Effort())
    assert found.figures["twins"] == 2
    assert found.figures["twins_at_home_share"] == 0


def test_equal_images_stay_equal():
    pixels = NOISE.copy()
    pixels[9] = pixels[4]
    for interleave in (False, True):
        released = morphed(pixels, kappa=4, cores="distinct", interleave=interleave)
        found = ATTACK.run(released.view, Effort())
        assert found.figures["equal_images"] == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_one_grey_level_more_is_no_twin(dtype):
    pixels = NOISE.copy()
    pixels[1] = pixels[0]
    pixels[1, ::4, 0] ^= 1
    found = ATTACK.run(morphed(pixels, kappa=4, law="orthogonal", dtype=dtype).view, Effort())
    assert not found.finding
    assert not any(found.figures[name] for name in ("twins", "equal_images", "black_share"))


def test_with_a_key_an_image_there_are_twins_at_home_only():
    found = ATTACK.run(morphed(planted(), kappa=4, key_an_image=True).view, Effort())
    assert found.figures["twins"] == 2
    fresh = morphed(crops(PRIVATE, 20, 16), kappa=4, cores="distinct", key_an_image=True)
    assert not ATTACK.run(fresh.view, Effort()).finding
