"""The page of a block-mixed release: it speaks of blocks and donors, never of cores and noise."""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.leakage.report.html import PrivateNotes, render_private, render_released
from dpkit.leakage.report.pictures import PicturePair, ReleasePicture
from dpkit.leakage.summary import most_alike, summarize
from dpkit.leakage.view import GREY_VIEW, VIEW, picture
from dpkit.types.evidence import STATEMENT
from tests.leakage.test_report import Page, embedded_pixels


@pytest.fixture(scope="module")
def report(mix_release):
    return summarize(mix_release.facts, mix_release.scores, mix_release.baselines, dtype="uint8")


@pytest.fixture(scope="module")
def released(mix_release, report):
    return render_released(
        report, tuple(ReleasePicture(picture(row)) for row in mix_release.values[:12])
    )


@pytest.fixture(scope="module")
def private(mix_release):
    given = mix_release
    report = summarize(given.facts, given.scores, given.baselines, dtype="uint8", released=False)
    pairs = tuple(
        PicturePair(
            given.originals[i],
            picture(given.values[i]),
            f"ward/{i:04}.png",
            {name: float(column[i]) for name, column in given.scores.items()},
        )
        for i in most_alike("unchanged", given.scores["unchanged"], 24)
    )
    return render_private(report, pairs, PrivateNotes())


EDITIONS = pytest.mark.parametrize("edition", ["released", "private"])


@EDITIONS
def test_the_page_explains_blocks_donors_rounds_and_what_is_unchanged(edition, request):
    text = Page(request.getfixturevalue(edition)).text
    for word in ("Unchanged in place", "Block", "Donor", "Round"):
        assert f"\n{word}" in text
    assert "a donor's black border equals one's own black border" in text


@EDITIONS
def test_the_page_has_no_word_of_morphing(edition, request):
    text = Page(request.getfixturevalue(edition)).text
    for word in ("Core", "κ", "C^ac", "Known image", "known images", "like noise"):
        assert word not in text, word


@EDITIONS
def test_the_banner_says_how_much_stays(edition, request):
    text = Page(request.getfixturevalue(edition)).text
    assert f"{STATEMENT}." in text
    assert "On average 50 % of a mixed image is its original, in place" in text


@EDITIONS
def test_the_claim_is_judged_and_the_share_stated(edition, request):
    text = Page(request.getfixturevalue(edition)).text
    assert text.count("Does not hold.") == 1
    assert text.count("Holds.") == 1
    assert "the second follows from their algorithm" in text
    assert "10^-13.3 an image" in text  # 16 blocks


@EDITIONS
def test_the_view_is_that_of_grey_levels(edition, request):
    text = Page(request.getfixturevalue(edition)).text
    assert GREY_VIEW in text
    assert VIEW not in text


def test_the_figures_and_the_plot_tell_the_unchanged_share(report, released):
    page = Page(released)
    mean = report.measured["unchanged"].mean
    plots = [image["alt"] for image in page.all("img") if "Histogram" in image["alt"]]
    assert [alt.split(" over ")[0] for alt in plots] == [
        "Histogram of Unchanged in place",
        "Histogram of SSIM",
        "Histogram of PSNR",
    ]
    assert f"mean {mean:.1f}" in plots[0]
    assert page.text.count(f"{mean:.1f}") >= 1


def test_the_pairs_tell_it_for_each_image(mix_release, private):
    worst = mix_release.scores["unchanged"].max()
    text = Page(private).text
    assert f"Unchanged in place {worst:.1f} %, SSIM" in text
    assert text.count("Unchanged in place") >= 24


def test_the_pictures_are_the_released_pixels(mix_release, released):
    for row, shown in zip(mix_release.values[:12], embedded_pixels(released), strict=True):
        assert np.array_equal(shown, np.moveaxis(row, 0, -1))


def test_looks_are_said_to_say_little_and_why(released):
    text = Page(released).text
    assert (
        "something of the originals can be seen. Looks say little: a picture that is hard" in text
    )


def test_withheld_figures_leave_the_words_and_the_claims(mix_release):
    few = {name: column[:5] for name, column in mix_release.scores.items()}
    text = Page(render_released(summarize(mix_release.facts, few, {}, dtype="uint8"), ())).text
    assert "Donor" in text
    assert "Expected unchanged share" in text


def test_parts_published_unmixed_are_named_in_the_banner(mix_release):
    parameters = {**mix_release.facts.parameters, "mix_parts": "train"}
    facts = replace(mix_release.facts, parameters=parameters)
    report = summarize(facts, mix_release.scores, mix_release.baselines, dtype="uint8")
    text = Page(render_released(report, ())).text
    assert "The parts other than train are published as they are, unmixed." in text


def test_a_morphed_release_keeps_its_words(release):
    text = Page(
        render_released(summarize(release.facts, release.scores, release.baselines), ())
    ).text
    for word in ("Core, block, κ", "C^ac", "Known image", "values that look like noise"):
        assert word in text
    for word in ("Donor", "Unchanged in place"):
        assert word not in text
