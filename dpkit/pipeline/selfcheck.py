"""Refuse to publish a release that holds something of the provider's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import DpkitError
from dpkit.pipeline.tile import tag_secret
from dpkit.release.needles import Needles
from dpkit.release.read import Release
from dpkit.release.selfcheck import search, unchanged_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dpkit.engines import LocalEngine
    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.rows import Finished
    from dpkit.release.manifest import Manifest
    from dpkit.types import Key

WINDOW_BYTES: Final = 32
WINDOWS: Final = 64  # of each secret array and type


def check_release(
    run: Run, finished: Sequence[Finished], manifest: Manifest, engine: LocalEngine
) -> None:
    """Compare each row with its own original, and search every file for names and keys.

    A release in which a name or a key was found is thrown away: the same plan would put it
    there again.

    Raises
    ------
    DpkitError
        More rows equal their originals than the provider allowed, or a path, a stem or a part
        of the key stands in a file.
    """
    _check_rows(run, finished, manifest, engine)
    paths = tuple(path for one in finished for path in one.rows(run).paths)
    needles = Needles(paths, tuple(key_windows(run.key)), _excepted(manifest))
    found = search(run.output.partial, needles, engine.workers)
    if found:
        run.output.discard()
        kinds = Counter(f"a {finding.kind} in {finding.file}" for finding in found)
        listed = ", ".join(f"{what} ({count})" for what, count in kinds.most_common(5))
        raise DpkitError(
            f"the self-check found {listed}; nothing was published",
            remedy="rename classes, columns or files so that no file name is published",
        )


def key_windows(key: Key) -> Iterator[bytes]:
    """Yield stretches of every secret array, in each type in which it could be written."""
    yield key.seed.reveal()
    for name in key.names():
        array = key.array(name)
        if array.nbytes < WINDOW_BYTES:
            continue
        for dtype in {array.dtype, np.dtype(np.float32), np.dtype(np.float16)}:
            yield from _windows(array.astype(dtype, copy=False))


def _windows(array: NDArray[Any]) -> Iterator[bytes]:
    flat = array.reshape(-1)
    items = WINDOW_BYTES // array.dtype.itemsize
    last = len(flat) - items
    if last < 0:
        return
    for start in np.unique(np.linspace(0, last, WINDOWS).astype(np.int64)):
        yield flat[start : start + items].tobytes()


def _check_rows(
    run: Run, finished: Sequence[Finished], manifest: Manifest, engine: LocalEngine
) -> None:
    secret, release = tag_secret(run), Release(run.output.partial, manifest)

    def unchanged(one: Finished) -> int:
        values = release.columns(one.shard).values()
        return len(unchanged_rows(values, one.scores.tags, secret))

    same = sum(engine.map(unchanged, [one for one in finished if one.shard.rows]))
    allowed = run.gates.allow_unchanged
    if same > allowed:
        raise DpkitError(
            f"{same} released rows equal their original (allowed {allowed}); nothing was published",
            remedy=f"blank images stay blank: remove them, or say --allow-unchanged {same}",
        )


def _excepted(manifest: Manifest) -> frozenset[str]:
    return frozenset(entry.name for entry in manifest.classes)
