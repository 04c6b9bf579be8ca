"""Sentences say what figures bear out: more, less, within the spread, or unsettled."""

from dataclasses import replace

import pytest

from dpkit.sweep.partitionsentences import sentences
from dpkit.sweep.partitiontable import by_setting
from tests.sweep.test_partition import a_case, an_attacker


def of(split, strength, errors, **more):
    """Return a case a seed, each with one attacker of that error."""
    return [
        a_case(split, strength, seed, (an_attacker("one", error, 1 - 10 * error, **more),))
        for seed, error in enumerate(errors)
    ]


def said(*cases):
    return sentences(by_setting([case for each in cases for case in each]))


def the(words, found):
    (line,) = [line for line in found if words in line]
    return line


def test_accuracy_is_said_beside_the_undefended_one():
    found = said(of(1, 20.0, [0.02, 0.02]))
    assert found[0] == "Without a defence accuracy is 0.950 ± 0.000."
    assert found[1] == (
        "Split 1, λ 20: accuracy is 0.910 ± 0.014, 4.0 points below the undefended."
    )


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ([0.030, 0.031], "it sees less"),
        ([0.010, 0.011], "it sees more"),
        ([0.020, 0.022], "less than the spread"),
    ],
)
def test_a_difference_counts_only_where_it_is_above_the_spread(errors, verdict):
    found = the("beside λ 0", said(of(1, 0.0, [0.020, 0.021]), of(1, 20.0, errors)))
    assert found.count(f"({verdict})") == 2  # MSE and SSIM


def test_one_seed_gives_no_verdict():
    found = the("beside λ 0", said(of(1, 0.0, [0.02]), of(1, 20.0, [0.03])))
    assert found.count("(of one seed, no verdict)") == 2


def test_where_every_attacker_is_weak_nothing_is_said_to_be_hidden():
    blind = of(1, 20.0, [0.05, 0.05], is_weak=True)
    found = the("beside λ 0", said(of(1, 0.0, [0.02, 0.02]), blind))
    assert found.endswith("nothing is known, for no attacker counts in 2 of 4 cases.")


def test_a_deeper_split_is_compared_with_the_one_before_it():
    found = said(of(1, 0.0, [0.02, 0.02]), of(2, 0.0, [0.03, 0.03]), of(4, 0.0, [0.03, 0.03]))
    assert "(it sees less)" in the("split 2 beside split 1", found)
    assert "(less than the spread)" in the("split 4 beside split 2", found)


def test_a_comparison_that_leans_on_a_cut_attacker_is_unsettled():
    cut = of(1, 20.0, [0.03, 0.03], converged=False)
    found = said(of(1, 0.0, [0.02, 0.02]), cut)
    assert the("beside λ 0", found).endswith("unsettled, for a best attacker was cut.")
    assert "Of 4 attackers 2 were cut, a lower bound." in found
    assert "unsettled" not in the("beside λ 0", said(of(1, 0.0, [0.02]), of(1, 20.0, [0.03])))


def test_weak_attackers_are_named_and_one_seed_is_said_to_be_one():
    found = said(of(1, 0.0, [0.08], is_weak=True))
    assert "Split 1, λ 0: one did not beat the mean image (MSE 0.0700)" in the("beat", found)
    assert found[-1] == "It is one seed: how far figures spread is not known."


def test_faces_are_said_beside_those_of_the_originals_where_they_were_counted():
    (case,) = of(1, 0.0, [0.02])
    assert not any("face" in line for line in said([case]))
    seen = replace(case.attackers[0], faces=0.25)
    case = replace(case, standing=replace(case.standing, faces=0.9), attackers=(seen,))
    assert "a face is found in 0.250 of" in the("0.900 of the originals", said([case]))
