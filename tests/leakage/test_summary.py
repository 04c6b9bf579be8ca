"""From one score an image to figures that may be released."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dpkit.leakage.metrics import METRICS
from dpkit.leakage.summary import distribution, most_alike, summarize
from dpkit.leakage.view import GREY_VIEW, VIEW
from dpkit.types import Geometry
from dpkit.types.evidence import STATEMENT, LeakageReport, RoundTrip

SSIM, PSNR, MSE = (METRICS[name] for name in ("ssim", "psnr", "mse"))


def first(columns, n):
    return {name: column[:n] for name, column in columns.items()}


def cut(release, n):
    baselines = {name: first(columns, n) for name, columns in release.baselines.items()}
    return first(release.scores, n), baselines


def test_the_figures_are_those_of_the_scores(release):
    found = summarize(release.facts, release.scores, release.baselines).measured["ssim"]
    scores = release.scores["ssim"]
    assert (found.n, found.not_defined, found.infinite) == (40, 0, 0)
    assert found.mean == pytest.approx(scores.mean())
    assert found.std == pytest.approx(scores.std())
    assert found.worst == scores.max()
    assert found.percentiles["50"] == np.sort(scores)[19]
    assert sum(found.counts) == 40


def test_the_baselines_stand_beside_them(release):
    report = summarize(release.facts, release.scores, release.baselines)
    assert [b.name for b in report.baselines] == ["mean image", "another image"]
    for guess in report.baselines:
        expected = release.baselines[guess.name]["psnr"].mean()
        assert guess.measured["psnr"].mean == pytest.approx(expected)


def test_the_top_line_says_that_nobody_attacked_and_what_opens_all(release):
    report = summarize(release.facts, release.scores, release.baselines)
    assert report.statement == STATEMENT
    assert report.top_line == (
        "No attack was run on this release: the figures below say how it looks, not how safe it "
        "is. With one core shared by all blocks, 12 known images of 40 open all of them"
    )
    assert not report.attacks


def test_the_top_line_is_the_same_whatever_the_figures(release):
    perfect = {"ssim": np.zeros(40), "psnr": np.full(40, 5.0), "mse": np.full(40, 2e4)}
    report = summarize(release.facts, perfect, release.baselines)
    assert report.statement == STATEMENT


def test_the_worst_image_is_the_one_most_like_its_original():
    scores = np.linspace(0.1, 0.5, 25)
    assert distribution(SSIM, scores, 255).worst == 0.5
    assert distribution(MSE, scores, 255).worst == 0.1


def test_below_twenty_images_no_figure_is_released(release):
    scores, baselines = cut(release, 19)
    trip = RoundTrip(0.1, 0.01, 1.0)
    report = summarize(release.facts, scores, baselines, round_trip=trip)
    assert "19 images" in report.withheld
    assert (report.measured, report.baselines, report.round_trip) == ({}, (), None)
    assert report.bounds
    for figure in (scores["ssim"].mean(), scores["ssim"].max(), scores["mse"].mean()):
        assert repr(float(figure)) not in report.to_json()


def test_twenty_images_are_enough(release):
    assert not summarize(release.facts, *cut(release, 20)).withheld


def test_a_baseline_over_fewer_than_twenty_images_withholds_too(release):
    assert summarize(release.facts, release.scores, cut(release, 19)[1]).withheld


def test_the_provider_sees_the_figures_of_a_few_images(release):
    report = summarize(release.facts, *cut(release, 3), released=False)
    assert not report.withheld
    assert report.measured["ssim"].n == 3
    assert report.measured["ssim"].counts


def test_a_mean_of_few_finite_figures_is_not_released():
    """24 of 25 images are identical to their view: the mean would be that of a single one."""
    scores = np.full(25, np.inf)
    scores[7] = 12.345
    found = distribution(PSNR, scores, 255)
    assert (found.n, found.infinite) == (25, 24)
    assert (found.mean, found.std, found.counts, found.edges) == (None, None, (), ())


def test_identical_pictures_are_counted_and_left_out_of_the_mean():
    found = distribution(PSNR, np.array([10.0] * 30 + [np.inf] * 2), 255)
    assert (found.mean, found.infinite, found.worst) == (10.0, 2, np.inf)
    assert found.percentiles["99"] == np.inf
    assert sum(found.counts) == 30


def test_images_without_a_figure_are_counted_apart():
    found = distribution(SSIM, np.array([np.nan] * 5 + [0.25] * 20), 255)
    assert (found.n, found.not_defined, found.mean) == (20, 5, 0.25)


def test_where_no_image_has_a_figure_nothing_is_made_up():
    found = distribution(SSIM, np.full(30, np.nan), 255)
    assert (found.n, found.not_defined, found.mean, found.worst) == (0, 30, None, None)
    assert found.percentiles == {}


def test_histogram_edges_tell_nothing_finer_than_a_bin():
    found = distribution(SSIM, np.full(20, 0.123456), 255)
    assert (found.edges, found.counts) == ((0.12, 0.14), (20,))


def test_a_figure_on_an_edge_falls_into_the_bin_that_begins_there():
    found = distribution(SSIM, np.array([0.06] * 20), 255)
    assert found.edges == (0.06, 0.08)


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-200, 200)))
def test_a_histogram_holds_every_finite_figure_between_its_edges(scores):
    found = distribution(PSNR, scores, 255, 1)
    assert sum(found.counts) == len(scores)
    assert found.edges[0] - 1e-6 <= scores.min()
    assert scores.max() <= found.edges[-1] + 1e-6
    assert found.counts[0] > 0
    assert found.counts[-1] > 0


def test_a_single_far_figure_does_not_make_an_endless_histogram():
    found = distribution(PSNR, np.array([1.0] * 20 + [1e9]), 255)
    assert len(found.counts) <= 4001
    assert sum(found.counts) == 21


def test_the_most_alike_come_first_and_undefined_ones_never():
    scores = np.array([0.1, np.nan, 0.9, 0.5])
    assert most_alike("ssim", scores, 9).tolist() == [2, 3, 0]
    assert most_alike("ssim", scores, 2).tolist() == [2, 3]
    assert most_alike("mse", scores, 1).tolist() == [0]


def test_parameters_that_are_no_scalars_are_told_as_text(release):
    report = summarize(release.facts, release.scores, release.baselines)
    assert report.parameters["mean"] == "[0.5, 0.5]"
    assert report.parameters["kappa"] == 16


def test_a_sanitizer_without_bounds_has_none(release):
    other = replace(release.facts, sanitizer="none", parameters={"Lb": 24})
    report = summarize(other, release.scores, release.baselines)
    assert (report.bounds, report.known_images_sentence) == ((), "")
    assert report.top_line == STATEMENT


@pytest.mark.parametrize(
    ("side", "window", "words"), [(2, 1, "Not defined"), (8, 7, "cut to 7x7"), (11, 11, "11x11")]
)
def test_the_settings_name_the_window(release, side, window, words):
    small = replace(
        release.facts, geometry=Geometry(1, side, side, 8), parameters={}, sanitizer="none"
    )
    found = summarize(small, release.scores, release.baselines).settings
    assert found.window == window
    assert words in found.ssim
    assert ("cut to" in found.ssim) == (3 <= side < 11)


def test_the_report_survives_its_json(release):
    for released in (True, False):
        report = summarize(release.facts, release.scores, release.baselines, released=released)
        assert LeakageReport.from_json(report.to_json()) == report


def test_the_type_of_the_release_decides_the_view_that_is_stated(release, mix_release):
    floats = summarize(release.facts, release.scores, release.baselines).settings
    assert (floats.view, floats.baselines.endswith("another one of them.")) == (VIEW, True)
    greys = summarize(
        mix_release.facts, mix_release.scores, mix_release.baselines, dtype="uint8"
    ).settings
    assert greys.view == GREY_VIEW
    assert "rounded to whole grey levels" in greys.baselines


def test_a_mixed_release_is_told_by_what_stays(mix_release):
    report = summarize(mix_release.facts, mix_release.scores, mix_release.baselines, dtype="uint8")
    found = report.measured["unchanged"]
    assert found.n == 40
    assert found.mean == pytest.approx(50, abs=6)
    assert found.worst == mix_release.scores["unchanged"].max() > found.mean
    assert all(b.measured["unchanged"].mean < 10 for b in report.baselines)
    assert report.top_line == (
        f"{STATEMENT}. On average 50 % of a mixed image is its original, in "
        "place, and the rest are blocks of other originals of the same label, as they are"
    )
    assert LeakageReport.from_json(report.to_json()) == report


def test_the_most_unchanged_come_first():
    assert most_alike("unchanged", np.array([10.0, 100.0, 55.0]), 2).tolist() == [1, 2]


def test_images_that_are_published_whole_fall_into_the_last_bin():
    found = distribution(METRICS["unchanged"], np.full(20, 100.0), 255)
    assert (found.edges, found.worst) == ((100.0, 102.0), 100.0)
