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


class TestFaces:
    def test_of_enough_images_are_told(self):
        assert for_release(audits.broken_paper()).faces.scores == audits.FACES.scores

    def test_of_few_images_are_left_out_alone(self):
        few = replace(audits.FACES, scores=(audits.seen_faces("A6", 0.9, 0.8, n=19),))
        audit = replace(audits.broken_paper(), faces=few)
        left = for_release(audit)
        assert left.faces.scores == ()
        assert "too few for figures" in left.faces.sentence
        assert replace(left, faces=few) == audit

    def test_keep_what_is_found_where_only_identities_are_of_few(self):
        one = audits.seen_faces("A6", 0.9, 0.8, n=40)
        few = replace(one, links=replace(one.links, n=19))
        audit = replace(audits.broken_paper(), faces=replace(audits.FACES, scores=(few,)))
        (told,) = for_release(audit).faces.scores
        assert told.detected == one.detected
        assert told.links is told.auc is told.matched is None
        assert "80 %" not in for_release(audit).faces.sentence

    def test_of_an_audit_of_few_images_are_left_out(self):
        assert withheld(audits.broken_paper()).faces is None
