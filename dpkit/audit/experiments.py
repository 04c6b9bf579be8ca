"""What controls are carried out on: photographs that everybody has, released in a known way.

    positive   a release that is known to fall: the sanitizer with weaker parameters; for attacks on
               a layer, one with random kernels; for those that learn a way back, a linear map of
               the release's own shape
    null       a release that tells nothing: a fresh key for every image, or values of other
               pictures; where there is a gallery, it holds none of the released

Everything has the release's own geometry, type and number of images.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.audit.fresh_layer import released_under_key, with_fresh_layer
from dpkit.audit.photographs import PRIVATE, PUBLIC, crops
from dpkit.audit.subject import Subject, sanitized
from dpkit.leakage.attacks.attack import FEATURES
from dpkit.sanitizers.morph import CONDITION, Morph
from dpkit.types import Secret, patch_side

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from dpkit.audit.holdings import Stage
    from dpkit.leakage.attacks.attack import Attack
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Geometry, Json

BLOCK: Final = "block"
SEED: Final = 0  # of every control, so that it serves the next release too
GALLERY: Final = "A7"
LAYER_RUNGS: Final = ("A4", "A5")
STRANGERS: Final = 1  # a seed: other crops than those of the gallery
OWN_KEYS: Final = "a fresh key for every image"
OTHERS: Final = "values of other pictures"


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """A control that is not carried out yet.

    Parameters
    ----------
    name
        Of what `make` makes: for one stage, the same name is the same release.
    make
        Makes the release.
    setting
        What is attacked, in words.
    should_fall
        Whether the attack must succeed, or must not.
    finish
        Adds what is made only where the control is carried out.
    """

    name: str
    make: Callable[[], Subject]
    setting: str
    should_fall: bool
    finish: Callable[[Subject], Subject] | None = None


def digests(subject: Subject) -> dict[str, str]:
    """Return SHA-256 of the arrays that decide what a control finds."""
    return {name: _digest(getattr(subject, name)) for name in ("originals", "values", "others")}


def _digest(array: NDArray[Any]) -> str:
    head = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def positive(attack: Attack, rung: str, like: Stage) -> Experiment | None:
    """Return a release that is known to fall; None where none is known."""
    if attack.sanitizers == FEATURES:
        return _by_known_map(like)
    if rung in LAYER_RUNGS:
        return _by_fresh_layer(attack, like)
    return _by_weak_parameters(attack, like) if attack.weak else None


def null(_attack: Attack, rung: str, like: Stage) -> Experiment | None:
    """Return a release that tells nothing; None for attacks on C^ac, which belongs to one key."""
    if rung in LAYER_RUNGS:
        return None
    setting = OTHERS if _is_mapped(like.subject.sanitizer) else OWN_KEYS
    name, make = ("strangers", _strangers) if rung == GALLERY else ("unkeyed", _unkeyed)
    return Experiment(name, partial(make, like), setting, should_fall=False)


def _unkeyed(like: Stage) -> Subject:
    return unkeyed(_photographed(like.subject.sanitizer, like))


def _strangers(like: Stage) -> Subject:
    """Return a release of none of those who are in the gallery."""
    held = _photographed(like.subject.sanitizer, like)
    made = unkeyed(_photographed(like.subject.sanitizer, like, seed=STRANGERS))
    return replace(made, originals=held.originals)


EXPERIMENTS: Final[Mapping[str, Callable[[Attack, str, Stage], Experiment | None]]] = {
    "positive": positive,
    "null": null,
}


def _by_weak_parameters(attack: Attack, like: Stage) -> Experiment:
    said = ", ".join(f"{name} {value}" for name, value in attack.weak.items())
    return Experiment(attack.name, partial(_weak_release, attack, like), said, should_fall=True)


def _weak_release(attack: Attack, like: Stage) -> Subject:
    weak = weakened(like.subject.sanitizer, attack.weak, like.subject.geometry)
    subject = _photographed(weak, like, more=len(like.subject.others))
    return _released(subject, _seed(attack, weak, like))


def _by_fresh_layer(attack: Attack, like: Stage) -> Experiment | None:
    layer, conv = like.subject.augconv, like.subject.first_conv
    if layer is None or conv is None:
        return None
    sanitizer = like.subject.sanitizer
    seed = _seed(attack, sanitizer, like)
    return Experiment(
        attack.name,
        lambda: released_under_key(_photographed(sanitizer, like), seed),
        "a layer with random kernels, under a key of its own",
        should_fall=True,
        finish=lambda subject: with_fresh_layer(subject, layer, conv, seed),
    )


def _by_known_map(like: Stage) -> Experiment:
    said = "a linear map of the same shape, without noise"
    return Experiment("known map", partial(_known_release, like), said, should_fall=True)


def _known_release(like: Stage) -> Subject:
    subject = _photographed(like.subject.sanitizer, like)
    return _mapped(subject, subject.originals, like.subject)


def _mapped(subject: Subject, pixels: NDArray[Any], like: Subject) -> Subject:
    """Return the subject with the known map's values of pixels [n,h,w,c], and the map."""
    from dpkit.audit.known_map import KnownMap  # noqa: PLC0415 (imports torch, which is slow)

    channels, height, width = like.values.shape[1:]
    known = KnownMap.of(subject.geometry, (channels, height, width))
    values = known.values(pixels, subject.geometry.peak, like.values.dtype)
    encoder = known if like.encoder else None
    return replace(subject, values=values, others=values[:0], encoder=encoder)


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


def unkeyed(subject: Subject) -> Subject:
    """Return the subject with values that tell nothing of its originals."""
    if subject.sanitizer.name == "morph":
        return _under_fresh_keys(subject)
    return _of_other_pictures(subject) if _is_mapped(subject.sanitizer) else _of_strangers(subject)


def _is_mapped(sanitizer: Sanitizer) -> bool:
    """Say whether the known map stands for the sanitizer: it cannot be made of a seed alone."""
    return bool(sanitizer.needs) or sanitizer.name in FEATURES


def _under_fresh_keys(subject: Subject) -> Subject:
    """Return values as fresh keys would give, drawn from their law.

    A Gaussian core of its own makes of an image's blocks, D = L U with orthonormal rows U, the
    product L Z with independent Gaussian Z.
    """
    rng = np.random.default_rng(subject.geometry.elements)
    plain = subject.sanitizer.plain(subject.originals, subject.geometry)
    kappa = int(str(subject.parameters["kappa"]))
    blocks = plain.reshape(len(subject), kappa, -1).astype(np.float64)
    return replace(subject, values=_fresh(blocks, rng).reshape(plain.shape).astype(plain.dtype))


def _of_strangers(subject: Subject) -> Subject:
    """Return values of pictures that nobody holds, under one key."""
    rng = np.random.default_rng(subject.geometry.elements)
    pixels, which = crops(PUBLIC, len(subject), subject.geometry, rng)  # not the gallery's
    seed = Secret(hashlib.sha256(b"null").digest())
    values = sanitized(subject.sanitizer, subject.geometry, pixels, which, seed)
    return replace(subject, values=values, others=values[:0])


def _of_other_pictures(subject: Subject) -> Subject:
    """Return what the known map makes of other pictures, in no order."""
    rng = np.random.default_rng(subject.geometry.elements)
    pixels, _ = crops(PUBLIC, len(subject), subject.geometry, rng)
    return _mapped(subject, rng.permutation(pixels), subject)


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


def _photographed(sanitizer: Sanitizer, like: Stage, *, more: int = 0, seed: int = 0) -> Subject:
    """Return photographs in place of the originals, and `more` besides; not yet released.

    Until then the released values of the audit stand for their shape and type.
    """
    told = like.subject
    geometry, count = told.geometry, len(told)
    rng = np.random.default_rng([SEED, seed])
    pixels, which = crops(PRIVATE, count + more, geometry, rng)
    return Subject(
        sanitizer,
        geometry,
        np.zeros_like(told.values),
        pixels[:count],
        which[:count],
        np.arange(count),
        np.moveaxis(pixels[count:], -1, 1),
        which[count:],
        public=told.public,
        public_name=told.public_name,
        encoder=told.encoder,
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


def _seed(attack: Attack, sanitizer: Sanitizer, like: Stage) -> Secret:
    facts = ["positive", attack.name, sanitizer.name, repr(sanitizer), repr(like.subject.geometry)]
    return Secret(hashlib.sha256(json.dumps([*facts, SEED]).encode()).digest())
