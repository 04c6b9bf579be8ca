"""scan → plan → shards → audit → publish: the one room that knows all stages.

    make_release     all of it in one process
    prepare          seal key and plan, for
    write_part       workers that each write some of the shards, and
    publish          which closes the release

Each goes on where an interrupted one stopped: key and plan are sealed, finished shards stand
in the journal, and everything else follows from them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dpkit.engines import LocalEngine
from dpkit.errors import UsageError
from dpkit.pipeline.prepare import begin, refuse_places, resume
from dpkit.pipeline.publish import close
from dpkit.pipeline.published import Published
from dpkit.pipeline.request import Gates, ReleaseRequest, refuse_figures
from dpkit.pipeline.shard import check_blas, finish_shard
from dpkit.pipeline.state import Output
from dpkit.sanitizers.base import promises_privacy
from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dpkit.keystore.store import Keystore
    from dpkit.pipeline.prepare import Run

__all__ = [
    "Gates",
    "Published",
    "ReleaseRequest",
    "Voice",
    "make_release",
    "prepare",
    "publish",
    "refuse_places",
    "write_part",
]


def make_release(
    request: ReleaseRequest,
    keystore: Keystore,
    voice: Voice | None = None,
    workers: int | None = None,
    *,
    any_blas: bool = False,
) -> Published:
    """Turn a folder of images into a published release.

    Parameters
    ----------
    workers
        Threads; None takes one a core.
    any_blas
        Go on with a run that another BLAS core began, whose last bits may differ.

    Raises
    ------
    DpkitError
        Nothing was published; the same request goes on from the finished shards.
    """
    voice, engine = voice or Voice(), LocalEngine(workers)
    with Output(request.out).lock():
        run = begin(request, keystore, voice, engine.workers)
        if not any_blas:
            check_blas(run)
        _write_shards(run, range(len(run.plan.shards)), engine, voice)
        return close(run, engine, voice)


def prepare(
    request: ReleaseRequest,
    keystore: Keystore,
    voice: Voice | None = None,
    workers: int | None = None,
) -> int:
    """Seal key and plan, and return the number of shards that are to be written."""
    voice = voice or Voice()
    with Output(request.out).lock():
        run = begin(request, keystore, voice, LocalEngine(workers).workers)
    return len(run.plan.shards)


def write_part(
    request: ReleaseRequest,
    keystore: Keystore,
    part: tuple[int, int],
    voice: Voice | None = None,
    workers: int | None = None,
    *,
    any_blas: bool = False,
) -> None:
    """Write the shards k of a prepared release with k % n == i, for part (i, n).

    Raises
    ------
    UsageError
        The release was not prepared, or by another request.
    """
    with Output(request.out).lock(shared=True):
        record = Output(request.out).record()
        if record is not None and record.request != request.digest():
            raise UsageError(
                f"{request.out} was prepared with other options",
                remedy="give the options of `dpkit prepare` word for word",
            )
        run = resume(request.out, keystore)
        if not any_blas:
            check_blas(run)
        index, of = part
        numbers = range(index, len(run.plan.shards), of)
        _write_shards(run, numbers, LocalEngine(workers), voice or Voice())


def publish(
    out: Path,
    keystore: Keystore,
    voice: Voice | None = None,
    *,
    max_bad: float | None = None,
    allow_unchanged: int | None = None,
    allow_remix: bool = False,
    require: str | None = None,
) -> Published:
    """Close a release whose shards are all written.

    Parameters
    ----------
    max_bad, allow_unchanged, allow_remix, require
        Other limits than those that `prepare` was given.

    Raises
    ------
    UsageError
        A shard is missing: which, and the part that writes it. Or a limit on figures of
        originals is given to a release that promises differential privacy.
    """
    with Output(out).lock():
        run = resume(out, keystore)
        if promises_privacy(run.sanitizer):
            refuse_figures(run.sanitizer, require, allow_unchanged)
        gates = Gates(
            run.gates.max_bad if max_bad is None else max_bad,
            run.gates.allow_unchanged if allow_unchanged is None else allow_unchanged,
            run.gates.allow_remix or allow_remix,
            run.gates.require if require is None else require,
            run.gates.max_epsilon,
        )
        return close(replace(run, gates=gates), LocalEngine(), voice or Voice())


def _write_shards(run: Run, numbers: Iterable[int], engine: LocalEngine, voice: Voice) -> None:
    planned = [(number, run.plan.shards[number]) for number in numbers]
    total = sum(shard.stop - shard.start for _, shard in planned)
    done = 0

    def seen(rows: int) -> None:
        nonlocal done
        done += rows
        voice.progress("sanitizing", done, total)

    for number, _ in planned:
        finish_shard(run, number, engine, seen)
