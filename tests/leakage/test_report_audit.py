"""The pages of an audited release: the verdict first, then who can recover what."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from dpkit.leakage.report.findings import done_about
from dpkit.leakage.report.html import PrivateNotes, render_private, render_released
from dpkit.leakage.report.pictures import (
    PicturePair,
    ReconstructionPictures,
    RecoveredPicture,
    ReleasePicture,
)
from dpkit.leakage.report.scores import percent
from dpkit.leakage.summary import summarize
from dpkit.leakage.view import picture
from dpkit.types.evidence import STATEMENT
from dpkit.types.ladder import RUNGS
from tests.leakage import audits
from tests.leakage.test_report import HOSTILE, Page, check_for_everybody, embedded_pixels

EVERY = pytest.mark.parametrize("make", [*audits.ALL, audits.of_few])


def once(render):
    """Render each audit once: an audit has mappings, so its `repr` stands for it."""
    pages = {}

    def page(audit):
        return pages.get(repr(audit)) or pages.setdefault(repr(audit), render(audit))

    return page


@pytest.fixture(scope="module")
def publish(release):
    """Return the released page of an audit."""
    shown = tuple(ReleasePicture(picture(values)) for values in release.values[:2])

    def page(audit):
        return render_released(
            summarize(release.facts, release.scores, release.baselines, audit=audit), shown
        )

    return once(page)


def recovered(release, rungs=("A6", "A7"), count=12):
    """Return what two adversaries made of some images: darker copies."""
    return tuple(
        ReconstructionPictures(
            rung,
            "known pairs",
            tuple(
                RecoveredPicture(
                    f"{rung}/{i:04}.png",
                    release.originals[i],
                    picture(release.values[i]),
                    release.originals[i] // 2 + 3,
                    {"ssim": 0.9 - i / 100, "psnr": 20.0},
                )
                for i in range(count)
            ),
        )
        for rung in rungs
    )


@pytest.fixture(scope="module")
def keep(release):
    """Return the private page of an audit."""
    pairs = tuple(
        PicturePair(release.originals[i], picture(release.values[i]), f"p/{i}.png", {"ssim": 0.1})
        for i in range(24)
    )

    def page(audit):
        report = summarize(
            release.facts, release.scores, release.baselines, audit=audit, released=False
        )
        return render_private(report, pairs, PrivateNotes(), recovered(release))

    return once(page)


def test_the_verdict_comes_first_led_by_the_power_behind_it(publish):
    html = publish(audits.broken_paper())
    marks = (
        "5 of 7 attacks had power here, 2 unknown",
        "Broken: pictures recovered, by whoever knows 10 of the images.",
        "12 known images of 40 open all of them.",
        "A developer can learn from this release, and less than from the originals.",
        "What to change",
        "Give every block a core of its own (--cores distinct).",
        "<table",
        "<img",
    )
    places = [html.index(mark) for mark in marks]
    assert places == sorted(places)
    assert STATEMENT not in html


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (audits.hardened, "No attack of this suite succeeded; that is not a proof."),
        (audits.mixed, "Leaks: whose image it is can be told for 99 %"),
        (audits.with_augconv, "Broken: key recovered"),
        (audits.nothing_run, "No attack had power here, so nothing is known."),
    ],
)
def test_every_verdict_is_a_sentence_that_needs_no_colour(publish, make, said):
    assert said in Page(publish(make())).text


def row_of(html, start):
    """Return the words of the table row whose head begins with `start`."""
    rows = [" ".join(Page(row).text.split()) for row in html.split("<tr")]
    return next(row for row in rows if row.startswith((f"> {start}", f">{start}")))


def test_the_ladder_has_a_row_for_every_adversary_in_order(publish):
    html = publish(audits.broken_paper())
    places = [html.index(f'<span class="rung">{rung}</span>') for rung in RUNGS]
    assert places == sorted(places)


def test_a_row_of_the_ladder_tells_all_its_figures(publish):
    row = row_of(publish(audits.broken_paper()), "A6")
    for told in (
        "Best attack: known pairs.",
        "30 known images give most of each.",
        "1 of 1",
        "0.850",
        "0.830 to 0.860",
        "0.970",
        "30.0 dB",
        "70 %",
        "40 %",
    ):
        assert told in row


def test_linkage_stands_beside_its_chance(publish):
    row = row_of(publish(audits.broken_paper()), "A7")
    assert "62 %" in row
    assert "of 128 candidates; chance 0.8 %" in row


def test_an_exact_recovery_reads_as_one(publish):
    row = row_of(publish(audits.with_augconv()), "A4")
    assert "2 of 2" in row
    assert "1.000" in row
    assert "∞ dB" in row


def test_the_guesses_stand_beside_the_ladder(publish):
    html = publish(audits.broken_paper())
    assert "0.310" in row_of(html, "another image")
    assert html.index("guesses that need no release") < html.index("Attack by attack")


def test_an_attack_without_power_is_unknown_and_says_why(publish):
    html = publish(audits.hardened())
    row = row_of(html, "lattice")
    assert "? no power" in row
    assert "unknown: its positive control reached 0.31 of 0.5" in row
    assert "positive control failed: SSIM 0.31 (must reach 0.5) on one grey level in 16" in row
    assert "unknown: LinAlgError: did not converge" in row_of(html, "unordered set")


def test_attacks_that_succeeded_come_first_and_untried_ones_last(publish):
    text = Page(publish(audits.broken_paper())).text
    table = text[text.index("Attack by attack") :]
    order = [table.index(word) for word in ("✖ succeeded", "○ no success", "? timed", "– not")]
    assert order == sorted(order)


def test_a_picture_chosen_with_the_original_is_called_an_upper_bound(publish):
    assert "an upper bound" in row_of(publish(audits.with_augconv()), "contact sheet")


def test_the_page_that_says_what_stops_an_attack_is_named(publish):
    assert "known-pairs.md" in row_of(publish(audits.broken_paper()), "known pairs")


def test_the_curve_says_how_many_known_images_are_needed(publish):
    page = Page(publish(audits.broken_paper()))
    assert "A mean SSIM of 0.5 (recognisable) was reached from 10 known images on." in page.text
    assert "0.9 (nearly the original) was not reached with up to 30 known images." in page.text
    (curve,) = [i["alt"] for i in page.all("img") if i["alt"].startswith("Curve")]
    assert "10 known 0.620, worst 0.820" in curve


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0004, "< 0.1 %"),
        (0.0078, "0.8 %"),
        (0.42, "42 %"),
        (0.994, "99.4 %"),
        (0.9999, "> 99.9 %"),
        (1, "100 %"),
    ],
)
def test_only_none_and_all_read_as_none_and_all(share, text):
    assert percent(share) == text


def test_a_release_without_known_pairs_has_no_curve(publish):
    assert "How many known images it takes" not in publish(audits.mixed())


def test_what_was_done_stands_beside_every_claim(publish):
    html = publish(audits.broken_paper())
    assert "A6, known pairs: 30 known images give most of each." in row_of(html, "Known pairs (D-T")
    assert "no attack of this kind had power here" in row_of(html, "Largest number of blocks")


def test_the_best_adversary_answers_a_claim():
    assert done_about(audits.with_augconv(), "P_r,bf").startswith("A4, decode: Every image comes")
    assert done_about(audits.mixed(), "Eqs. 8, 9").startswith("A0, share in place:")
    assert done_about(audits.mixed(), "Eq. 99").startswith("Nothing:")


def test_the_utility_stands_beside_a_guess(publish):
    html = publish(audits.broken_paper())
    assert "A developer can learn from this release" in html
    assert "40 % to 43 %" in row_of(html, "release")
    assert "10 %" in row_of(html, "a guess by class frequency")


def test_faces_stand_beside_a_guess_in_both_editions(publish, keep):
    for html in (publish(audits.broken_paper()), keep(audits.broken_paper())):
        assert "among 96 candidates, one original of each group; chance gives 1.0 %" in html
        assert "91 %" in row_of(html, "A6 who holds")
        assert "97 %" in row_of(html, "public mean")
        assert "Looked for on 128 of the attacked originals" in html


def test_where_no_faces_were_looked_for_the_page_says_so(publish):
    html = publish(audits.hardened())
    assert "<h2>Faces</h2>" not in html
    assert "They were not looked for." in html


def test_the_released_page_cannot_be_given_a_reconstruction(publish):
    assert list(inspect.signature(render_released).parameters) == ["report", "pictures"]
    html = publish(audits.broken_paper())
    assert len(embedded_pixels(html)) == 2
    assert "known-pairs: what it found" not in html


def test_the_private_page_shows_each_reconstruction_beside_its_original(release, keep):
    html = keep(audits.broken_paper())
    raw = [pixels.tobytes() for pixels in embedded_pixels(html)]
    for i in range(8):
        original = release.originals[i]
        assert original.tobytes() in raw
        assert (original // 2 + 3).tobytes() in raw
    page = Page(html)
    assert "A6: known pairs" in page.text
    assert any(i["alt"].startswith("What A6 makes of it: SSIM 0.900") for i in page.all("img"))
    assert "known-pairs: what it found, in its own words" in page.text


def test_the_private_page_shows_at_most_24_originals_shared_among_adversaries(keep):
    alts = [i["alt"] for i in Page(keep(audits.broken_paper())).all("img")]
    names = [alt for alt in alts if alt.startswith("Original ")]
    assert len(names) == 24
    assert sum("A6/" in name for name in names) == sum("A7/" in name for name in names) == 8


def test_the_figures_of_few_images_are_not_published(publish, keep):
    few = audits.of_few(19)
    text = Page(publish(few)).text
    assert "Broken: pictures or the key were recovered." in text
    assert "19 were attacked" in text
    assert "5 of 7 attacks had power here" in text
    for figure in ("0.850", "0.970", "0.860", "62 %", "30.0 dB", "positive control passed"):
        assert figure not in text
        assert figure in Page(keep(few)).text


@EVERY
@pytest.mark.parametrize("edition", ["publish", "keep"])
def test_every_page_can_be_read_by_everybody(make, edition, request):
    check_for_everybody(Page(request.getfixturevalue(edition)(make())))


def test_the_same_audit_gives_the_same_bytes(release, publish):
    shown = tuple(ReleasePicture(picture(values)) for values in release.values[:2])
    audit = audits.broken_paper()
    report = summarize(release.facts, release.scores, release.baselines, audit=audit)
    assert render_released(report, shown) == publish(audit)


def test_hostile_words_of_an_audit_are_text(publish):
    audit = audits.broken_paper()
    attacks = tuple(
        replace(a, title=HOSTILE, reason=HOSTILE, held=HOSTILE, finding=HOSTILE)
        for a in audit.attacks
    )
    rungs = tuple(replace(r, best=HOSTILE, sentence=HOSTILE) for r in audit.rungs)
    html = publish(replace(audit, attacks=attacks, rungs=rungs, public=HOSTILE))
    assert not Page(html).all("script")
    assert "\u202e" not in html


def test_the_largest_private_page_stays_below_three_megabytes(release):
    """Noise of 128x128 pixels does not compress: this is the worst that pictures can weigh."""
    noise = np.random.default_rng(1).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
    pair = PicturePair(noise[0], noise[1], "n" * 300, {"ssim": 0.5})
    triple = RecoveredPicture("n" * 300, *noise, {"ssim": 0.5})
    report = summarize(
        release.facts,
        release.scores,
        release.baselines,
        audit=audits.broken_paper(),
        released=False,
    )
    made = tuple(ReconstructionPictures(rung, "t", (triple,) * 24) for rung in RUNGS)
    for reconstructions in (made, made[:5]):
        html = render_private(report, (pair,) * 40, PrivateNotes(), reconstructions)
        assert len(html.encode()) < 3 * 2**20
