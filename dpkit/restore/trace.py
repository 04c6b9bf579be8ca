"""Which mixed images hold a piece of one original: for somebody who withdraws consent.

Donors come from the image's own shard, and every choice follows from the sealed key and plan and
from who is in that shard; nothing about it was written down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dpkit.errors import UsageError
from dpkit.keystore.keys import open_key
from dpkit.keystore.plans import require_plan
from dpkit.plan.company import company_of
from dpkit.release.read import Release
from dpkit.sanitizers import sanitizer_of
from dpkit.sanitizers.mix import Mix

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.keystore.plans import SealedPlan
    from dpkit.keystore.store import Keystore
    from dpkit.release.manifest_entries import Shard


@dataclass(frozen=True, slots=True)
class Piece:
    """A released image that holds blocks of the traced original.

    `blocks` are their numbers in raster order from 0, of `of`; `row` counts within `shard`.
    """

    id: str
    file: str
    part: str
    shard: str
    row: int
    blocks: tuple[int, ...]
    of: int


def trace(path: Path, image: str, keystore: Keystore) -> tuple[Piece, ...]:
    """Return every image of a mixed release that holds a piece of the original `image`.

    Its own mixed version comes first, with the blocks that stayed in place, if any did.

    Parameters
    ----------
    image
        Its file, relative to the source, or its published id.

    Raises
    ------
    UsageError
        The release is not a mixed one, or holds no such image.
    UnlockError
        The keystore holds no key of this release.
    """
    release = Release.open(path, verify="quick")
    entry = release.manifest.sanitizer
    if entry.name != Mix.name:
        raise UsageError(
            f"release {release.manifest.release_id} was made by {entry.name}: no image holds "
            "pieces of another",
            remedy="`dpkit lookup` finds the image itself",
        )
    plan = require_plan(keystore, release.manifest.release_id)
    shard, number, row = _find(release, plan, image)
    sources = _sources(release, plan, keystore, shard, number)
    sources[sources == -1] = np.nonzero(sources == -1)[0]
    rows = plan.rows_of(number)
    released = _released(release, plan, shard, number)
    holders = np.flatnonzero((sources == row).any(axis=1))
    return tuple(
        Piece(
            rows.ids[released[holder]].decode(),
            rows.paths[released[holder]],
            shard.part,
            shard.file,
            int(holder),
            tuple(np.flatnonzero(sources[holder] == row).tolist()),
            sources.shape[1],
        )
        for holder in sorted(holders, key=lambda holder: (holder != row, holder))
    )


def _find(release: Release, plan: SealedPlan, image: str) -> tuple[Shard, int, int]:
    """Return the shard of an image, its number in the plan, and the image's row in its file."""
    numbers = {shard.file: number for number, shard in enumerate(plan.shards)}
    for shard in release.shards():
        number = numbers[shard.file]
        rows = plan.rows_of(number)
        for row, planned in enumerate(_released(release, plan, shard, number)):
            if image in (rows.paths[planned], rows.ids[planned].decode()):
                return shard, number, row
    raise UsageError(
        f"release {release.manifest.release_id} holds no image {image!r}",
        remedy="name it as it stands below the source, such as cat/0001.jpg",
    )


def _released(release: Release, plan: SealedPlan, shard: Shard, number: int) -> NDArray[np.int64]:
    """Return the planned row of each released one: those that were left out are missing."""
    place = {name: row for row, name in enumerate(plan.rows_of(number).ids.tolist())}
    return np.array([place[name] for name in release.columns(shard).ids.tolist()], np.int64)


def _sources(
    release: Release, plan: SealedPlan, keystore: Keystore, shard: Shard, number: int
) -> NDArray[np.int64]:
    entry, geometry = release.manifest.sanitizer, release.manifest.geometry
    sanitizer = sanitizer_of(entry.name, entry.parameters)
    if not isinstance(sanitizer, Mix) or sanitizer.leaves_plain(shard.part):
        return np.full((shard.rows, 1), -1, np.int64)
    key = open_key(keystore.get(plan.key_id, "key"))
    left = _released(release, plan, shard, number)
    company = company_of(plan.shards[number], plan.rows_of(number), left)
    return sanitizer.sources(company, np.arange(len(left)), key, geometry)
