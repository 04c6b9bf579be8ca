"""What is left of an audit of few images: the verdict's word, counts and states."""

from dataclasses import replace

import pytest

from dpkit.leakage.withheld import for_release, withheld
from dpkit.types.strict_json import dump
from tests.leakage import audits


@pytest.mark.parametrize("make", audits.ALL)
def test_word_advice_counts_and_states_stay(make):
    audit = make()
    left = withheld(audit)
    assert left.verdict == replace(audit.verdict, sentence=left.verdict.sentence)
    assert [(r.rung, r.tried, r.of) for r in left.rungs] == [
        (r.rung, r.tried, r.of) for r in audit.rungs
    ]
    assert [(a.name, a.state) for a in left.attacks] == [(a.name, a.state) for a in audit.attacks]


@pytest.mark.parametrize("make", audits.ALL)
def test_no_score_control_finding_or_sentence_of_an_attack_stays(make):
    text = dump(withheld(make()))
    for gone in ("psnr", "top1", "limit", "in its own words", "trained_on", "grey levels", "0.31"):
        assert gone not in text


def test_a_reason_stays_where_it_is_of_parameters_or_time():
    reasons = {a.name: a.reason for a in withheld(audits.broken_paper()).attacks}
    assert reasons["contact-sheet"] == "C^ac is not in this release"
    assert reasons["second-order"] == "not finished within 20 s"
    assert withheld(audits.hardened()).attacks[2].reason == ""  # it quoted a figure


def test_twenty_images_are_enough_and_nineteen_are_not():
    assert for_release(audits.of_few(20)) == audits.of_few(20)
    assert for_release(audits.of_few(19)) == withheld(audits.of_few(19))
    assert for_release(None) is None


def test_one_figure_of_few_images_is_enough_to_withhold():
    audit = audits.broken_paper()
    best = replace(audit, best=replace(audit.best, n=19))
    pairs = replace(audit, pairs=(replace(audit.pairs[0], images=audits.scores(0.1, 9, n=19)),))
    utility = replace(audit, utility=replace(audit.utility, held_out=19))
    for few in (best, pairs, utility):
        assert for_release(few) == withheld(few)
