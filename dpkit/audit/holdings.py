"""What each rung of the ladder holds: one view for every way in which an adversary may hold it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.audit.halves import cut_in_halves
from dpkit.audit.photographs import PUBLIC, crops
from dpkit.leakage.attacks.attack import FEATURES
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

    `owners` int64 [wanted] are places in the view's gallery, None where it has none; `rung` is
    where it stands.
    """

    held: str
    view: AdversaryView
    owners: NDArray[np.int64] | None = None
    rung: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A subject in halves, and the options: everything from which views are made.

    `base` holds rows of groups that nobody holds, the scored ones first; `shards` these and the
    released rows of the adversary's half; `own` is that half, with its labels. Where the sanitizer
    has no secret, every view has its encoder, and the adversary's half its values: public
    parameters name the network, so that whoever attacks is taken to have its weights.
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
        encoder=None if subject.sanitizer.is_keyed else subject.encoder,
    )


def _own(subject: Subject, halves: Halves) -> PublicImages:
    labels = subject.labels[halves.own] if subject.labels is not None else None
    own = PublicImages(subject.originals[halves.own], "same", labels)
    return own if subject.sanitizer.is_keyed else replace(own, values=subject.values[halves.own])


def holdings(rung: str, stage: Stage) -> list[Holding]:
    """Return the views of one rung; none where there is no such adversary."""
    return [replace(found, rung=rung) for found in RUNG_HOLDINGS[rung](stage)]


def missing(rung: str) -> str:
    """Say why a rung has no adversary here."""
    if rung in {"A4", "A5"}:
        return "no C^ac was handed over with this release"
    if rung == "A3":
        return "the rows have not one label each"
    if rung == "A6":
        return "there is no secret, so known images tell no more than pictures of one's own"
    return "nobody holds that here"


def _shards(stage: Stage) -> list[Holding]:
    return [Holding("", stage.shards)]


def _all_shards(stage: Stage) -> list[Holding]:
    """Return the shards of this release, and with them those of earlier ones."""
    versions, found = stage.subject.versions, _shards(stage)
    if versions:
        of_scored = tuple(values[stage.halves.scored] for values in versions)
        releases = (
            "an earlier release" if len(versions) == 1 else f"{len(versions)} earlier releases"
        )
        held = f"{releases} of the same images"
        found.append(Holding(held, replace(stage.shards, versions=of_scored)))
    return found


def _public(stage: Stage) -> list[Holding]:
    base, subject = stage.base, stage.subject
    found = [Holding("other groups' originals", replace(base, public=stage.own))]
    if subject.public is not None:
        values = subject.treat(subject.public) if subject.treat else None
        named = PublicImages(subject.public, "other", values=values)
        found.append(Holding(subject.public_name, replace(base, public=named)))
    elif stage.options.is_full and subject.sanitizer.is_keyed:
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
    subject, rows, found = stage.subject, stage.halves.own, []
    if not subject.sanitizer.is_keyed:
        return []
    counts = {min(k, len(rows)) for k in stage.options.pairs}
    if subject.sanitizer.name in FEATURES:  # whose attackers learn, from as many as they can get
        counts.add(len(rows))
    for count in sorted(counts):
        known = KnownPairs(subject.originals[rows[:count]], subject.values[rows[:count]])
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
    every = [_everything(stage, rng)] if subject.parameters.get("interleave") else []
    return [
        *every,
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


def _everything(stage: Stage, rng: np.random.Generator) -> Holding:
    """Return all sampled rows, and all their originals: where only a large set tells something."""
    subject, halves = stage.subject, stage.halves
    rows = np.concatenate([halves.scored, halves.rest, halves.own])
    order = rng.permutation(len(rows))
    labels = subject.labels[rows] if subject.labels is not None else None
    view = replace(stage.base, values=subject.values[rows], labels=labels)
    return Holding(
        f"all {len(rows)} originals in no order",
        replace(view, gallery=subject.originals[rows[order]]),
        np.argsort(order)[: len(halves.scored)],
    )


def _key(stage: Stage) -> list[Holding]:
    """Return who can ask the secret encoder, and follow its gradient."""
    subject, own = stage.subject, stage.halves.own
    if not subject.sanitizer.is_keyed or subject.encoder is None:
        return []
    asked = replace(stage.own, values=subject.values[own])
    view = replace(stage.base, public=asked, encoder=subject.encoder)
    return [Holding("the encoder and other groups' originals", view)]


RUNG_HOLDINGS: Mapping[str, Callable[[Stage], list[Holding]]] = {
    "A0": _shards,
    "A1": _all_shards,
    "A2": _public,
    "A3": _labelled,
    "A4": _both_layers,
    "A5": _augconv,
    "A6": _pairs,
    "A7": _galleries,
    "A8": _key,
}
