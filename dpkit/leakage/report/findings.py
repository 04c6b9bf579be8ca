"""An audit as words and table rows, for the page; what each state means, and who tried what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dpkit.leakage.report.scores import (
    NOTHING,
    control_text,
    link_cell,
    percent,
    score_cells,
)
from dpkit.leakage.report.words import number
from dpkit.types.evidence import power
from dpkit.types.ladder import RUNGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types.attacks import AttackResult
    from dpkit.types.audit import Audit
    from dpkit.types.ladder import RungResult
    from dpkit.types.scores import ImageScores
    from dpkit.types.utility import UtilityScore

SYMBOLS: Final[Mapping[str, str]] = {  # each beside its word
    "succeeded": "✖",
    "no success": "○",
    "no power": "?",
    "timed out": "?",
    "crashed": "?",
    "not tried": "–",
    "broken": "✖",
    "leaks": "▲",
    "none": "○",
    "unknown": "?",
}
MEANINGS: Final[Mapping[str, str]] = {
    "no power": "unknown",
    "timed out": "unknown",
    "crashed": "unknown",
    "not tried": "unknown",
}
# Which adversaries do what a claim says cannot be done, by the claim's equation.
_ANSWERED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "Eq. 10": ("A1", "A2", "A3", "A4", "A5", "A6", "A7"),
    "Eq. 13": ("A4", "A5"),
    "Eq. 14": ("A4", "A5"),
    "P_r,bf": ("A4", "A5"),
    "D-T pairs": ("A6",),
    "Eqs. 8, 9": ("A0", "A1", "A2", "A3", "A7"),
    "(1 − p)^N_t": ("A0", "A1"),
}


def verdict_words(audit: Audit) -> dict[str, Any]:
    """Return the top of the page: the word, its sentence, the power behind it, what to change."""
    verdict = audit.verdict
    unknown = verdict.of - verdict.had_power
    sentence = verdict.sentence.rstrip(".")
    return {
        "word": verdict.word,
        "symbol": SYMBOLS[verdict.word],
        "sentence": f"{sentence[:1].upper()}{sentence[1:]}.",
        "power": f"{power(verdict)}, {unknown or 'none'} unknown",
        "advice": verdict.advice,
        "figures": _key_figures(audit),
        "has_no_figures": has_no_figures(audit),
    }


def has_no_figures(audit: Audit) -> bool:
    """Say whether the audit's figures are withheld: attacks had power, and none tells a figure."""
    told = audit.best or any(a.images or a.links or a.figures or a.sentence for a in audit.attacks)
    return audit.verdict.had_power > 0 and not told


def _key_figures(audit: Audit) -> list[tuple[str, str]]:
    """Return at most four figures by their names; none where there are no pictures."""
    best, guess = audit.best, best_guess(audit)
    if best is None or best.ssim is None or best.share_50 is None:
        return []
    figures = [
        ("Best attack on each image, mean SSIM", number(best.ssim.mean.value, "ssim")),
        ("Worst image, SSIM", number(best.ssim.worst, "ssim")),
        ("Images with an SSIM of 0.5 or more", percent(best.share_50.value)),
    ]
    if guess and guess.ssim:
        figures.append(
            ("Best guess without the release, SSIM", number(guess.ssim.mean.value, "ssim"))
        )
    return figures


def best_guess(audit: Audit) -> ImageScores | None:
    """Return the scores of the guess with the highest mean SSIM; None without one."""
    return max(
        (g.images for g in audit.guesses if g.images.ssim),
        key=lambda images: images.ssim.mean.value if images.ssim else 0.0,
        default=None,
    )


def ladder_rows(audit: Audit) -> list[dict[str, Any]]:
    """Return one row an adversary, A0 to A8, whether or not anything was tried."""
    found = {rung.rung: rung for rung in audit.rungs}
    return [_ladder_row(name, holds, found.get(name)) for name, holds in RUNGS.items()]


def _ladder_row(name: str, holds: str, rung: RungResult | None) -> dict[str, Any]:
    images, links = (rung.images, rung.links) if rung else (None, None)
    return {
        "rung": name,
        "holds": holds if name == "A0" else f"holds {holds}",
        "power": f"{rung.tried} of {rung.of}" if rung and rung.of else "none",
        "best": rung.best if rung else "",
        "sentence": rung.sentence if rung else "",
        "cells": [*score_cells(images), link_cell(links)],
    }


def guess_rows(audit: Audit) -> list[dict[str, Any]]:
    """Return one row a guess, with the cells of the ladder."""
    return [
        {"name": guess.name, "cells": [*score_cells(guess.images), link_cell(None)]}
        for guess in audit.guesses
    ]


def attack_rows(audit: Audit) -> list[dict[str, Any]]:
    """Return one row an attack: those that succeeded first, those that were not tried last."""
    order = list(SYMBOLS)
    attacks = sorted(audit.attacks, key=lambda a: (order.index(a.state), a.rung))
    return [_attack_row(attack) for attack in attacks]


def _attack_row(attack: AttackResult) -> dict[str, Any]:
    controls = (
        control_text(attack.positive, "positive"),
        control_text(attack.null, "null"),
    )
    return {
        "title": attack.title,
        "rung": attack.rung,
        "held": attack.held or attack.needs,
        "symbol": SYMBOLS[attack.state],
        "state": attack.state,
        "meaning": MEANINGS.get(attack.state, ""),
        "reason": attack.reason,
        "result": _results(attack),
        "controls": [text for text in controls if text],
        "seconds": f"{attack.seconds:,.1f}" if attack.seconds else NOTHING,
        "page": f"{attack.name}.md",
        "sentence": attack.sentence,
    }


def _results(attack: AttackResult) -> list[str]:
    """Return what one attack reached, a line each."""
    lines = []
    if attack.images and attack.images.ssim:
        ssim = attack.images.ssim
        mean, worst = number(ssim.mean.value, "ssim"), number(ssim.worst, "ssim")
        lines.append(f"SSIM {mean}, worst {worst}")
    elif attack.images:
        lines.append(f"PSNR {number(attack.images.psnr.mean.value, 'psnr')} dB")
    if attack.links:
        lines.append(_link_line(attack))
    lines += [f"{_worded(name)} {_figure(value)}" for name, value in attack.figures.items()]
    if attack.finding:
        lines.append(f"gives away {attack.finding}")
    if attack.is_upper_bound:
        lines.append("an upper bound: the best of several pictures, chosen with the original")
    return lines


def _worded(name: str) -> str:
    return name.replace("_", " ")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else number(value)


def _link_line(attack: AttackResult) -> str:
    links = attack.links
    if links is None:
        return ""
    rates = (("1 %", links.tpr_1), ("0.1 %", links.tpr_01))
    found = [f"{percent(rate.value)} at {limit} false ones" for limit, rate in rates if rate]
    said = f"owner found for {percent(links.top1.value)}, by chance {percent(links.chance)}"
    return "; ".join((said, *found))


def done_about(audit: Audit, equation: str) -> str:
    """Say what the audit did where a paper claims that nothing can be done."""
    rungs = [r for r in audit.rungs if r.rung in _ANSWERED_BY.get(equation, ()) and r.tried]
    if not rungs:
        return "Nothing: no attack of this kind had power here."
    best = max(rungs, key=_reached)
    if not best.sentence:
        return f"{best.rung} was tried; its figures are withheld."
    return f"{best.rung}, {best.best}: {best.sentence}" if best.best else best.sentence


def _reached(rung: RungResult) -> tuple[float, float]:
    ssim = rung.images.ssim.mean.value if rung.images and rung.images.ssim else -1.0
    return ssim, rung.links.top1.value if rung.links else -1.0


def utility_rows(scores: tuple[UtilityScore, ...]) -> list[dict[str, str]]:
    """Return one row for what a network was trained on."""
    return [
        {
            "trained_on": score.trained_on,
            "mean": percent(score.mean),
            "spread": f"{percent(score.least)} to {percent(score.most)}",
            "seeds": str(score.seeds),
        }
        for score in scores
    ]
