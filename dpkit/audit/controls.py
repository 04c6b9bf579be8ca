"""The same attacks where the answer is known, at the release's own size, type and number.

    positive   the sanitizer with parameters under which the attack is known to succeed; where it
               does not even there, it has no power at this size and counts as not run
    null       a fresh key for every image, and where there is a gallery, one that holds none of
               them: nothing may beat the guess

Originals of controls are crops of photographs that everybody has, so that a control says nothing
about the provider's images and can be kept for the next audit (`cache.py`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.audit.fresh_layer import with_fresh_layer
from dpkit.audit.holdings import Holding, Stage, holdings
from dpkit.audit.photographs import PRIVATE, PUBLIC, crops
from dpkit.audit.subject import Subject, sanitized
from dpkit.audit.trial import attempt
from dpkit.leakage.guesses import guesses
from dpkit.leakage.judgement import beats, is_linked
from dpkit.leakage.recovery import Recovery, recovery
from dpkit.sanitizers.morph import CONDITION, Morph
from dpkit.types import Secret, patch_side
from dpkit.types.audit import Control

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.audit.options import Options
    from dpkit.audit.trial import Trial
    from dpkit.leakage.attacks.attack import Attack, Effort
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Geometry, Json

MOST_SCORED: Final = 48  # images of a control
BLOCK: Final = "block"
SEED: Final = 0  # of every control, so that it serves the next release too
NOT_RUN: Final = "none"  # the measure of a control that could not be carried out
GALLERY: Final = "A7"
LAYER_RUNGS: Final = ("A4", "A5")
STRANGERS: Final = 1  # a seed: other crops than those of the gallery


def has_positive(attack: Attack) -> bool:
    """Say whether there is a setting in which the attack is known to succeed."""
    return bool(attack.weak) or attack.rung in LAYER_RUNGS


def positive_control(attack: Attack, like: Stage, effort: Effort) -> Control:
    """Attack the weakened sanitizer, or a fresh layer; passed where the attack succeeds."""
    if attack.rung in LAYER_RUNGS:
        return _layer_control(attack, like, effort)
    weak = weakened(like.subject.sanitizer, attack.weak, like.subject.geometry)
    subject = _photographed(weak, like, more=len(like.subject.others))
    subject = _released(subject, _seed("positive", attack, weak, like))
    said = ", ".join(f"{name} {value}" for name, value in attack.weak.items())
    return _control(attack, subject, like.options, effort, setting=said, should_fall=True)


def _layer_control(attack: Attack, like: Stage, effort: Effort) -> Control:
    layer, conv = like.subject.augconv, like.subject.first_conv
    if layer is None or conv is None:
        return Control("no layer was handed over", NOT_RUN, 0.0, 0.0, passed=False, is_cached=False)
    sanitizer = like.subject.sanitizer
    subject = _photographed(sanitizer, like, more=0)
    seed = _seed("positive", attack, sanitizer, like)
    subject = with_fresh_layer(subject, layer, conv, seed)
    setting = "a layer with random kernels, under a key of its own"
    return _control(attack, subject, like.options, effort, setting=setting, should_fall=True)


def null_control(attack: Attack, like: Stage, effort: Effort) -> Control | None:
    """Attack images that have a key each; passed where the attack finds nothing.

    None where it cannot be carried out so: C^ac belongs to one key.
    """
    subject = _photographed(like.subject.sanitizer, like, more=0)
    if attack.rung == GALLERY:  # whoever is in the gallery must not be among the released
        strangers = _photographed(like.subject.sanitizer, like, more=0, seed=STRANGERS)
        return _null(attack, subject, unkeyed(strangers), like, effort)
    return _null(attack, subject, unkeyed(subject), like, effort)


def _null(
    attack: Attack, subject: Subject, values: NDArray[Any], like: Stage, effort: Effort
) -> Control | None:
    subject = replace(subject, values=values, others=values[:0])
    setting = "a fresh key for every image"
    found = _control(attack, subject, like.options, effort, setting=setting, should_fall=False)
    return None if found.measure == NOT_RUN else found


def weakened(sanitizer: Sanitizer, weak: Mapping[str, Json], geometry: Geometry) -> Sanitizer:
    """Return the sanitizer with other parameters; `block` chooses κ by the values of a block."""
    names = {field.name for field in fields(sanitizer)}  # type: ignore[arg-type]  # every sanitizer is a dataclass
    given: dict[str, Any] = {name: value for name, value in weak.items() if name in names}
    if isinstance(sanitizer, Morph) and given.get("core", sanitizer.core) != "bounded":
        given["condition"] = CONDITION  # another would be refused
    changed: Sanitizer = replace(sanitizer, **given)  # type: ignore[type-var]  # every sanitizer is a dataclass
    if BLOCK not in weak or not isinstance(changed, Morph):
        return changed
    fits = [
        kappa
        for kappa in range(1, geometry.elements + 1)
        if geometry.elements % kappa == 0
        and (changed.blocks == "raster" or patch_side(kappa, geometry.height, geometry.width))
    ]
    wanted = float(str(weak[BLOCK]))
    nearest = min(fits, key=lambda kappa: abs(np.log(geometry.elements / kappa / wanted)))
    return replace(changed, kappa=nearest)


def unkeyed(subject: Subject) -> NDArray[Any]:
    """Return values [n,c,h,w] as fresh keys would give, drawn from their law.

    A Gaussian core of its own makes of an image's blocks, D = L U with orthonormal rows U, the
    product L Z with independent Gaussian Z. For other sanitizers the rows are those of images that
    nobody holds.
    """
    rng = np.random.default_rng(subject.geometry.elements)
    if not isinstance(subject.sanitizer, Morph):
        pixels, which = crops(PUBLIC, len(subject), subject.geometry, rng)  # not the gallery's
        seed = Secret(hashlib.sha256(b"null").digest())
        return sanitized(subject.sanitizer, subject.geometry, pixels, which, seed)
    kappa = subject.sanitizer.kappa
    plain = subject.sanitizer.plain(subject.originals, subject.geometry)
    blocks = plain.reshape(len(subject), kappa, -1).astype(np.float64)
    return _fresh(blocks, rng).reshape(plain.shape).astype(plain.dtype)


def _fresh(blocks: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    q = blocks.shape[2]
    fresh = np.empty_like(blocks)
    for image, rows in enumerate(blocks):
        if len(rows) >= q:
            fresh[image] = rows @ rng.normal(0, q**-0.5, (q, q))
            continue
        triangle = np.linalg.qr(rows.T)[1]  # rows = triangle^T times orthonormal rows
        fresh[image] = triangle.T @ rng.normal(0, q**-0.5, rows.shape)
    return fresh


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    value: float
    limit: float


def _control(
    attack: Attack,
    subject: Subject,
    options: Options,
    effort: Effort,
    *,
    setting: str,
    should_fall: bool,
) -> Control:
    small = replace(options, images=min(options.images, MOST_SCORED), attacks=None, seed=SEED)
    stage = Stage.of(subject, small)
    tried = [
        attempt(attack, holding, stage.originals, effort)
        for holding in _easiest(attack.rung, stage)
    ]
    if not tried or tried[0].ended != "done":
        reason = tried[0].reason if tried else "nobody holds what it needs"
        return Control(f"{setting}: {reason}", NOT_RUN, 0.0, 0.0, passed=False, is_cached=False)
    fell, measure = _judged(tried[0], stage)
    return Control(setting, measure.name, measure.value, measure.limit, fell == should_fall, False)


def _easiest(rung: str, stage: Stage) -> list[Holding]:
    """Return the view that helps most: the most known images, the nearest pictures."""
    return holdings(rung, stage)[-1:] if rung == "A6" else holdings(rung, stage)[:1]


def _judged(trial: Trial, stage: Stage) -> tuple[bool, _Measure]:
    """Say whether the attack succeeded, and by which measure it is to be seen."""
    if trial.images is not None:
        guess = best_guess(stage)
        fell = beats(trial.images, guess)
        found, limit = trial.images, guess
        if np.isnan(found.ssim).any():
            return fell, _Measure("NCC", float(found.ncc.mean()), float(limit.ncc.mean()))
        return fell, _Measure("SSIM", float(found.ssim.mean()), float(limit.ssim.mean()))
    if trial.links is not None:
        top1 = trial.links.top1.value
        return is_linked(trial.links), _Measure("found", top1, trial.links.chance)
    finding = trial.found.finding if trial.found else ""
    return bool(finding), _Measure("finding", float(bool(finding)), 1.0)


def best_guess(stage: Stage) -> Recovery:
    """Return the best of all guesses, image by image."""
    return Recovery.best_of(found for _, found in guess_recoveries(stage))


def guess_recoveries(stage: Stage) -> list[tuple[str, Recovery]]:
    """Return what each guess scores."""
    count, peak = len(stage.halves.scored), stage.subject.geometry.peak
    labels = None if stage.base.labels is None else stage.base.labels[:count]
    rng = np.random.default_rng(stage.options.seed)
    return [
        (name, recovery(stage.originals, images, peak))
        for name, images in guesses(stage.own, count, labels, rng)
    ]


def _photographed(sanitizer: Sanitizer, like: Stage, *, more: int, seed: int = 0) -> Subject:
    """Return photographs in place of the originals, and `more` besides; not yet released."""
    geometry, count = like.subject.geometry, len(like.subject)
    rng = np.random.default_rng([SEED, seed])
    pixels, which = crops(PRIVATE, count + more, geometry, rng)
    return Subject(
        sanitizer,
        geometry,
        np.moveaxis(pixels[:count], -1, 1),
        pixels[:count],
        which[:count],
        np.arange(count),
        np.moveaxis(pixels[count:], -1, 1),
        which[count:],
        public=like.subject.public,
        public_name=like.subject.public_name,
    )


def _released(subject: Subject, seed: Secret) -> Subject:
    """Return the subject with values released under a key of its own."""
    count = len(subject)
    pixels = np.concatenate([subject.originals, np.moveaxis(subject.others, 1, -1)])
    labels = np.concatenate([_known(subject.labels), subject.other_labels])
    values = sanitized(subject.sanitizer, subject.geometry, pixels, labels, seed)
    return replace(subject, values=values[:count], others=values[count:])


def _known(labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return np.empty(0, np.int64) if labels is None else labels


def _seed(kind: str, attack: Attack, sanitizer: Sanitizer, like: Stage) -> Secret:
    facts = [kind, attack.name, sanitizer.name, repr(sanitizer), repr(like.subject.geometry)]
    return Secret(hashlib.sha256(json.dumps([*facts, SEED]).encode()).digest())
