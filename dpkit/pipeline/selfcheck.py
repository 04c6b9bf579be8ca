"""Refuse to publish a release that holds something of the provider's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import DpkitError, UsageError
from dpkit.pipeline.tile import tag_secret
from dpkit.pipeline.vocabulary import is_our_own
from dpkit.release.haystack import Haystack
from dpkit.release.needles import Needles, stem_of
from dpkit.release.read import Release
from dpkit.release.selfcheck import search, unchanged_rows
from dpkit.sanitizers.base import REMOTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from dpkit.engines import LocalEngine
    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.rows import Finished
    from dpkit.release.manifest import Manifest
    from dpkit.release.needles import Kind
    from dpkit.release.selfcheck import Finding
    from dpkit.types import Key, Rows

WINDOW_BYTES: Final = 32
_FORMS: Final = {  # by kind of number: the other types in which an array could be written
    "f": (np.dtype(np.float32), np.dtype(np.float16)),
    "i": (np.dtype(np.int32), np.dtype(np.uint16)),
}
_WHOLE_ITEMS: Final = 8  # of a window, at least: whole numbers leave most of their bytes zero
WINDOWS: Final = 64  # of each secret array and type
LEAST_VALUES: Final = (
    12  # different bytes; counters such as 1, 1, 1, 1 stand in any column of labels
)


def check_release(
    run: Run, finished: Sequence[Finished], manifest: Manifest, engine: LocalEngine
) -> None:
    """Compare each row with its own original, and search every file for names and keys.

    A release in which a name or a key was found is thrown away: the same plan would put it
    there again.

    Raises
    ------
    DpkitError
        More rows equal their originals than the provider allowed, a row is none that the
        sanitizer makes, or a path, a stem or a part of the key stands in a file.
    """
    _check_rows(run, finished, manifest, engine)
    paths = tuple(path for one in finished for path in one.rows(run).paths)
    gives = bool(run.plan.settings.get("with_remote", False))
    windows = tuple(key_windows(run.key, without=REMOTE if gives else None))
    needles = Needles(paths, windows, _excepted(manifest, paths))
    found = search(run.output.partial, needles, engine.workers)
    if found:
        run.output.discard()
        raise DpkitError(
            f"the self-check found {_listed(found)}; nothing was published",
            remedy=_remedy({finding.kind for finding in found}),
        )


def refuse_names_in_kept(rows: Rows) -> None:
    """Refuse kept columns that hold a path or a stem, before anything is made for them.

    The same search stands at the end; this one only saves the work between.

    Raises
    ------
    UsageError
        With the column and one of the names.
    """
    if not rows.kept:
        return
    excepted = frozenset(filter(is_our_own, map(stem_of, rows.paths)))
    haystack = Haystack(Needles(rows.paths, (), excepted).spellings())
    for column, cells in rows.kept.items():
        text = "\n".join(cells).encode("utf-8", "surrogateescape")
        for start, stop, kind, _ in haystack.find(text, 0, len(text), payload=False):
            raise UsageError(
                f"the kept column {column!r} holds a file's {kind}: "
                f"{text[start:stop].decode('utf-8', 'replace')!r}",
                remedy="leave --keep-column out, or rename what it holds",
            )


def key_windows(key: Key, without: str | None = None) -> Iterator[bytes]:
    """Yield stretches of every secret array, in each type in which it could be written.

    Arrays whose names begin with `without` are left out.
    """
    yield key.seed.reveal()
    for name in key.names():
        array = key.array(name)
        if array.nbytes < WINDOW_BYTES or (without and name.startswith(without)):
            continue
        for dtype in {array.dtype, *_FORMS.get(array.dtype.kind, ())}:
            with np.errstate(over="ignore"):  # a condition number may exceed float16
                yield from _windows(array.astype(dtype, copy=False))


def _windows(array: NDArray[Any]) -> Iterator[bytes]:
    flat = array.reshape(-1)
    is_whole = array.dtype.kind == "i"
    items = max(WINDOW_BYTES // array.dtype.itemsize, _WHOLE_ITEMS if is_whole else 0)
    last = len(flat) - items
    if last < 0:
        return
    for start in np.unique(np.linspace(0, last, WINDOWS).astype(np.int64)):
        stretch = flat[start : start + items].tobytes()
        if len(set(stretch)) >= LEAST_VALUES:
            yield stretch


def _check_rows(
    run: Run, finished: Sequence[Finished], manifest: Manifest, engine: LocalEngine
) -> None:
    """Refuse rows unchanged, or never sanitized.

    Where ε is promised unchanged ones are chance, and a refusal would tell.
    """
    if run.sanitizer.guarantee(run.geometry) is not None:
        return
    secret, release = tag_secret(run), Release(run.output.partial, manifest)

    def counted(one: Finished) -> tuple[int, int]:
        if run.sanitizer.leaves_plain(one.shard.part):
            return 0, 0
        values = release.columns(one.shard).values()
        same = unchanged_rows(values, one.scores.tags, secret)
        return len(same), len(np.setdiff1d(run.sanitizer.foreign(values), same))

    counts = list(engine.map(counted, [one for one in finished if one.shard.rows]))
    same, foreign = (sum(column) for column in zip((0, 0), *counts, strict=True))
    if foreign:
        raise DpkitError(
            f"{foreign} released rows are none that {run.sanitizer.name} makes: they were not "
            "sanitized; nothing was published",
            remedy="this is a fault of dpkit: please report it",
        )
    allowed = run.gates.allow_unchanged
    if same > allowed:
        raise DpkitError(
            f"{same} released rows equal their original (allowed {allowed}); nothing was published",
            remedy=f"blank images stay blank: remove them, or say --allow-unchanged {same}",
        )


def _listed(found: Sequence[Finding]) -> str:
    """Say what was found where; the provider's own terminal may show a name, never a key."""
    kinds = Counter((finding.kind, finding.file) for finding in found)
    names = {(finding.kind, finding.file): finding.text for finding in reversed(found)}
    return ", ".join(
        f"a {kind} in {file} ({count}{_example(names[kind, file])})"
        for (kind, file), count in kinds.most_common(5)
    )


def _example(name: str) -> str:
    return f", such as {name!r}" if name else ""


def _remedy(kinds: AbstractSet[Kind]) -> str:
    """Say what helps; a run of zeros with a single 1, morphed, is a row of the core itself."""
    if kinds == {"key"}:
        return "images nearly all black can show rows of the core: give --normalize imagenet"
    return "rename classes, columns or files so that no file name is published"


def _excepted(manifest: Manifest, paths: Iterable[str]) -> frozenset[str]:
    """Return what may stand in the release: class names, its own day and size, our own words."""
    shape = manifest.geometry
    size = f"{shape.height}x{shape.width}"
    public = {manifest.created, size, f"{shape.channels}x{size}"}
    public.update(entry.name for entry in manifest.classes)
    return frozenset(public.union(filter(is_our_own, map(stem_of, paths))))
