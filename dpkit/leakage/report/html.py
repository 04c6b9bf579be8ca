"""`report.html`: one self-contained page, in two editions.

The released edition takes a report and pictures of the release: it has no way to show an
original, or what an attack made of one. The private one adds originals, reconstructions, names and
what went wrong. Neither loads or runs anything: the page's own policy forbids scripts, network and
forms. The page is put together of `sections/`, a file a section.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dpkit.leakage.metrics import METRICS
from dpkit.leakage.report.curve import curve_rows, curve_text, curve_uri, needed_sentences
from dpkit.leakage.report.faces import FACE_HEADS, face_rows, gallery_words
from dpkit.leakage.report.findings import (
    attack_rows,
    best_guess,
    done_about,
    guess_rows,
    ladder_rows,
    utility_rows,
    verdict_words,
)
from dpkit.leakage.report.learning import learning_plots, learning_rows
from dpkit.leakage.report.pictures import (
    PicturePair,
    ReconstructionPictures,
    RecoveredPicture,
    ReleasePicture,
    png_uri,
)
from dpkit.leakage.report.plots import histogram_uri
from dpkit.leakage.report.scores import HEADS, OWNER, percent
from dpkit.leakage.report.words import alt_text, figure_rows, label_rows, likeness, number, plain
from dpkit.types.evidence import LEAST_IMAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types.audit import Audit
    from dpkit.types.evidence import LeakageReport

MOST_PICTURES: Final = 12  # about 1.2 MB where they are noise
MOST_PAIRS: Final = 24  # about 2.8 MB, the same
MOST_RECOVERED: Final = 16  # of those, at most, are shown with what was recovered of them
MOST_LINES: Final = 500
PICTURE_SIDE: Final = 160  # pixels
ORIGINAL_SIDE: Final = 112
SEEN_SIDE: Final = 128  # the paper's own size is shown as it is
TRIPLE_SIDE: Final = 96  # three pictures weigh what two do above
PLOTTED: Final = ("unchanged", "ssim", "psnr")


@dataclass(frozen=True, slots=True)
class PrivateNotes:
    """What only the provider may read.

    Parameters
    ----------
    quarantine
        (path, reason) of every file that is not in the release.
    duplicates
        Sets of paths with equal content.
    lists
        Any other lists by heading, such as table rows without a file.
    """

    quarantine: tuple[tuple[str, str], ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def render_released(report: LeakageReport, pictures: tuple[ReleasePicture, ...]) -> str:
    """Return the page for the developer.

    Parameters
    ----------
    pictures
        Rows of the release drawn at random; the first `MOST_PICTURES` are shown.
    """
    shown = [png_uri(p.pixels, PICTURE_SIDE) for p in pictures[:MOST_PICTURES]]
    return _render(report, pictures=shown, pairs=[], recovered=[], notes=None)


def render_private(
    report: LeakageReport,
    pairs: tuple[PicturePair, ...],
    notes: PrivateNotes,
    reconstructions: tuple[ReconstructionPictures, ...] = (),
) -> str:
    """Return the page for the provider; never publish it.

    Parameters
    ----------
    pairs
        Originals beside what is seen of them, worst first.
    reconstructions
        By adversary, worst first; the first `MOST_RECOVERED` are shown, as many of each. `pairs`
        fill up to `MOST_PAIRS`.
    """
    recovered = _shown_recovered(reconstructions)
    left = MOST_PAIRS - sum(len(images) for _, images in recovered)
    return _render(
        report,
        pictures=[],
        pairs=[_shown_pair(pair) for pair in pairs[:left]],
        recovered=recovered,
        notes=notes,
    )


def _shown_pair(pair: PicturePair) -> dict[str, Any]:
    return {
        "name": pair.name,
        "original": png_uri(pair.original, ORIGINAL_SIDE),
        "seen": png_uri(pair.seen, SEEN_SIDE),
        "scores": _shown_scores(pair.scores),
    }


def _shown_recovered(
    reconstructions: tuple[ReconstructionPictures, ...],
) -> list[tuple[ReconstructionPictures, list[dict[str, Any]]]]:
    each = max(MOST_RECOVERED // max(len(reconstructions), 1), 1)
    return [
        (one, [_shown_triple(image) for image in one.images[:each]])
        for one in reconstructions[:MOST_RECOVERED]
        if one.images
    ]


def _shown_triple(image: RecoveredPicture) -> dict[str, Any]:
    return {
        "name": image.name,
        "original": png_uri(image.original, TRIPLE_SIDE),
        "seen": png_uri(image.seen, TRIPLE_SIDE),
        "recovered": png_uri(image.recovered, TRIPLE_SIDE),
        "scores": _shown_scores(image.scores),
    }


def _shown_scores(scores: Mapping[str, float]) -> list[tuple[str, str, str]]:
    return [
        (METRICS[name].title, number(scores[name], name), METRICS[name].unit)
        for name in PLOTTED  # MSE says the same as PSNR
        if name in scores
    ]


def _render(report: LeakageReport, **content: Any) -> str:
    plots = [
        (histogram_uri(report.measured[name], _guesses(report, name)), alt_text(report, name))
        for name in PLOTTED
        if name in report.measured and report.measured[name].counts
    ]
    style, digest = _style()
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            plots=plots,
            figures=figure_rows(report),
            labels=label_rows(report),
            likeness=likeness(report),
            **_audited(report.audit),
            learning_plots=learning_plots(report.training),
            learning_rows=learning_rows(report.training),
            style=style,
            style_digest=digest,
            most_lines=MOST_LINES,
            **content,
        )
    )


def _audited(audit: Audit | None) -> dict[str, Any]:
    """Return what the sections on the audit show; `audit` is None where there was none."""
    if audit is None:
        return {"audit": None}
    guess = best_guess(audit)
    return {
        "audit": audit,
        "verdict": verdict_words(audit),
        "least_images": LEAST_IMAGES,
        "heads": (*HEADS, OWNER),
        "ladder": ladder_rows(audit),
        "guesses": guess_rows(audit),
        "attacks": attack_rows(audit),
        "curve": curve_uri(audit.pairs, guess),
        "curve_text": curve_text(audit.pairs),
        "curve_heads": HEADS,
        "curve_rows": curve_rows(audit.pairs),
        "needed": needed_sentences(audit),
        "utility": utility_rows(audit.utility.scores) if audit.utility else [],
        "face_heads": FACE_HEADS,
        "faces": face_rows(audit.faces),
        "face_gallery": gallery_words(audit.faces),
        "done_about": partial(done_about, audit),
    }


def _guesses(report: LeakageReport, metric: str) -> dict[str, Any]:
    return {b.name: b.measured[metric] for b in report.baselines if metric in b.measured}


@cache
def _environment() -> Environment:
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=folder,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": plain, "number": number, "percent": percent}
    return environment


def _style() -> tuple[str, str]:
    """Return the style sheet and its digest: the page's policy allows this one and no other."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return style, b64encode(hashlib.sha256(style.encode()).digest()).decode()
