"""Block mixing: the paper's claim does not hold, and what stays in place is told."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.leakage.claims import BOUNDS
from dpkit.leakage.mix_bounds import blocks_of, expected_unchanged, mix_bounds
from dpkit.types import Geometry

PAPER = Geometry(3, 192, 192, 8)


def parameters(**changes):
    return {"Lb": 24, "Wb": 24, "Ns": 10, "Nt": 1, "p_replace": 0.5, "mix_parts": "all", **changes}


def bounds(geometry=PAPER, **changes):
    claim, share = mix_bounds(parameters(**changes), geometry)
    return claim, share


@pytest.mark.parametrize(
    ("length", "width", "blocks"),
    [(24, 24, 64), (96, 24, 16), (12, 12, 256), (6, 6, 1024), (192, 48, 4), (100, 100, 4)],
)
def test_the_blocks_are_those_of_the_paper_s_sizes(length, width, blocks):
    assert blocks_of(parameters(Lb=length, Wb=width), PAPER) == blocks


def test_the_claimed_probability_is_one_over_the_orders_of_the_blocks():
    claim, _ = bounds()
    assert claim.log10 == pytest.approx(-math.log10(math.factorial(64)))
    assert claim.log10 == pytest.approx(claim.log2 * math.log10(2))
    assert claim.value == "1/64! = 10^-89.1 an image; to the power of N for N images"
    assert bounds(Lb=6, Wb=6)[0].value.startswith("1/1,024! = 10^-2,639.7 ")


@pytest.mark.parametrize("rounds", [1, 3])
def test_the_claim_does_not_hold_because_nobody_has_to_search(rounds):
    claim, _ = bounds(Nt=rounds)
    assert claim.holds is False
    assert claim.equation == "Eqs. 8, 9"
    for words in ("Nobody has to search", "Blocks never move", "(N_C!)^64"):
        assert words in claim.reason
    assert {1: "50 % of an image", 3: "12.5 % of an image"}[rounds] in claim.reason


@pytest.mark.parametrize(("rounds", "share"), [(1, "50 %"), (3, "12.5 %"), (9, "0.195 %")])
def test_the_expected_share_is_a_half_to_the_power_of_the_rounds(rounds, share):
    """The paper: N_t = 1 for CNBC, 3 for WIKI."""
    _, found = bounds(Nt=rounds)
    assert found.holds is True
    assert found.equation == "(1 − p)^N_t"
    assert found.value == f"{share} of 64 blocks"
    assert found.log2 == pytest.approx(-rounds)
    assert "black border" in found.reason


def naive_share(stays, blocks):
    """Sum over how many blocks stay, given that not all of them do."""
    chances = [math.comb(blocks, k) * stays**k * (1 - stays) ** (blocks - k) for k in range(blocks)]
    return sum(c * k / blocks for k, c in enumerate(chances)) / sum(chances)


@given(st.floats(0.05, 1.0), st.integers(1, 6), st.integers(1, 8), st.integers(1, 8))
def test_the_expected_share_allows_for_images_drawn_again(p, rounds, rows, columns):
    given_ = parameters(p_replace=p, Nt=rounds, Lb=3, Wb=5)
    found = expected_unchanged(given_, Geometry(1, 3 * rows, 5 * columns, 8))
    assert found == pytest.approx(naive_share((1 - p) ** rounds, rows * columns), abs=1e-9)


def test_the_expected_share_is_that_of_a_trial():
    """10,000 images of four blocks; the standard error is 0.2 %."""
    rng = np.random.default_rng(5)
    stays = rng.random((10_700, 2, 4)).min(axis=1) >= 0.5
    stays = stays[~stays.all(axis=1)][:10_000]
    expected = expected_unchanged(parameters(Lb=96, Wb=96, Nt=2), PAPER)
    assert stays.mean() == pytest.approx(expected, abs=0.01)
    assert expected < 0.25


def test_where_every_block_is_replaced_no_share_is_promised():
    claim, share = bounds(p_replace=1)
    assert (share.value, share.log2, share.log10) == ("0 % of 64 blocks", None, None)
    assert "each shows a piece of an original as it is" in claim.reason


def test_images_of_one_block_are_never_their_own():
    claim, share = bounds(Lb=192, Wb=192)
    assert share.value.startswith("0 % of 1 ")
    assert (claim.log2, str(claim.log10)) == (0.0, "0.0")


@pytest.mark.parametrize("name", ["Lb", "Wb", "Nt"])
@pytest.mark.parametrize("value", [0, -1, True, 2.0, "24", None])
def test_a_size_that_cannot_be_is_refused(name, value):
    with pytest.raises(UsageError, match=name):
        bounds(**{name: value})


@pytest.mark.parametrize("value", [0, -0.1, 1.1, 1e-18, math.nan, True, "0.5", None])
def test_a_probability_that_cannot_be_is_refused(value):
    with pytest.raises(UsageError, match="p_replace"):
        bounds(p_replace=value)


def test_the_table_has_them():
    assert BOUNDS["mix"](parameters(), PAPER) == bounds()
