"""The provider's way back: from a release and its keystore to originals and names.

Restored are the pixels that were sanitized: after orientation, colour, depth and size rules,
as PNG, under the names that the sealed plan holds. Two originals that differ in their suffix
alone (`a.jpg`, `a.png`) keep it: `a.jpg.png`, `a.png.png`.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from dpkit.errors import DpkitError, IntegrityError, UsageError
from dpkit.keystore.keys import open_key
from dpkit.keystore.plans import SealedPlan, require_plan
from dpkit.png import encode_png
from dpkit.release.read import Release
from dpkit.release.tree import sha256_of
from dpkit.sanitizers import sanitizer_of
from dpkit.types.voice import unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.keystore.store import Keystore
    from dpkit.release.manifest_entries import Shard
    from dpkit.types.voice import Progress

_ROWS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Match:
    """One image of a release under all its names; `row` counts within `shard`."""

    id: str
    file: str
    group: str
    group_name: str
    part: str
    shard: str
    row: int


def restore(
    path: Path,
    out: Path,
    keystore: Keystore,
    *,
    ids: frozenset[str] | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the originals of a release into the new folder `out`; return how many.

    Parameters
    ----------
    ids
        Only these published ids; None restores all.

    Raises
    ------
    UsageError
        `out` exists, or an id is not of this release.
    UnlockError
        The keystore holds no key of this release.
    IntegrityError
        The release is not what was signed.
    """
    if out.exists():
        raise UsageError(f"the output {out} exists", remedy="name another with --out")
    release = Release.open(path, verify="quick")
    plan = require_plan(keystore, release.manifest.release_id)
    matches = list(_matches(release, plan))
    if ids is not None:
        _refuse_unknown(ids, matches)
    wanted = [match for match in matches if ids is None or match.id in ids]
    job = _Job(release, plan, keystore, wanted, restored_names([m.file for m in matches]))
    _write_aside(job, out, progress or unseen)
    return len(wanted)


def lookup(
    path: Path,
    keystore: Keystore,
    *,
    id: str = "",  # noqa: A002 (the word of the index and of the command)
    file: str = "",
    group: str = "",
) -> tuple[Match, ...]:
    """Return the images with this published id, original file, or group (either name).

    Raises
    ------
    UsageError
        None has it.
    """
    release = Release.open(path, verify="quick")
    found = tuple(
        match
        for match in _matches(release, require_plan(keystore, release.manifest.release_id))
        if (id and match.id == id)
        or (file and match.file == file)
        or (group and group in (match.group, match.group_name))
    )
    if not found:
        sought = id or file or group
        raise UsageError(f"no image of release {release.manifest.release_id} has {sought!r}")
    return found


def restored_names(files: list[str]) -> dict[str, str]:
    """Return the PNG name of each original: its own stem, or its whole name where these meet.

    `a.jpg`, `a.png` and `a.jpg.png` are all called by their whole names.
    """
    names = {file: f"{PurePosixPath(file).with_suffix('')}.png" for file in files}
    taken = Counter(names.values()) + Counter(f"{file}.png" for file in files)
    return {
        file: name if taken[name] == (2 if name == f"{file}.png" else 1) else f"{file}.png"
        for file, name in names.items()
    }


def _matches(release: Release, plan: SealedPlan) -> Iterator[Match]:
    """Yield the released rows, in their order."""
    numbers = {shard.file: number for number, shard in enumerate(plan.shards)}
    for shard in release.shards():
        rows = plan.rows_of(numbers[shard.file])
        place = {name: row for row, name in enumerate(rows.ids.tolist())}
        for row, name in enumerate(release.columns(shard).ids.tolist()):
            i = place[name]
            yield Match(
                name.decode(),
                rows.paths[i],
                rows.groups[i].decode(),
                rows.group_names[i],
                shard.part,
                shard.file,
                row,
            )


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be restored, from where, under which names."""

    release: Release
    plan: SealedPlan
    keystore: Keystore
    wanted: list[Match]
    names: dict[str, str]

    def write(self, folder: Path, progress: Progress) -> None:
        entry = self.release.manifest.sanitizer
        sanitizer = sanitizer_of(entry.name, entry.parameters)
        key = open_key(self.keystore.get(self.plan.key_id, "key"))
        done = 0
        for some, values in self._batches():
            pixels = sanitizer.restore(values, key, self.release.manifest.geometry)
            for match, image in zip(some, pixels, strict=True):
                _write_png(folder, self.names[match.file], image)
            done += len(some)
            progress("restoring", done, len(self.wanted))

    def _batches(self) -> Iterator[tuple[list[Match], NDArray[np.generic]]]:
        for shard in self.release.shards():
            here = [match for match in self.wanted if match.shard == shard.file]
            if not here:
                continue
            values = _values(self.release, shard)
            for start in range(0, len(here), _ROWS_AT_ONCE):
                some = here[start : start + _ROWS_AT_ONCE]
                yield some, np.ascontiguousarray(values[[match.row for match in some]])


def _write_aside(job: _Job, out: Path, progress: Progress) -> None:
    """Write into a new folder beside `out`, and rename it; what failed leaves nothing behind."""
    partial = out.with_name(f"{out.name}.partial")
    try:
        partial.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        raise UsageError(
            f"{partial} exists",
            remedy="delete it if an interrupted restoration left it, or name another with --out",
        ) from None
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        job.write(partial, progress)
        partial.rename(out)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unwritable(out: Path, error: OSError) -> DpkitError:
    return DpkitError(f"cannot write to {out}: {error.strerror}", remedy="name another with --out")


def _values(release: Release, shard: Shard) -> NDArray[np.generic]:
    if sha256_of(release.path / shard.file) != shard.sha256:
        raise IntegrityError(f"{shard.file}: its digest is not the signed one")
    return release.columns(shard).values()


def _write_png(folder: Path, name: str, pixels: NDArray[np.generic]) -> None:
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise IntegrityError(f"the plan names {name!r}, which lies outside of the output")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(encode_png(pixels))


def _refuse_unknown(ids: frozenset[str], matches: list[Match]) -> None:
    unknown = sorted(ids - {match.id for match in matches})
    if unknown:
        raise UsageError(
            f"{len(unknown)} of {len(ids)} ids are not of this release, first {unknown[0]!r}",
            remedy="ids stand in data/index.csv",
        )
