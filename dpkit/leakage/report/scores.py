"""Scores of an audit as the cells of tables: a heading and a text each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dpkit.leakage.report.words import NOT_DEFINED, number

if TYPE_CHECKING:
    from dpkit.types.attacks import Control
    from dpkit.types.scores import ImageScores, Interval, LinkScores

NOTHING: Final = "–"
HEADS: Final = ("Mean SSIM", "Worst image, SSIM", "PSNR", "SSIM ≥ 0.5", "SSIM ≥ 0.9")
OWNER: Final = "Owner found"


def score_cells(scores: ImageScores | None) -> list[dict[str, Any]]:
    """Return one cell for each of `HEADS`: its heading, the figure, and its interval beside."""
    if scores is None:
        return [{"head": head, "text": NOTHING, "beside": ""} for head in HEADS]
    ssim = scores.ssim
    texts = (
        (number(ssim.mean.value, "ssim"), interval(ssim.mean, "ssim"))
        if ssim
        else (NOT_DEFINED, ""),
        (number(ssim.worst, "ssim") if ssim else NOT_DEFINED, ""),
        (f"{number(scores.psnr.mean.value, 'psnr')} dB", ""),
        _share(scores.share_50),
        _share(scores.share_90),
    )
    return [
        {"head": head, "text": text, "beside": beside}
        for head, (text, beside) in zip(HEADS, texts, strict=True)
    ]


def link_cell(links: LinkScores | None) -> dict[str, Any]:
    """Return the share of images whose owner was found, and what chance gives."""
    if links is None:
        return {"head": OWNER, "text": NOTHING, "beside": ""}
    beside = f"of {links.gallery:,} candidates; chance {percent(links.chance)}"
    return {"head": OWNER, "text": percent(links.top1.value), "beside": beside}


def interval(figure: Interval, metric: str) -> str:
    """Return the 95 % interval of a mean."""
    return f"{number(figure.low, metric)} to {number(figure.high, metric)}"


def percent(share: float) -> str:
    """Return a share of 0 to 1 as percent; only exactly none and all read 0 % and 100 %."""
    value = 100 * share
    if value in (0, 100):
        return f"{value:.0f} %"
    if not 0.1 <= value <= 99.9:  # noqa: PLR2004 (percent)
        return "< 0.1 %" if value < 1 else "> 99.9 %"
    digits = 0 if 10 <= value <= 99 else 1  # noqa: PLR2004 (percent)
    return f"{value:.{digits}f} %"


def control_text(control: Control | None, kind: str) -> str:
    """Say what a control reached, what it had to, and whether it did; empty without one."""
    if control is None:
        return ""
    must = {"positive": "must reach", "null": "must stay below"}[kind]
    passed = "passed" if control.passed else "failed"
    cached = ", from an earlier audit" if control.is_cached else ""
    return (
        f"{kind} control {passed}: {control.measure} {number(control.value)} "
        f"({must} {number(control.limit)}) on {control.setting}{cached}"
    )


def _share(share: Interval | None) -> tuple[str, str]:
    if share is None:
        return NOT_DEFINED, ""
    return percent(share.value), f"{percent(share.low)} to {percent(share.high)}"
