"""`--require`: what a condition may say, and that nothing missing passes."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import GateError, UsageError
from dpkit.leakage.gate import MOST_DEPTH, NAMES, figures_of, parse_condition
from dpkit.types.attacks import AttackResult
from dpkit.types.audit import Audit, PairsPoint, Verdict
from dpkit.types.scores import ImageScores, Interval, Spread
from tests.leakage.audits import FACES, broken_paper, seen_faces


def scores(mean, worst, n=100):
    spread = Spread(Interval(mean, mean - 0.01, mean + 0.01), worst, worst)
    share = Interval(0.1, 0.0, 0.2)
    return ImageScores(n, spread, spread, spread, share, share)


def audit(*, word="none", best=None, pairs=(), attacks=()):
    needed = {"0.5": 10 if pairs else None, "0.9": None}
    return Audit(
        "full", "dpkit", 0, 600.0, 1.0, 100, 100, 200, "", Verdict(word, "said", (), 5, 7), best,
        (), (), attacks, pairs, needed, None,
    )  # fmt: skip


FOUND = audit(best=scores(0.2, 0.28), pairs=(PairsPoint(10, scores(0.6, 0.7)),))

TRUE = (
    "worst_ssim < 0.3 and verdict != broken",
    "verdict == none",
    "mean_ssim<=0.2 or worst_ssim > 1",
    "not (worst_ssim >= 0.3)",
    "had_power >= 5 and attacks == 7",
    "worst_ssim > 0.5 or (mean_ssim < 0.5 and not verdict == leaks)",
    "pairs_50 >= 10 and pairs_90 > 10",
)
FALSE = (
    "worst_ssim < 0.2",
    "verdict == broken",
    "worst_ssim < 0.3 and verdict == broken",
    "not verdict == none",
    "pairs_90 > 100",  # the curve ended at 10: nothing is known of 100
)


@pytest.mark.parametrize("text", TRUE)
def test_a_condition_that_is_met_passes(text):
    parse_condition(text).check(FOUND)


@pytest.mark.parametrize("text", FALSE)
def test_a_condition_that_is_not_met_refuses_the_release(text):
    with pytest.raises(GateError, match="does not meet"):
        parse_condition(text).check(FOUND)


def test_a_refusal_names_the_figures_that_failed():
    with pytest.raises(GateError, match=r"worst_ssim is 0.28, verdict is none"):
        parse_condition("worst_ssim < 0.1 or verdict == broken").check(FOUND)


@pytest.mark.parametrize("text", ["top1 < 0.5", "verdict == none or top1 < 0.5", "accuracy > 0.5"])
def test_a_figure_that_no_attack_produced_never_passes(text):
    with pytest.raises(UsageError, match="no attack of this audit produced it"):
        parse_condition(text).check(FOUND)


def test_an_audit_without_power_has_no_figure_but_its_verdict():
    assert set(figures_of(audit(word="unknown"))) == {"verdict", "had_power", "attacks"}


@pytest.mark.parametrize(
    "text",
    [
        "", "worst_ssim", "worst_ssim <", "< 0.3", "worst_ssim < 0.3 and", "(worst_ssim < 0.3",
        "worst_ssim < 0.3)", "worst_ssim << 0.3", "worst_ssim = 0.3", "ssim < 0.3",
        "worst_ssim < broken", "verdict < broken", "verdict == good", "worst_ssim < -1",
        "__import__('os').system('true')", "worst_ssim < 0.3; verdict == none",
        "worst_ssim.__class__ == 1", "0.3 > worst_ssim", "not", "a" * 2000,
        "not " * (MOST_DEPTH + 2) + "verdict == none", "(" * 200 + "verdict == none" + ")" * 200,
    ],
)  # fmt: skip
def test_anything_else_is_wrong_usage(text):
    with pytest.raises(UsageError, match="--require"):
        parse_condition(text)


@given(st.text(alphabet="()<>=! .0123456789abcdefghijklmnopqrstuvwxyz_'\"\\", max_size=60))
def test_no_text_does_more_than_parse_or_be_refused(text):
    with suppress(UsageError):  # and nothing else
        assert parse_condition(text).comparisons


@given(st.sampled_from(NAMES[3:]), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
       st.floats(0, 1000))  # fmt: skip
def test_every_figure_compares_with_any_number(name, sign, value):
    condition = parse_condition(f"{name} {sign} {value:.4f}")
    assert [one.name for one in condition.comparisons] == [name]


def left(state, reason=""):
    return AttackResult(
        "mlp", "A network", "A2", "", "", state, reason, None, None, {}, "", False, 0.0, "", None,
        None,
    )  # fmt: skip


@pytest.mark.parametrize("state", ["timed out", "crashed"])
def test_what_did_not_end_is_unknown_and_nothing_passes(state):
    cut = audit(best=scores(0.1, 0.2), attacks=(left(state),))
    with pytest.raises(GateError, match="did not end"):
        parse_condition("verdict != broken").check(cut)


def test_a_verdict_of_which_nothing_is_known_passes_no_condition():
    with pytest.raises(UsageError, match="nothing is known"):
        parse_condition("verdict != broken").check(audit(word="unknown"))
    parse_condition("verdict == unknown").check(audit(word="unknown"))


class TestFaces:
    AUDIT = replace(broken_paper(), utility=None)

    def test_are_the_most_that_release_or_reconstruction_show(self):
        figures = figures_of(self.AUDIT)
        assert (figures["face_detected"], figures["face_top1"]) == (0.91, 0.83)

    def test_that_the_holder_of_the_key_sees_do_not_count(self):
        faces = replace(FACES, scores=(seen_faces("A8", 1.0, 1.0),))
        assert "face_detected" not in figures_of(replace(self.AUDIT, faces=faces))

    def test_that_were_not_looked_for_never_pass(self):
        with pytest.raises(UsageError, match="face_top1"):
            parse_condition("face_top1 < 0.5").check(FOUND)
