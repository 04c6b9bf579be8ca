"""A report's figures as words and table rows, for the page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from dpkit.leakage.metrics import ANOTHER_IMAGE, METRICS
from dpkit.leakage.view import GREY_VIEW

if TYPE_CHECKING:
    from dpkit.types.distribution import Distribution
    from dpkit.types.evidence import LeakageReport

MOST_LABELS: Final = 200
NOT_DEFINED: Final = "not defined"
_SEEN: Final = ": something of the originals can be seen"
_NOISE: Final = "values that look like noise can still be turned back by calculation"
_PIECES: Final = "a picture that is hard to make out can still be made of pixels of originals"


def plain(text: object) -> str:
    """Return text without control and direction characters, which could disguise a line."""
    return "".join(c if c.isprintable() else "�" for c in str(text))[:400]


def number(value: float | None, metric: str | None = None) -> str:
    """Return a figure with the digits of its metric, or with three that count."""
    if value is None or math.isnan(value):
        return NOT_DEFINED
    if math.isinf(value):
        return "∞"
    text = f"{value:.3g}" if metric is None else f"{value:,.{METRICS[metric].digits}f}"
    return text.replace("-", "−")


def figure_rows(report: LeakageReport) -> list[dict[str, Any]]:
    """Return one table row a metric, the guesses' means beside the release's figures."""
    return [
        {
            "title": metric.title,
            "unit": metric.unit,
            "mean": number(found.mean, name),
            "middle": _middle(found),
            "worst": number(found.worst, name),
            "infinite": found.infinite,
            "guesses": [number(b.measured[name].mean, name) for b in report.baselines],
        }
        for name, metric in METRICS.items()
        if (found := report.measured.get(name))
    ]


def _middle(found: Distribution) -> str:
    if not found.percentiles:
        return NOT_DEFINED
    low, high = (number(found.percentiles[p], found.metric) for p in ("5", "95"))
    return f"{low} to {high}"


def label_rows(report: LeakageReport) -> dict[str, Any]:
    """Return images and groups by label (rows) and part (columns)."""
    parts = list(dict.fromkeys(count.part for count in report.counts))
    labels = list(dict.fromkeys(count.label for count in report.counts))
    by_place = {(c.label, c.part): c for c in report.counts}
    shown = labels[:MOST_LABELS]
    rows = [(label or "all", [by_place.get((label, part)) for part in parts]) for label in shown]
    return {"parts": parts, "rows": rows, "more": len(labels) - len(shown)}


def likeness(report: LeakageReport) -> str:
    """Say how the release looks beside a guess, and how little that is; empty without figures."""
    found = report.measured.get("ssim")
    guess = next(
        (b.measured.get("ssim") for b in report.baselines if b.name == ANOTHER_IMAGE), None
    )
    if found is None or found.mean is None or guess is None or guess.mean is None:
        return ""
    mean, other = number(found.mean, "ssim"), number(guess.mean, "ssim")
    more, end = ("no more", "") if found.mean <= guess.mean else ("more", _SEEN)
    looks = _PIECES if report.settings.view.startswith(GREY_VIEW) else _NOISE
    return (
        f"On average a released image looks {more} like its original (SSIM {mean}) than another "
        f"image of the set does ({other}){end}. Looks say little: {looks}."
    )


def alt_text(report: LeakageReport, metric: str) -> str:
    """Say in words what the histogram of one metric shows."""
    found, entry = report.measured[metric], METRICS[metric]
    guesses = [f"{b.name} {number(b.measured[metric].mean, metric)}" for b in report.baselines]
    return (
        f"Histogram of {entry.title} over {found.n:,} images: mean {number(found.mean, metric)}, "
        f"nine in ten from {_middle(found)}, worst {number(found.worst, metric)}. "
        f"Means of the guesses: {', '.join(guesses)}."
    )
