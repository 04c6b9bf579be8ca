from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from dpkit.errors import UsageError
from dpkit.pipeline import Gates, ReleaseRequest
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.readers.labels import LabelTable
from dpkit.sanitizers import SANITIZERS

REQUEST = ReleaseRequest(Path("images"), Path("release"), SANITIZERS["morph"](kappa=16))


@pytest.mark.parametrize(
    "other",
    [
        {"source": Path("other")},
        {"out": Path("other")},
        {"sanitizer": SANITIZERS["morph"](kappa=4)},
        {"read": ReadOptions(size="64")},
        {"split": Split("80/10/10")},
        {"table": LabelTable(Path("labels.csv"))},
        {"shard_mb": 8},
        {"hide_classes": True},
        {"audit_images": 100},
        {"faces": False},
    ],
    ids=lambda other: next(iter(other)),
)
def test_whatever_decides_the_bytes_makes_another_command(other):
    assert replace(REQUEST, **other).digest() != REQUEST.digest()


def test_a_limit_makes_no_other_command():
    assert replace(REQUEST, gates=Gates(0.5, 3)).digest() == REQUEST.digest()


@pytest.mark.parametrize(
    "wrong",
    [
        {"shard_mb": 0},
        {"audit_images": 19},
        {"hide_classes": True, "publish_classes": True},
    ],
)
def test_an_impossible_request_cannot_be_built(wrong):
    with pytest.raises(UsageError):
        replace(REQUEST, **wrong)


def test_the_limit_of_a_budget_is_exact():
    assert Gates().epsilon_limit is None
    limits = [Gates(max_epsilon=text).epsilon_limit for text in ("0.1", "2", "1/3")]
    assert limits == [Fraction(1, 10), 2, Fraction(1, 3)]


@pytest.mark.parametrize(
    "text", ["0", "-1", "nan", "1e3", "0/1", "1/0", "x", "0.0", " 1", "1\n", "1" * 13]
)
def test_a_limit_of_a_budget_that_is_no_number_above_0_cannot_be_built(text):
    with pytest.raises(UsageError, match="no number above 0"):
        Gates(max_epsilon=text)


def test_a_budget_is_of_a_sanitizer_with_a_guarantee():
    with pytest.raises(UsageError, match="morph has no ε"):
        replace(REQUEST, gates=Gates(max_epsilon="1"))


@pytest.mark.parametrize("audit", ["none", "quick"])
def test_what_is_published_under_a_guarantee_hangs_on_no_figure_of_originals(audit):
    private = replace(REQUEST, sanitizer=SANITIZERS["pixelate"]())
    with pytest.raises(UsageError, match="not covered by ε"):
        replace(private, gates=Gates(require="worst_ssim < 0.3"), audit=audit)
    with pytest.raises(UsageError, match="--allow-unchanged cannot be given"):
        replace(private, gates=Gates(allow_unchanged=1), audit=audit)


@pytest.mark.parametrize("wrong", [{"max_bad": 1.5}, {"max_bad": -0.1}, {"allow_unchanged": -1}])
def test_an_impossible_limit_cannot_be_built(wrong):
    with pytest.raises(UsageError, match="is not within"):
        Gates(**wrong)
