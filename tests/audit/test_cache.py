"""Kept controls: used again only where everything that decides them is the same."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dpkit.audit.cache import ControlCache
from dpkit.audit.controls import NOT_RUN, carried_out
from dpkit.audit.options import Options
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.types.attacks import Control
from tests.audit.mapped import PublicMaps, mapped_stage
from tests.audit.stages import stage

ATTACK = ATTACKS["block-brightness"]
FOUND = Control("a setting", "SSIM", 0.7, 0.2, passed=True, is_cached=False)


@pytest.fixture
def cache(tmp_path):
    return ControlCache(tmp_path, lambda path, pieces: path.write_bytes(b"".join(pieces)))


def asked(cache, at, kind="positive"):
    """Return the control and whether it was computed, in another audit than the one before."""
    computed, cache = [], ControlCache(cache.folder, cache.write)
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
        {"kappa": 16, "options": Options(mode="full")},
        {"kappa": 16, "options": Options(mode="quick", budget_seconds=5.0)},
    ],
    ids=str,
)
def test_another_release_or_effort_has_controls_of_its_own(cache, other):
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


class TestTheArraysOfAKeptControl:
    def kept(self, folder):
        return next(folder.iterdir())

    def test_stand_beside_it_by_their_digests(self, cache, tmp_path):
        asked(cache, stage(kappa=16))
        arrays = json.loads(self.kept(tmp_path).read_text())["arrays"]
        assert set(arrays) == {"originals", "values", "others"}
        assert all(len(digest) == 64 for digest in arrays.values())

    @pytest.mark.parametrize("kind", ["positive", "null"])
    def test_are_made_again_and_must_agree(self, cache, tmp_path, kind):
        asked(cache, stage(kappa=16), kind)
        path = self.kept(tmp_path)
        held = json.loads(path.read_text())
        held["arrays"]["values"] = "0" * 64
        path.write_text(json.dumps(held))
        assert asked(cache, stage(kappa=16), kind) == (FOUND, True)
        assert not asked(cache, stage(kappa=16), kind)[1]


LEARNED = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("mlp", "deconvolution", "white-box")
]


@pytest.mark.parametrize("kind", ["positive", "null"])
@pytest.mark.parametrize("name", ["block-brightness", "repeated-blocks", "ridge-maps", *LEARNED])
def test_a_kept_control_is_what_comes_out_again(cache, kind, name):
    """Some of them are carried out again here, as they would be without what is kept."""
    attack = ATTACKS[name]
    is_morphed = attack.is_for("morph")
    like = stage(kappa=16, n=120) if is_morphed else mapped_stage(PublicMaps(pooled=4), n=120)

    def carry_out(experiment):
        return carried_out(experiment, attack, attack.rung, like.options, Effort(30, is_full=False))

    at = (attack, attack.rung)
    first = cache.control(kind, at, like, carry_out)
    kept = cache.control(kind, at, like, lambda _: pytest.fail("it was not kept"))
    again = ControlCache(None, cache.write).control(kind, at, like, carry_out)
    assert kept == replace(first, is_cached=True)
    assert again.passed == first.passed
    assert again.measure == first.measure
    loose = 0.1 if attack.is_trained else 1e-6  # a training that time cut is not the same twice
    assert again.value == pytest.approx(first.value, abs=loose)
