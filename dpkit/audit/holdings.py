"""What each rung of the ladder holds: one view for every way in which an adversary may hold it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.audit.halves import cut_in_halves
from dpkit.audit.photographs import PUBLIC, crops
from dpkit.types.adversary import AdversaryView, KnownPairs, PublicImages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from dpkit.audit.halves import Halves
    from dpkit.audit.options import Options
    from dpkit.audit.subject import Subject

MOST_PHOTOGRAPHS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Holding:
    """A view, what it holds besides the release in words, and whose gallery picture is whose.

    `owners` int64 [wanted] are places in the view's gallery, None where it has none.
    """

    held: str
    view: AdversaryView
    owners: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A subject in halves, and the options: everything from which views are made.

    `base` holds rows of groups that nobody holds, the scored ones first; `shards` these and the
    released rows of the adversary's half; `own` is that half, with its labels.
    """

    subject: Subject
    halves: Halves
    options: Options
    base: AdversaryView
    shards: AdversaryView
    own: PublicImages

    @classmethod
    def of(cls, subject: Subject, options: Options) -> Stage:
        """Cut the sampled rows in halves."""
        rng = np.random.default_rng(options.seed)
        halves = cut_in_halves(subject.groups, options.images, rng)
        base = _rows(subject, halves, (halves.rest,))
        shards = _rows(subject, halves, (halves.rest, halves.own))
        return cls(subject, halves, options, base, shards, _own(subject, halves))

    @property
    def originals(self) -> NDArray[Any]:
        """The originals of the scored rows, for scoring alone."""
        return self.subject.originals[self.halves.scored]


def _rows(subject: Subject, halves: Halves, more: tuple[NDArray[np.int64], ...]) -> AdversaryView:
    """Return a view of the scored rows, of `more` sampled ones, and of the further rows."""
    scored, labels = halves.scored, None
    sampled = np.concatenate([scored, *more])
    values = np.concatenate([subject.values[sampled], subject.others])
    if subject.labels is not None:
        labels = np.concatenate([subject.labels[sampled], subject.other_labels])
    return AdversaryView(
        values,
        subject.geometry,
        subject.sanitizer.name,
        subject.parameters,
        subject.affine,
        wanted=len(scored),
        labels=labels,
    )


def _own(subject: Subject, halves: Halves) -> PublicImages:
    labels = subject.labels[halves.own] if subject.labels is not None else None
    return PublicImages(subject.originals[halves.own], "same", labels)


def holdings(rung: str, stage: Stage) -> list[Holding]:
    """Return the views of one rung; none where there is no such adversary."""
    return RUNG_HOLDINGS[rung](stage)


def missing(rung: str) -> str:
    """Say why a rung has no adversary here."""
    if rung in {"A4", "A5"}:
        return "no C^ac was handed over with this release"
    if rung == "A3":
        return "the rows have not one label each"
    return "nobody holds that here"


def _shards(stage: Stage) -> list[Holding]:
    return [Holding("", stage.shards)]


def _public(stage: Stage) -> list[Holding]:
    base = stage.base
    found = [Holding("other groups' originals", replace(base, public=stage.own))]
    if stage.subject.public is not None:
        named = PublicImages(stage.subject.public, "other")
        found.append(Holding(stage.subject.public_name, replace(base, public=named)))
    elif stage.options.is_full:
        count = min(MOST_PHOTOGRAPHS, max(len(base.values), 256))
        rng = np.random.default_rng(stage.options.seed)
        pixels, _ = crops(PUBLIC, count, stage.subject.geometry, rng)
        found.append(
            Holding("other photographs", replace(base, public=PublicImages(pixels, "other")))
        )
    return found


def _labelled(stage: Stage) -> list[Holding]:
    if stage.subject.labels is None:
        return []
    return [Holding("other groups' originals and labels", replace(stage.base, public=stage.own))]


def _both_layers(stage: Stage) -> list[Holding]:
    subject = stage.subject
    if subject.augconv is None or subject.first_conv is None:
        return []
    view = replace(stage.base, augconv=subject.augconv, first_conv=subject.first_conv)
    return [Holding("C^ac and the first layer", view)]


def _augconv(stage: Stage) -> list[Holding]:
    if stage.subject.augconv is None:
        return []
    return [Holding("C^ac", replace(stage.base, augconv=stage.subject.augconv))]


def _pairs(stage: Stage) -> list[Holding]:
    rows = stage.halves.own
    found = []
    for count in sorted({min(k, len(rows)) for k in stage.options.pairs}):
        known = KnownPairs(
            stage.subject.originals[rows[:count]], stage.subject.values[rows[:count]]
        )
        images = "1 known image" if count == 1 else f"{count} known images"
        found.append(Holding(images, replace(stage.shards, known=known)))
    return found


def _galleries(stage: Stage) -> list[Holding]:
    subject, rng = stage.subject, np.random.default_rng(stage.options.seed)
    scored = stage.halves.scored
    exact = rng.permutation(len(scored))
    whole = np.concatenate([scored, stage.halves.own])
    mixed = rng.permutation(len(whole))
    labels = subject.labels[scored] if subject.labels is not None else None
    only = replace(stage.base, values=subject.values[scored], labels=labels)
    return [
        Holding(
            "the originals in no order",
            replace(only, gallery=subject.originals[scored[exact]]),
            np.argsort(exact),
        ),
        Holding(
            f"a gallery of {len(whole)} pictures",
            replace(stage.base, gallery=subject.originals[whole[mixed]]),
            np.argsort(mixed)[: len(scored)],
        ),
    ]


def _key(_stage: Stage) -> list[Holding]:
    return []


RUNG_HOLDINGS: Mapping[str, Callable[[Stage], list[Holding]]] = {
    "A0": _shards,
    "A1": _shards,
    "A2": _public,
    "A3": _labelled,
    "A4": _both_layers,
    "A5": _augconv,
    "A6": _pairs,
    "A7": _galleries,
    "A8": _key,
}
