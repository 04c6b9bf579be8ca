"""The attacked images in earlier releases: who kept those lays them beside this one.

Rows are matched by the SHA-256 of their files, which the sealed plans of both releases hold; the
adversary is granted the match (ids and groups of releases under one data key give it away, and so
do equal blocks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UsageError
from dpkit.keystore.ledger import Ledger
from dpkit.keystore.plans import require_plan
from dpkit.pipeline.rows import written_of
from dpkit.release.read import Release

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.keystore.store import Keystore
    from dpkit.pipeline.rows import ReleasedRows, Sample
    from dpkit.release.manifest import Manifest
    from dpkit.types.voice import Voice


@dataclass(frozen=True, slots=True, eq=False)
class Here:
    """The release under audit, and its attacked rows."""

    manifest: Manifest
    rows: ReleasedRows
    sample: Sample


def versions_of(
    here: Here, folders: Sequence[Path], keystore: Keystore, voice: Voice
) -> tuple[NDArray[Any], ...]:
    """Return the sampled rows as each earlier release has them, [n,c,h,w]; often none.

    A row that is not in one stands there as it stands in this release.

    Raises
    ------
    UsageError
        It is no other release of this kind, or holds none of the images.
    UnlockError
        It was made with another keystore.
    """
    from dpkit.leakage.attacks.versions import ATTACK  # noqa: PLC0415 (loads every attack)

    sanitizer = here.manifest.sanitizer.name
    if ATTACK.is_for(sanitizer):
        if not folders:
            _say_known(here, keystore, voice)
        return tuple(_version(here, folder, keystore, voice) for folder in folders)
    if folders:
        raise UsageError(
            f"no attack lays two releases of {sanitizer} side by side",
            remedy="leave --earlier out",
        )
    return ()


def _say_known(here: Here, keystore: Keystore, voice: Voice) -> None:
    """Say how many attacked images stand in an earlier release that is not at hand."""
    ledger = Ledger(keystore, here.manifest.sanitizer.name)
    marks = ledger.marks(here.sample.originals)
    known = ledger.known(marks, except_release=here.manifest.release_id)
    if known.any():
        voice.notice(
            f"{int(known.sum())} of the attacked images stand in an earlier release, which is "
            "not at hand: name its folder by --earlier to attack both together"
        )


def _version(here: Here, folder: Path, keystore: Keystore, voice: Voice) -> NDArray[Any]:
    sample, release = here.sample, Release.open(folder, verify="quick")
    _refuse_foreign(release.manifest, here.manifest, folder)
    count = len(sample.numbers)
    wanted = dict(zip(here.rows.digests(sample.numbers), range(count), strict=True))
    places, values = _values(release, keystore, wanted)
    if not len(places):
        raise UsageError(
            f"{folder} holds none of the {count} attacked images",
            remedy="name releases of the same images",
        )
    voice.notice(f"{len(places)} of {count} attacked images stand in {folder}")
    version = sample.values.copy()
    version[places] = values
    return version


def _values(
    release: Release, keystore: Keystore, wanted: Mapping[bytes, int]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return places among the wanted images, and the values of these in a release."""
    plan = require_plan(keystore, release.manifest.release_id)
    places, values = [], []
    for one in written_of(release, plan):
        names = [digest.tobytes() for digest in one.rows().sha256]
        here = [row for row, name in enumerate(names) if name in wanted]
        places += [wanted[names[row]] for row in here]
        if here:
            values.append(np.asarray(release.columns(one.shard).values()[here]))
    if not places:
        return np.empty(0, np.int64), np.empty(0)
    return np.array(places, np.int64), np.concatenate(values)


def _refuse_foreign(earlier: Manifest, this: Manifest, folder: Path) -> None:
    if earlier.release_id == this.release_id:
        raise UsageError(f"{folder} is the release itself", remedy="name another release")
    facts = [(m.sanitizer.name, m.geometry, m.dtype) for m in (earlier, this)]
    if facts[0] != facts[1]:
        raise UsageError(
            f"{folder} is no release of the same kind, size and type",
            remedy=f"name one of {this.sanitizer.name}, made as this one",
        )
