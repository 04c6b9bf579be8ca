"""Write one shard: a pure function of plan, key and shard number.

Tiles are computed by the engine's threads into one buffer and stream, in order, into the file.
A row that cannot be read leaves its shard; the file is then written again from the tiles,
which still hold the rows that are left. A shard that no row is left of has no file. A sanitizer
that mixes gets the whole shard decoded first, so nobody leaves it once tiles are made.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.engines.local import blas_core
from dpkit.errors import DpkitError
from dpkit.pipeline.gathering import gather
from dpkit.pipeline.remix import refuse_known
from dpkit.pipeline.scores import ShardScores
from dpkit.pipeline.tile import Tile, decode_tile, make_tile, tag_secret
from dpkit.release.manifest_entries import Shard
from dpkit.release.shards import ShardHeader, write_shard
from dpkit.release.tree import sha256_of
from dpkit.types.plans import take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from dpkit.engines import LocalEngine
    from dpkit.pipeline.prepare import Run
    from dpkit.types import PlannedRows, PlannedShard, SanitizedBatch


def finish_shard(run: Run, number: int, engine: LocalEngine, seen: Callable[[int], None]) -> Shard:
    """Return shard `number`, writing it unless its digest stands in the journal.

    `seen` is told how many rows are done, tile by tile.
    """
    plan_object = run.plan.sealed.object_id
    with run.state.lock_shard(number):
        done = run.state.finished(number, plan_object)
        if done is not None and _still_there(run, done):
            seen(done.rows)
            return done
        shard, scores = _write(run, number, engine, seen)
        scores.save(run.state.scores(number))
        run.state.enter(number, shard, plan_object)
        return shard


def check_blas(run: Run) -> None:
    """Refuse to write float shards with another BLAS core than the plan's.

    Raises
    ------
    DpkitError
        The last bits of the values would differ from those of the other shards.
    """
    planned, here = str(run.plan.settings["blas"]), blas_core()
    if planned != here:
        raise DpkitError(
            f"this machine computes with {here}, the plan was made for {planned}: shards would "
            "differ in their last bits",
            remedy="run on the same kind of machine, or say --any-blas",
        )


def shard_header(run: Run, planned: PlannedShard, rows: PlannedRows) -> ShardHeader:
    """Return what a shard says of itself."""
    return ShardHeader(
        release_id=run.plan.release_id,
        part=planned.part,
        sanitizer=run.sanitizer.name,
        dtype=run.sanitizer.values_dtype(run.geometry).name,
        image_shape=_row_shape(run),
        target_dtype=rows.targets.dtype.name,
        target_shape=rows.targets.shape[1:],
    )


def _write(
    run: Run, number: int, engine: LocalEngine, seen: Callable[[int], None]
) -> tuple[Shard, ShardScores]:
    if run.sanitizer.least_company:
        return _write_mixed(run, number, engine, seen)
    planned = run.plan.shards[number]
    rows = run.plan.rows_of(number)
    header = shard_header(run, planned, rows)
    path = run.output.partial / planned.file
    tiles: list[Tile] = []
    written = None
    secret = tag_secret(run)

    def work(span: slice, out: NDArray[Any]) -> Tile:
        return decode_tile(run, take(rows, span), secret, out)

    with suppress(_RowsLeftError):
        made = _make_tiles(run, len(rows), len(rows), work, engine)
        written = write_shard(path, header, len(rows), _batches(made, tiles, seen))
    if written is None:  # some row could not be read
        left = sum(int(tile.good.sum()) for tile in tiles)
        rest = (tile.batch.take(tile.good) for tile in tiles)
        nothing = Shard(planned.file, planned.part, 0, 0, "")
        written = write_shard(path, header, left, rest) if left else nothing
    return written, ShardScores.gather(tiles)


def _write_mixed(
    run: Run, number: int, engine: LocalEngine, seen: Callable[[int], None]
) -> tuple[Shard, ShardScores]:
    """Decode the whole shard first: every image may be another's donor."""
    planned, rows = run.plan.shards[number], run.plan.rows_of(number)
    gathered = gather(run, planned, rows, engine, seen)
    refuse_known(run, gathered)
    header = shard_header(run, planned, rows)
    secret = tag_secret(run)
    tiles: list[Tile] = []

    def work(span: slice, out: NDArray[Any]) -> Tile:
        return make_tile(run, gathered.batch(span), secret, out, {})

    left = len(gathered.rows)
    if not left:
        nothing = Shard(planned.file, planned.part, 0, 0, "")
        return nothing, ShardScores.of_nobody(gathered.good, gathered.bad, _row_shape(run)[0])
    room = engine.in_flight * run.sanitizer.tile_images(run.geometry)  # nobody leaves any more
    made = _make_tiles(run, left, min(left, room), work, engine)
    batches = _batches(made, tiles, lambda _rows: None)  # they were counted when decoded
    written = write_shard(run.output.partial / planned.file, header, left, batches)
    scores = ShardScores.gather(tiles)
    return written, replace(scores, good=gathered.good, bad=gathered.bad, marks=gathered.marks)


class _RowsLeftError(Exception):
    """Rows of this shard could not be read: the streamed file has the wrong length."""


def _make_tiles(
    run: Run, rows: int, room: int, work: Callable[[slice, NDArray[Any]], Tile], engine: LocalEngine
) -> Iterator[Tile]:
    """Yield the tiles of a shard in order; `work` makes the rows of a slice, into its array.

    There is room for so many rows; where these are not all, a tile lies where an earlier one did
    that was asked for, and left, before it was begun.
    """
    dtype = run.sanitizer.values_dtype(run.geometry)
    values: NDArray[Any] = np.empty((room, *_row_shape(run)), dtype)
    step = run.sanitizer.tile_images(run.geometry)

    def tile_at(start: int) -> Tile:
        stop, place = min(start + step, rows), start % room
        return work(slice(start, stop), values[place : place + stop - start])

    return engine.map(tile_at, range(0, rows, step))


def _batches(
    made: Iterable[Tile], tiles: list[Tile], seen: Callable[[int], None]
) -> Iterator[SanitizedBatch]:
    """Yield the tiles' batches, keep every tile; give up after the last if rows left."""
    complete = True
    for tile in made:
        tiles.append(tile)
        seen(len(tile.good))
        complete = complete and not tile.bad
        if complete:
            yield tile.batch
    if not complete:
        raise _RowsLeftError


def _row_shape(run: Run) -> tuple[int, int, int]:
    return run.sanitizer.values_shape(run.geometry)


def _still_there(run: Run, shard: Shard) -> bool:
    path = run.output.partial / shard.file
    return shard.rows == 0 or (path.exists() and sha256_of(path) == shard.sha256)
