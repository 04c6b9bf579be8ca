"""Kept controls: used again only where everything that decides them is the same."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.audit.cache import ControlCache
from dpkit.audit.controls import NOT_RUN
from dpkit.audit.options import Options
from dpkit.leakage.attacks import ATTACKS
from dpkit.types.audit import Control
from tests.audit.stages import stage

ATTACK = ATTACKS["block-brightness"]
FOUND = Control("a setting", "SSIM", 0.7, 0.2, passed=True, is_cached=False)


@pytest.fixture
def cache(tmp_path):
    return ControlCache(tmp_path, lambda path, pieces: path.write_bytes(b"".join(pieces)))


def asked(cache, at, kind="positive"):
    """Return the control and whether it was computed."""
    computed = []
    found = cache.control(kind, (ATTACK, "A1"), at, lambda _: computed.append(1) or FOUND)
    return found, bool(computed)


def test_the_second_audit_computes_nothing(cache):
    first, second = asked(cache, stage(kappa=16)), asked(cache, stage(kappa=16))
    assert first == (FOUND, True)
    assert not second[1]
    assert second[0].is_cached


@pytest.mark.parametrize(
    "other",
    [
        {"kappa": 4},
        {"kappa": 16, "side": 24},
        {"kappa": 16, "dtype": "float16"},
        {"kappa": 16, "n": 62},
        {"kappa": 16, "options": Options(mode="quick", pairs=(2,))},
    ],
    ids=str,
)
def test_another_release_or_seed_has_controls_of_its_own(cache, other):
    asked(cache, stage(kappa=16))
    assert asked(cache, stage(**other))[1]


def test_the_images_themselves_do_not_matter(cache):
    one = stage(kappa=16)
    asked(cache, one)
    one.subject.originals[:] = np.random.default_rng(0).integers(
        0, 255, one.subject.originals.shape
    )
    assert not asked(cache, one)[1]


def test_the_seed_of_an_audit_does_not_matter(cache):
    asked(cache, stage(kappa=16))
    assert not asked(cache, stage(kappa=16, options=Options(mode="quick", seed=3)))[1]


def test_a_control_that_was_cut_short_is_not_kept(cache):
    cut = replace(FOUND, measure=NOT_RUN, passed=False)
    cache.control("positive", (ATTACK, "A1"), stage(kappa=16), lambda _: cut)
    assert asked(cache, stage(kappa=16)) == (FOUND, True)


def test_a_damaged_file_is_computed_again(cache, tmp_path):
    asked(cache, stage(kappa=16))
    next(tmp_path.iterdir()).write_bytes(b"{}")
    assert asked(cache, stage(kappa=16)) == (FOUND, True)


def test_without_a_folder_nothing_is_kept():
    cache = ControlCache(None, lambda *_: pytest.fail("it wrote"))
    assert asked(cache, stage(kappa=16))[1]
    assert asked(cache, stage(kappa=16))[1]
