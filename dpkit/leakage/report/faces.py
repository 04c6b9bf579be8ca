"""Faces as table rows, for the page: originals, release, each rung's attacks, guesses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dpkit.leakage.report.scores import NOTHING, percent
from dpkit.types.faces import GUESS, RELEASE
from dpkit.types.ladder import RUNGS

if TYPE_CHECKING:
    from dpkit.types.faces import FaceFindings, FaceScores
    from dpkit.types.scores import Interval

FACE_HEADS: Final = (
    "Face found",
    "Nearest to its own original",
    "True pairs at 1 % false",
    "True pairs at 0.1 % false",
    "AUC",
    "Passes as the same person",
)


def face_rows(found: FaceFindings | None) -> dict[str, list[dict[str, Any]]]:
    """Return rows by kind: `truth`, `seen` (release and attacks) and `guesses`."""
    rows: dict[str, list[dict[str, Any]]] = {"truth": [], "seen": [], "guesses": []}
    for scores in found.scores if found else ():
        rows[_kind(scores.what)].append(_row(scores))
    return rows


def gallery_words(found: FaceFindings | None) -> str:
    """Say among how many candidates a face is looked for, and what chance gives."""
    galleries = [scores.links for scores in found.scores if scores.links] if found else []
    if not galleries:
        return ""
    links = galleries[0]
    chance = f"chance gives {percent(links.chance)}"
    return f"{links.gallery:,} candidates, one original of each group; {chance}"


def _kind(what: str) -> str:
    if what.startswith(GUESS):
        return "guesses"
    return "seen" if what in {RELEASE, *RUNGS} else "truth"


def _row(scores: FaceScores) -> dict[str, Any]:
    what, links = scores.what, scores.links
    told = (links.top1, links.tpr_1, links.tpr_01) if links else (None, None, None)
    shares = zip(FACE_HEADS[:4], (scores.detected, *told), strict=True)
    cells = [
        *(_share(head, share) for head, share in shares),
        _cell(FACE_HEADS[4], NOTHING if scores.auc is None else f"{scores.auc:.3f}"),
        _share(FACE_HEADS[5], scores.matched),
    ]
    return {"rung": what if what in RUNGS else "", "what": _named(what), "n": f"{scores.n:,}",
            "cells": cells}  # fmt: skip


def _named(what: str) -> str:
    if what in RUNGS:
        return f"who holds {RUNGS[what]}"
    return what.removeprefix(GUESS)


def _share(head: str, share: Interval | None) -> dict[str, str]:
    if share is None:
        return _cell(head, NOTHING)
    return _cell(head, percent(share.value), f"{percent(share.low)} to {percent(share.high)}")


def _cell(head: str, text: str, beside: str = "") -> dict[str, str]:
    return {"head": head, "text": text, "beside": beside}
