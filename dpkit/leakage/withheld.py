"""What a released report may say of an audit of few images: its verdict and states, no figure.

Rule: a figure of fewer than `LEAST_IMAGES` images may tell about a single one, and so may a
sentence that quotes it, a control that was run on the same images, or which attack was the best.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dpkit.leakage.face_scores import faces_sentence
from dpkit.types.evidence import LEAST_IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dpkit.types.attacks import AttackResult
    from dpkit.types.audit import Audit
    from dpkit.types.faces import FaceFindings, FaceScores
    from dpkit.types.ladder import RungResult

SENTENCES: Final[Mapping[str, str]] = {
    "broken": "broken: pictures or the key were recovered",
    "leaks": "leaks: attacks of this suite succeeded",
    "none": "no attack of this suite succeeded; that is not a proof",
    "unknown": "no attack had power here, so nothing is known",
}
_PUBLIC_REASONS: Final = ("not tried", "timed out")  # of parameters and time, not of images


def withheld(audit: Audit) -> Audit:
    """Return the audit without a figure: verdict word, advice, counts and states stay."""
    sentence = SENTENCES[audit.verdict.word]
    return replace(
        audit,
        verdict=replace(audit.verdict, sentence=sentence),
        best=None,
        guesses=(),
        rungs=tuple(_states_of_rung(found) for found in audit.rungs),
        attacks=tuple(_states_of_attack(found) for found in audit.attacks),
        pairs=(),
        pairs_needed={},
        utility=None,
        faces=None,
    )


def for_release(audit: Audit | None) -> Audit | None:
    """Return the audit as a released report may have it.

    Faces are of fewer images than the rest: where they alone are too few, they alone are left out.
    """
    if audit is None:
        return None
    if min(_images(audit)) < LEAST_IMAGES:
        return withheld(audit)
    if audit.faces:
        return replace(audit, faces=_told(audit.faces))
    return audit


def _told(found: FaceFindings) -> FaceFindings:
    """Return faces without figures of fewer than `LEAST_IMAGES` images."""
    scores = tuple(_identified(one) for one in found.scores if one.n >= LEAST_IMAGES)
    said = faces_sentence(found.looked, found.with_face, scores)
    return replace(found, scores=scores, sentence=said)


def _identified(scores: FaceScores) -> FaceScores:
    """Return scores of enough images; those of identity may be of fewer."""
    if scores.links is None or scores.links.n >= LEAST_IMAGES:
        return scores
    return replace(scores, links=None, auc=None, matched=None)


def _images(audit: Audit) -> Iterator[int]:
    """Yield how many images each figure of the audit is of."""
    yield audit.images
    scored: tuple[RungResult | AttackResult, ...] = (*audit.rungs, *audit.attacks)
    if audit.best:
        yield audit.best.n
    yield from (found.images.n for found in (*scored, *audit.guesses, *audit.pairs) if found.images)
    yield from (found.links.n for found in scored if found.links)
    if audit.utility:
        yield audit.utility.held_out


def _states_of_rung(found: RungResult) -> RungResult:
    return replace(found, best="", images=None, links=None, sentence="")


def _states_of_attack(found: AttackResult) -> AttackResult:
    return replace(
        found,
        reason=found.reason if found.state in _PUBLIC_REASONS else "",
        images=None,
        links=None,
        figures={},
        finding="",
        sentence="",
        positive=None,
        null=None,
    )
