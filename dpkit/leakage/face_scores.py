"""How many faces a set of pictures still shows, and of how many it tells whose they are.

    symbol     here         meaning
    n          found        pictures, each of an original with a face
    g          gallery      descriptions of originals, one of each group
    d(a, b)    distances    Euclidean distance of two descriptions

Beside each figure stands the same of pictures that somebody has who knows nothing of the release:
a mean face is a face too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.faces import SAME_PERSON
from dpkit.leakage.intervals import exact_share
from dpkit.leakage.linkage import score_links
from dpkit.types.faces import GUESS, MIRRORED, RELEASE, FaceScores
from dpkit.types.ladder import RUNGS, WITH_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_FACES: Final = 5  # originals with a face, or groups in a gallery: below, nothing is scored

KNOWN_AGAIN: Final = 0.5  # of mirrored originals: below, the recogniser has no power here


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Whose face may be whose.

    Parameters
    ----------
    known
        float64 [g,128], descriptions of originals, one of each group.
    rows
        int64 [g]: which of the scored pictures is of the same original, each.
    """

    known: Floats
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, descriptions: Floats, groups: NDArray[Any]) -> Gallery:
        """Take the first original of each group, out of descriptions [n,128] of groups [n]."""
        _, first = np.unique(groups, return_index=True)
        rows = np.sort(first).astype(np.int64)
        return cls(descriptions[rows], rows)


def face_scores(
    what: str, is_detected: NDArray[np.bool_], descriptions: Floats, gallery: Gallery
) -> FaceScores:
    """Score pictures of originals that have a face.

    Parameters
    ----------
    what
        The pictures, in words.
    is_detected, descriptions
        [n] and float64 [n,128]; NaN where there is no description, which resembles nobody.
    """
    detected = exact_share(int(is_detected.sum()), len(is_detected))
    if len(gallery.rows) < LEAST_FACES:
        return FaceScores(what, len(is_detected), detected, None, None, None)
    truth = np.arange(len(gallery.rows))
    links, near = _compared(descriptions[gallery.rows], gallery.known, truth)
    matched = exact_share(int((near & is_detected[gallery.rows]).sum()), len(near))
    told = score_links(links, truth)
    return FaceScores(what, len(is_detected), detected, told, _auc(links, truth), matched)


def same_group_scores(
    descriptions: Floats, groups: NDArray[Any], gallery: Gallery, what: str
) -> FaceScores | None:
    """Score a second original of each group that has one: the most that a picture can be worth.

    None where fewer than `LEAST_FACES` groups have two originals with a face.
    """
    second = _seconds(groups)
    owners = {group: place for place, group in enumerate(groups[gallery.rows].tolist())}
    truth = np.array([owners[group] for group in groups[second].tolist()], np.int64)
    if len(second) < LEAST_FACES:
        return None
    links, near = _compared(descriptions[second], gallery.known, truth)
    every = exact_share(len(second), len(second))
    matched = exact_share(int(near.sum()), len(near))
    return FaceScores(
        what, len(second), every, score_links(links, truth), _auc(links, truth), matched
    )


def faces_sentence(looked: int, with_face: int, scores: Sequence[FaceScores]) -> str:
    """Say what was found on originals, release and reconstructions, beside the best of guesses.

    Parameters
    ----------
    scores
        Empty where they are of too few images.
    """
    held = f"{with_face:,} of {looked:,} originals hold a face that the detector finds"
    if not with_face:
        return f"No faces were found in {looked:,} originals."
    if not scores:
        return f"{held}: too few for figures."
    said = [_shows("the release shows a face", [one for one in scores if one.what == RELEASE])]
    rungs = [one for one in scores if one.what in RUNGS and one.what != WITH_KEY]
    said.append(_shows("attacks without the key show one", rungs))
    said.append(_shows("a guess shows one", [one for one in scores if one.what.startswith(GUESS)]))
    return f"{held}. Of these, {', '.join(filter(None, said))}.{_doubt(scores)}"


def _doubt(scores: Sequence[FaceScores]) -> str:
    """Say where the recogniser does not even know a mirrored original again; else nothing."""
    for one in scores:
        if one.what == MIRRORED and one.links and one.links.top1.low < KNOWN_AGAIN:
            return " Mirrored originals are not known again either: whose they are is unknown."
    return ""


def _shows(words: str, scores: Sequence[FaceScores]) -> str:
    """Say the highest share with a face, and of whose face is told; empty without any."""
    if not scores:
        return ""
    shown = f"{words} in {_percent(max(one.detected.value for one in scores))}"
    told = [one.links.top1.value for one in scores if one.links]
    return f"{shown} (nearest to its own original in {_percent(max(told))})" if told else shown


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _compared(
    descriptions: Floats, known: Floats, truth: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return links [n,g], the nearer the higher, and which lie near enough to their own, [n]."""
    distances = np.linalg.norm(descriptions[:, np.newaxis] - known[np.newaxis], axis=2)
    own = distances[np.arange(len(truth)), truth]
    links = np.where(np.isnan(distances), -np.inf, -distances)
    return links, own < SAME_PERSON


def _auc(links: Floats, truth: NDArray[np.int64]) -> float:
    """Return how often a true pair's link is above a false one's; ties count half."""
    is_own = np.arange(links.shape[1]) == truth[:, np.newaxis]
    false, own = np.sort(links[~is_own]), links[is_own]
    below, up_to = (np.searchsorted(false, own, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(false))


def _seconds(groups: NDArray[Any]) -> NDArray[np.int64]:
    """Return the row of each group's second picture, for groups that have one."""
    seen: dict[Any, int] = {}
    found = []
    for row, group in enumerate(groups.tolist()):
        seen[group] = seen.get(group, 0) + 1
        if seen[group] == 2:  # noqa: PLR2004 (the second)
            found.append(row)
    return np.array(found, np.int64)
