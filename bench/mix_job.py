"""Mixing a folder of JPEGs: beside decoding alone, and beside the published program's shape.

The published program walks its folder again for every replaced block: it opens the donor's file,
decodes and resizes it, and copies one block. That shape is written here anew, with the same
decoder, filter and donors, and timed on a few images; ours decodes each image once.

`decode, mix, write` is the part of the job that both have. The whole job also measures SSIM, tags
every row, marks it for the ledger, searches the release and signs it; its figure stands beside.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.folders import jpeg_folder
from bench.harness import Figure, timed
from dpkit.engines import LocalEngine
from dpkit.engines.local import one_blas_thread
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.pipeline.gathering import gather
from dpkit.pipeline.prepare import begin
from dpkit.pipeline.publish import close
from dpkit.pipeline.request import Gates, ReleaseRequest
from dpkit.pipeline.shard import finish_shard, shard_header
from dpkit.pipeline.tile import decode_rows
from dpkit.readers.choice import ReadOptions
from dpkit.release.shards import write_shard
from dpkit.sanitizers.mix import Mix
from dpkit.types.plans import take
from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.pipeline.prepare import Run
    from dpkit.types import SanitizedBatch

IMAGES, HEIGHT, WIDTH, SIZE = 500, 375, 500, 192
CASES = {128: ((24, 12), 50), 256: ((12, 12), 100)}  # N_b: block, target
PUBLISHED_IMAGES = 4
ROUNDS = 5


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (every bench takes the folder)
    figures = []
    with tempfile.TemporaryDirectory() as scratch, one_blas_thread():
        here = Path(scratch)
        source = jpeg_folder(here / "images", IMAGES, HEIGHT, WIDTH)
        (here / "keys").mkdir()
        store = Keystore.create(here / "k.dpks", Unlock(key_file=here / "keys" / "key"))
        for count, (block, target) in CASES.items():
            job = _Job(source, here / f"{count} blocks", store)
            figures += _case(count, block, target, job)
    return figures


def _case(count: int, block: tuple[int, int], target: int, job: _Job) -> list[Figure]:
    one, three = (Mix(Lb=block[0], Wb=block[1], Nt=rounds) for rounds in (1, 3))
    opened = job.begin(one)
    published, decode, ours, thrice = job.rounds(opened, job.begin(three))
    published *= IMAGES / PUBLISHED_IMAGES
    whole = job.whole(opened)
    name = f"N_b {count}"
    return [
        Figure("mix-job", f"{name}: published shape / ours", _middle(published / ours), "times",
               target),
        Figure(
            "mix-job", f"{name}: decode alone / decode, mix, write", _middle(decode / ours),
            "of CPU", 0.90,
            detail=f"{IMAGES / _middle(ours):.0f} images/cpu-s; whole job {IMAGES / whole:.0f}",
        ),
        Figure(
            "mix-job", f"{name}: N_t = 3 / N_t = 1", _middle(thrice / ours), "of CPU", 1.15,
            is_upper_limit=True,
        ),
    ]  # fmt: skip


def _middle(of_rounds: NDArray[np.float64]) -> float:
    return float(np.median(of_rounds))


class _Job:
    """One folder of JPEGs in one keystore."""

    def __init__(self, source: Path, here: Path, store: Keystore) -> None:
        self._source, self._here, self._store = source, here, store
        self._shard = here.with_suffix(".h5")
        self._count = 0

    def begin(self, mix: Mix) -> Run:
        self._count += 1
        request = ReleaseRequest(
            source=self._source,
            out=self._here / f"release {self._count}",
            sanitizer=mix,
            read=ReadOptions(size=str(SIZE), fit="stretch"),
            gates=Gates(allow_remix=True),
        )
        return begin(request, self._store, Voice(), 1)

    def rounds(self, one: Run, three: Run) -> NDArray[np.float64]:
        """Return CPU seconds [4,rounds]: the published shape, decoding, and N_t of 1 and 3."""
        self._mix(one)  # compiles, fills the page cache
        self._shard.unlink()
        return np.transpose([self._round(one, three) for _ in range(ROUNDS)])

    def _round(self, one: Run, three: Run) -> list[float]:
        spent = [timed(lambda: self.published(one)), timed(lambda: self._decode(one))]
        for opened in (one, three):
            spent.append(timed(lambda: self._mix(opened)))  # noqa: B023 (called at once)
            self._shard.unlink()
        return spent

    def whole(self, opened: Run) -> float:
        """Return the CPU seconds from the first shard to the rename."""

        def work() -> None:
            finish_shard(opened, 0, LocalEngine(1), lambda _: None)
            close(opened, LocalEngine(1), Voice())

        return timed(work)

    def published(self, opened: Run) -> None:
        """Mix a few images as the published program does: a donor is read anew for each block."""
        rows, mix = opened.plan.rows_of(0), opened.sanitizer
        rng = np.random.default_rng(0)
        for target in range(PUBLISHED_IMAGES):
            image = decode_rows(opened, take(rows, slice(target, target + 1)))[0][0]
            pool = np.flatnonzero(rows.strata == rows.strata[target])
            donors = rng.choice(pool, mix.Ns, replace=False)
            for y in range(0, SIZE, mix.Lb):
                for x in range(0, SIZE, mix.Wb):
                    if rng.random() < mix.p_replace:
                        donor = take(rows, donors[rng.integers(mix.Ns, size=1)])
                        piece = decode_rows(opened, donor)[0][0]
                        here = slice(y, y + mix.Lb), slice(x, x + mix.Wb)
                        image[here] = piece[here]

    def _decode(self, opened: Run) -> None:
        rows = opened.plan.rows_of(0)
        step = opened.sanitizer.tile_images(opened.geometry)
        for start in range(0, len(rows), step):
            decode_rows(opened, take(rows, slice(start, start + step)))

    def _mix(self, opened: Run) -> None:
        planned, rows = opened.plan.shards[0], opened.plan.rows_of(0)
        gathered = gather(opened, planned, rows, LocalEngine(1), lambda _: None)
        step = opened.sanitizer.tile_images(opened.geometry)
        shape = opened.geometry.channels, opened.geometry.height, opened.geometry.width
        room = np.empty((step, *shape), opened.geometry.pixel_dtype)

        def mixed(start: int) -> SanitizedBatch:
            batch = gathered.batch(slice(start, start + step))
            return opened.sanitizer.apply(batch, opened.key, opened.geometry, room[: len(batch)])

        clean = (mixed(start) for start in range(0, len(rows), step))
        write_shard(self._shard, shard_header(opened, planned, rows), len(rows), clean)
