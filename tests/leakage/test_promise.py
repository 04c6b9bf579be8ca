"""What a private release promises follows from parameters; its released report tells no more."""

from dataclasses import replace
from fractions import Fraction

from dpkit.leakage.promise import promise_of, statement_of_promise
from dpkit.leakage.report.html import PrivateNotes, render_private, render_released
from dpkit.leakage.summary import summarize
from dpkit.types import Geometry
from dpkit.types.evidence import RoundTrip, statement_of
from dpkit.types.guarantee import Guarantee
from dpkit.types.promise import EpsilonTotal

from . import audits

GEOMETRY = Geometry(3, 32, 32, 8)
PROMISE = promise_of(
    Guarantee(Fraction(1, 2), 4), GEOMETRY, (EpsilonTotal("1.5", 7), EpsilonTotal("0.5", 33)), 3
)


def reports(release, audit):
    """Return the released and the private report of one release."""
    facts = replace(release.facts, guarantee=PROMISE)
    return [
        summarize(
            facts, release.scores, release.baselines, audit=audit, released=released,
            round_trip=RoundTrip(0.5, 0.1, 0.9),
        )
        for released in (True, False)
    ]  # fmt: skip


def test_the_numbers_are_exact():
    assert (PROMISE.epsilon, PROMISE.neighborhood, PROMISE.per_pixel) == ("0.5", 4, "0.125")
    thirds = promise_of(Guarantee(Fraction(1), 3), GEOMETRY)
    assert thirds.per_pixel == "1/3"


def test_it_says_what_a_whole_image_costs():
    assert "in all 1,024 pixels it is 128." in PROMISE.not_promised[0]


def test_it_names_what_is_published_as_it_is():
    text = " ".join(PROMISE.not_promised)
    for word in ("person", "Labels", "groups", "counts", "where it stands in it"):
        assert word in text
    assert "size, channels and depth" in text


def test_it_says_that_a_limit_on_the_total_can_tell_which_images_are_equal():
    (text,) = (said for said in PROMISE.not_promised if said.startswith("That there is a release"))
    assert "a limit on the total ε" in text
    assert "equal to one another or to released ones" in text


def test_the_first_line_is_of_a_row_and_says_what_several_rows_cost():
    line = statement_of_promise(PROMISE)
    assert line.startswith("Differential privacy of each row: ε = 0.5 for originals that differ in")
    assert "k times as much for a picture that stands in k rows" in line


def test_the_released_report_has_the_promise_and_nothing_of_originals(release):
    released, _ = reports(release, audits.broken_paper())
    assert released.audit is None
    assert released.round_trip is None
    assert (released.measured, released.baselines) == ({}, ())
    assert released.guarantee == replace(PROMISE, releases=0, totals=())
    assert "nothing computed from originals" in released.statement
    assert released.withheld


def test_the_released_report_is_the_same_whatever_was_measured(release):
    one, _ = reports(release, audits.broken_paper())
    scores = {name: column[:3] for name, column in release.scores.items()}
    other = summarize(replace(release.facts, guarantee=PROMISE), scores, {}, audit=None)
    assert one.to_json() == other.to_json()


def test_the_providers_report_keeps_everything(release):
    audit = audits.broken_paper()
    _, private = reports(release, audit)
    assert private.audit == audit
    assert private.measured["ssim"].n == 40
    assert private.statement == statement_of(audit)
    assert private.guarantee == PROMISE


def test_the_released_page_shows_the_promise_and_no_figure(release):
    released, _ = reports(release, audits.broken_paper())
    page = render_released(released, ())
    for sentence in (PROMISE.promise, PROMISE.composition, *PROMISE.not_promised):
        assert sentence.replace("'", "&#39;") in page
    for word in ("How alike", "Total ε", "Verdict", "Who can recover what"):
        assert word not in page


def test_the_providers_page_shows_totals(release):
    _, private = reports(release, audits.broken_paper())
    page = render_private(private, (), PrivateNotes())
    assert "3 releases of this keystore" in page
    assert '<th scope="row">1.5</th><td data-head="Images">7</td>' in page
    assert "Who can recover what" in page
