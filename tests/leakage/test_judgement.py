"""Verdicts: what is called broken, what a leak, and what is not known."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.leakage.judgement import beats, is_linked, judge, shows_pictures
from dpkit.leakage.recovery import Recovery
from dpkit.types.attacks import AttackResult
from dpkit.types.scores import Interval, LinkScores

RNG = np.random.default_rng(0)


def of(ssim, ncc=0.2, psnr=12.0, n=100):
    wiggle = RNG.normal(0, 0.02, n)
    return Recovery(ssim + wiggle, psnr + wiggle, ncc + wiggle)


GUESS = of(0.15)


def result(name="second-order", state="succeeded", images=None, **other):
    return replace(
        AttackResult(name, "Statistics", "A2", "", "", state, "", None, None, {}, "", False, 1.0,
                     "It did.", None, None),
        images=images.scores() if images else None, **other,
    )  # fmt: skip


def said(results, best=None, keys=frozenset({"second-order"})):
    is_pictured = best is not None and shows_pictures(best, GUESS)
    return judge("morph", results, is_pictured=is_pictured, keys=keys)


def test_no_better_than_the_guess_is_no_success():
    assert not beats(of(0.16), GUESS)


def test_a_little_better_for_every_image_is_a_success():
    assert beats(of(0.25), GUESS)
    assert beats(of(0.15, ncc=0.5), GUESS)


def test_an_exact_picture_from_an_attack_on_the_key_means_the_key():
    found = of(0.97, psnr=40.0)
    assert said([result(images=found)], found).sentence.startswith("broken: key recovered")


def test_recognised_pictures_are_broken():
    found = of(0.6)
    verdict = said([result(images=found)], found)
    assert verdict.word == "broken"
    assert verdict.sentence.startswith("broken: pictures recovered")


def test_one_image_that_is_nearly_exact_is_broken():
    found = of(0.3)
    found.ssim[7] = 0.93
    assert said([result(images=found)], found).word == "broken"


def test_a_flat_image_that_every_guess_hits_is_not_recovered():
    found, guess = of(0.15), of(0.15)
    found.ssim[7] = guess.ssim[7] = 0.95
    assert not shows_pictures(found, guess)


def test_something_less_is_a_leak_and_is_named():
    verdict = said([result(state="succeeded", finding="12 % of all blocks have a twin")])
    assert verdict.word == "leaks"
    assert "12 % of all blocks have a twin" in verdict.sentence


def test_no_success_is_no_proof():
    verdict = said([result(state="no success"), result(state="no power")])
    assert verdict.word == "none"
    assert "that is not a proof" in verdict.sentence
    assert (verdict.had_power, verdict.of) == (1, 2)


def test_without_power_nothing_is_known():
    verdict = said([result(state="timed out"), result(state="crashed"), result(state="no power")])
    assert (verdict.word, verdict.had_power, verdict.of) == ("unknown", 0, 3)


@pytest.mark.parametrize("state", ["timed out", "crashed", "no power", "not tried"])
def test_less_carried_out_never_improves_a_verdict(state):
    order = ["none", "unknown", "leaks", "broken"]
    whole = said([result(state="no success"), result("mlp", "no success")])
    less = said([result(state="no success"), result("mlp", state)])
    assert order.index(less.word) >= order.index(whole.word)
    assert less.had_power < whole.had_power
    assert less.of == whole.of


def test_linkage_must_beat_chance_by_more_than_chance():
    def links(low):
        return LinkScores(100, 200, Interval(low + 0.01, low, low + 0.02), None, None, 1 / 200)

    assert is_linked(links(0.1))
    assert not is_linked(links(0.01))


def test_a_leak_to_those_alone_who_hold_originals_says_so():
    verdict = said([result(images=of(0.3), rung="A6"), result(state="no success")], of(0.3))
    assert verdict.word == "leaks"
    assert "Without any original no attack succeeded; that is not a proof" in verdict.sentence


def test_a_leak_beside_which_only_the_eye_looked_says_that():
    looked = result("view", "no success", rung="A0")
    verdict = said([result(images=of(0.3), rung="A6"), looked], of(0.3))
    assert "nothing but a look at the file was tried with power" in verdict.sentence


def test_where_only_the_eye_looked_nothing_is_known():
    verdict = said([result("view", "no success", rung="A0"), result(state="no power")])
    assert (verdict.word, verdict.had_power, verdict.of) == ("unknown", 1, 2)
    assert "beyond a look at the file" in verdict.sentence
