"""`report.html`: one self-contained page, in two editions.

The released edition takes a report and pictures of the release: it has no way to show an
original. The private one adds originals, names and what went wrong. Neither loads or runs
anything: the page's own policy forbids scripts, network and forms.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dpkit.leakage.metrics import METRICS
from dpkit.leakage.report.pictures import PicturePair, ReleasePicture, png_uri
from dpkit.leakage.report.plots import histogram_uri
from dpkit.leakage.report.words import alt_text, figure_rows, label_rows, likeness, number, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types.evidence import LeakageReport

MOST_PICTURES: Final = 12  # about 1.2 MB where they are noise
MOST_PAIRS: Final = 24  # about 2.8 MB, the same
MOST_LINES: Final = 500
PICTURE_SIDE: Final = 160  # pixels
ORIGINAL_SIDE: Final = 112
SEEN_SIDE: Final = 128  # the paper's own size is shown as it is
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
    return _render(report, pictures=shown, pairs=[], notes=None)


def render_private(
    report: LeakageReport, pairs: tuple[PicturePair, ...], notes: PrivateNotes
) -> str:
    """Return the page for the provider; never publish it.

    Parameters
    ----------
    pairs
        Originals beside what is seen of them, worst first; the first `MOST_PAIRS` are shown.
    """
    shown = [
        {
            "name": pair.name,
            "original": png_uri(pair.original, ORIGINAL_SIDE),
            "seen": png_uri(pair.seen, SEEN_SIDE),
            "scores": [
                (METRICS[name].title, number(pair.scores[name], name), METRICS[name].unit)
                for name in PLOTTED  # MSE says the same as PSNR
                if name in pair.scores
            ],
        }
        for pair in pairs[:MOST_PAIRS]
    ]
    return _render(report, pictures=[], pairs=shown, notes=notes)


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
            style=style,
            style_digest=digest,
            most_lines=MOST_LINES,
            **content,
        )
    )


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
    environment.filters |= {"plain": plain, "number": number}
    return environment


def _style() -> tuple[str, str]:
    """Return the style sheet and its digest: the page's policy allows this one and no other."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return style, b64encode(hashlib.sha256(style.encode()).digest()).decode()
