"""The page for people: what it says, what it cannot show, that its bytes are the same again."""

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from dpkit.leakage.report.html import PrivateNotes, render_private, render_released
from dpkit.leakage.report.pictures import PicturePair, ReleasePicture, png_uri
from dpkit.leakage.report.words import number, plain
from dpkit.leakage.summary import most_alike, summarize
from dpkit.leakage.view import picture
from dpkit.types.evidence import STATEMENT, Count, RoundTrip

HOSTILE = "<script>alert('x')</script>\u202egpj.\x07"
CANARY = "patient_canary_0007.png"


class Page(HTMLParser):
    """Tags with their attributes, and the text that a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._hidden = tag == "style"

    def handle_endtag(self, tag):
        self._hidden = self._hidden and tag != "style"

    def handle_data(self, data):
        self.text += "" if self._hidden else data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report(release):
    trip = RoundTrip(0.02, 0.001, 1.0)
    return summarize(release.facts, release.scores, release.baselines, round_trip=trip)


@pytest.fixture(scope="module")
def pictures(release):
    return tuple(ReleasePicture(picture(values)) for values in release.values[:12])


@pytest.fixture(scope="module")
def released(report, pictures):
    return render_released(report, pictures)


@pytest.fixture(scope="module")
def private(release):
    report = summarize(release.facts, release.scores, release.baselines, released=False)
    worst = most_alike("ssim", release.scores["ssim"], 24)
    pairs = tuple(
        PicturePair(
            release.originals[i],
            picture(release.values[i]),
            CANARY if n == 0 else f"ward/{i:04}.png",
            {name: float(column[i]) for name, column in release.scores.items()},
        )
        for n, i in enumerate(worst)
    )
    notes = PrivateNotes(
        quarantine=(("ward/broken.jpg", "truncated"), (HOSTILE, "empty")),
        duplicates=(("a.png", "b.png"),),
        lists={"Rows without a file": ("gone.png",), "Nothing": ()},
    )
    return render_private(report, pairs, notes)


def embedded_pixels(html):
    """Every PNG of a page, as arrays."""
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", html)
    return [np.asarray(Image.open(BytesIO(base64.b64decode(text)))) for text in found]


def test_the_statement_comes_before_pictures_plots_and_tables(released):
    order = [released.index(mark) for mark in (STATEMENT, "<img", "image/svg+xml", "<table")]
    assert order == sorted(order)


def test_the_known_images_stand_in_the_banner(released):
    assert "12 known images of 40 open all of them." in Page(released).text


def test_every_claim_is_judged(report, released):
    text = Page(released).text
    assert text.count("Does not hold.") == len(report.bounds) == 5
    for bound in report.bounds:
        assert bound.value in text
        assert bound.reason in text


def test_the_released_page_shows_the_released_pictures(pictures, released):
    shown = embedded_pixels(released)
    assert len(shown) == 12
    for given, found in zip(pictures, shown, strict=True):
        assert np.array_equal(given.pixels, found)


def original_rows(release, html):
    """How many first pixel rows of originals stand in the pictures of a page."""
    raw = b"".join(pixels.tobytes() for pixels in embedded_pixels(html))
    return sum(image[0].tobytes() in raw for image in release.originals)


def test_the_released_edition_holds_no_original_and_no_name(release, report, released, private):
    """The private edition of the same release does, so the search is known to find them."""
    assert original_rows(release, private) >= 24
    assert original_rows(release, released) == 0
    assert not any(png_uri(image, 160) in released for image in release.originals)
    for word in (CANARY, "ward", "broken", ".png", ".jpg", "Private"):
        assert word not in Page(released).text
        assert word not in report.to_json()


def test_the_private_edition_shows_originals_names_and_what_went_wrong(release, private):
    text = Page(private).text
    shown = b"".join(pixels.tobytes() for pixels in embedded_pixels(private))
    worst = release.originals[int(np.argmax(release.scores["ssim"]))]
    assert worst.tobytes() in shown
    for word in (CANARY, "Private.", "ward/broken.jpg", "truncated", "a.png = b.png", "gone.png"):
        assert word in text
    assert "Nothing" not in text


def test_the_private_edition_shows_at_most_24_pairs_the_worst_first(private):
    assert len(embedded_pixels(private)) == 48
    scores = [float(s) for s in re.findall(r"SSIM ([0-9.]+),", Page(private).text)]
    assert len(scores) == 24
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("edition", ["released", "private"])
def test_the_page_loads_and_runs_nothing(edition, request):
    page = Page(request.getfixturevalue(edition))
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("iframe")
    assert not page.all("form")
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert "href" not in attributes
        assert attributes.get("src", "data:image/").startswith("data:image/")
    policy = next(m for m in page.all("meta") if "http-equiv" in m)["content"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_policy_allows_exactly_the_page_s_own_style(released):
    style = re.search(r"<style>(.*?)</style>", released, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in released


def test_hostile_names_are_text(release, pictures):
    hostile = replace(
        release.facts,
        release_id=HOSTILE,
        counts=(Count("train", HOSTILE, 40, 9), Count(HOSTILE, "", 1, 1)),
        treatment=(HOSTILE,),
        notices=(HOSTILE,),
        parameters={**release.facts.parameters, HOSTILE: HOSTILE},
    )
    html = render_released(summarize(hostile, release.scores, release.baselines), pictures)
    page = Page(html)
    assert not page.all("script")
    assert "<script>alert('x')</script>" in page.text
    assert "\u202e" not in html
    assert "\x07" not in html


def test_hostile_file_names_are_text(private):
    assert not Page(private).all("script")
    assert "\u202e" not in private


def test_the_same_report_gives_the_same_bytes(report, pictures, released):
    assert render_released(report, pictures) == released


def test_the_bytes_do_not_depend_on_the_reader_s_plot_settings(report, pictures, released):
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30, "svg.hashsalt": None}):
        assert render_released(report, pictures) == released


def test_another_process_gives_the_same_bytes(report, pictures, released, tmp_path):
    """Hash seeds and module state differ there."""
    (tmp_path / "report.json").write_text(report.to_json())
    np.save(tmp_path / "pictures.npy", np.stack([p.pixels for p in pictures]))
    script = (
        "import sys, numpy as np\n"
        "from dpkit.leakage.report.html import render_released\n"
        "from dpkit.leakage.report.pictures import ReleasePicture\n"
        "from dpkit.types.evidence import LeakageReport\n"
        "report = LeakageReport.from_json(open('report.json', 'rb').read())\n"
        "pictures = tuple(ReleasePicture(p) for p in np.load('pictures.npy'))\n"
        "sys.stdout.buffer.write(render_released(report, pictures).encode())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=True
    )
    assert ran.stdout.decode() == released


def test_withheld_figures_leave_the_statement_the_pictures_and_the_reason(release, pictures):
    few = {name: column[:5] for name, column in release.scores.items()}
    report = summarize(release.facts, few, {})
    page = Page(render_released(report, pictures))
    assert report.withheld in page.text
    assert STATEMENT in page.text
    assert "SSIM 0." not in page.text
    assert not any("Histogram" in image["alt"] for image in page.all("img"))


def test_images_too_small_for_ssim_are_reported_as_not_defined(release, pictures):
    scores = {**release.scores, "ssim": np.full(40, np.nan)}
    text = Page(render_released(summarize(release.facts, scores, {}), pictures)).text
    assert "not defined" in text


def test_a_release_that_looks_like_its_originals_is_said_to(release, pictures):
    scores = {**release.scores, "ssim": np.full(40, 0.9)}
    report = summarize(release.facts, scores, release.baselines)
    assert "something of the originals can be seen" in Page(render_released(report, pictures)).text


@pytest.mark.parametrize("edition", ["released", "private"])
def test_the_page_can_be_read_by_everybody(edition, request):
    """Language, headings in order, tables with heads that keys can scroll, texts for pictures."""
    check_for_everybody(Page(request.getfixturevalue(edition)))


def check_for_everybody(page):
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(head.get("scope") in ("row", "col", "rowgroup") for head in page.all("th"))
    assert all(image.get("alt") for image in page.all("img"))
    assert len(page.all("main")) == 1
    scrolled = [a for a in page.all("div") if a.get("class") == "wide"]
    assert len(scrolled) == len(page.all("table"))
    assert all(a["role"] == "region" and a["tabindex"] == "0" for a in scrolled)
    labels = [a["aria-label"] for a in scrolled]
    assert all(labels)
    assert len(set(labels)) == len(labels)


def test_a_plot_s_text_tells_its_numbers(report, released):
    found = report.measured["ssim"]
    texts = [image["alt"] for image in Page(released).all("img")]
    text = next(t for t in texts if t.startswith("Histogram of SSIM"))
    assert f"mean {found.mean:.3f}" in text
    assert "another image" in text


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ink", ["#1d2a35", "#52606d", "#8f2323", "#a34700", "#6b3fa0", "#2f6690"])
@pytest.mark.parametrize("paper", ["#ffffff", "#fdf6e3", "#fdf1f1", "#f5f7f9"])
def test_every_ink_stands_out_from_every_paper(ink, paper):
    """WCAG 2.1, 1.4.3: at least 4.5 to 1."""
    light, dark = luminance(paper), luminance(ink)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_largest_page_stays_below_three_megabytes(release):
    """Noise does not compress: this is the worst that pictures can weigh."""
    rng = np.random.default_rng(1)
    report = summarize(release.facts, release.scores, release.baselines, released=False)
    noise = rng.integers(0, 256, (2, 300, 300, 3), dtype=np.uint8)
    pair = PicturePair(noise[0], noise[1], "n" * 300, {"ssim": 0.5})
    notes = PrivateNotes(quarantine=(("q" * 200, "r" * 200),) * 5000)
    html = render_private(report, (pair,) * 40, notes)
    assert len(embedded_pixels(html)) == 48
    assert "And 4,500 more." in html
    assert len(html.encode()) < 3 * 2**20
    assert len(render_released(report, (ReleasePicture(noise[0]),) * 40).encode()) < 3 * 2**20


@pytest.mark.parametrize("shape", [(7, 5, 1), (1, 1, 3), (400, 3, 3), (160, 200, 1)])
def test_a_picture_is_shrunk_never_enlarged_and_keeps_its_channels(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    (found,) = embedded_pixels(png_uri(pixels, 160))
    assert max(found.shape[:2]) == min(160, max(shape[:2]))
    assert (found.ndim == 3) == (shape[2] == 3)


def test_sixteen_bits_are_shown_by_the_upper_eight():
    (found,) = embedded_pixels(png_uri(np.full((2, 2, 1), 0xABCD, np.uint16), 160))
    assert (found == 0xAB).all()


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (0.12345, "ssim", "0.123"),
        (-0.02, "ssim", "−0.020"),
        (11.26, "psnr", "11.3"),
        (12345.6, "mse", "12,346"),
        (float("inf"), "psnr", "∞"),
        (float("nan"), "ssim", "not defined"),
        (None, None, "not defined"),
        (0.000123456, None, "0.000123"),
    ],
)
def test_numbers_have_the_digits_they_are_worth(value, metric, text):
    assert number(value, metric) == text


def test_plain_text_has_no_control_characters_and_an_end():
    assert plain("a\nb\u2066c") == "a�b�c"
    assert len(plain("x" * 9999)) == 400
