"""The whole job beside the sum of its stages, and two workers beside one.

A stage is timed by calling its own function over the same images. What the job costs beyond
that sum is the house's own overhead: threads, plan, sealing, journal, renames.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.folders import jpeg_folder
from bench.harness import Figure, cpu_seconds
from dpkit.engines import LocalEngine
from dpkit.engines.local import one_blas_thread
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.leakage.metrics import score
from dpkit.pipeline.evidence import gather_evidence
from dpkit.pipeline.prepare import begin
from dpkit.pipeline.publish import close, finished_shards, manifest_of
from dpkit.pipeline.request import ReleaseRequest
from dpkit.pipeline.selfcheck import check_release
from dpkit.pipeline.shard import finish_shard, shard_header
from dpkit.pipeline.signing import signing_key
from dpkit.pipeline.tile import channel_sums, decode_rows, row_tags, tag_secret
from dpkit.readers.choice import ReadOptions
from dpkit.readers.scan import ScanOptions, scan
from dpkit.release.shards import write_shard
from dpkit.release.verify import verify
from dpkit.sanitizers import SANITIZERS
from dpkit.types import ImageBatch
from dpkit.types.plans import take
from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from dpkit.pipeline.prepare import Run
    from dpkit.types import PlannedRows, SanitizedBatch

JOBS = {  # images, height, width, size, kappa
    "500x375 to 224x224, kappa 1536": (1500, 375, 500, 224, 1536),
    "256x256 to 128x128, kappa 64": (4000, 256, 256, 128, 64),
}
ROUNDS = 2


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (every bench takes the folder)
    figures = []
    for name, (images, height, width, size, kappa) in JOBS.items():
        with tempfile.TemporaryDirectory() as scratch:
            here = Path(scratch)
            source = jpeg_folder(here / "images", images, height, width)
            (here / "keys").mkdir()
            store = Keystore.create(here / "k.dpks", Unlock(key_file=here / "keys" / "key"))
            figures += _figures(name, _Job(source, here, store, size, kappa))
    return figures


def _figures(name: str, job: _Job) -> list[Figure]:
    job.whole(workers=1)  # compiles, fills the page cache
    rounds = [(job.whole(workers=1), job.stages(), job.whole(workers=2)) for _ in range(ROUNDS)]
    ratios = [sum(stages.values()) / one[0] for one, stages, _ in rounds]
    best = int(np.argsort(ratios)[len(ratios) // 2])
    one, stages, two = rounds[best]
    share = ", ".join(f"{stage} {1e3 * s / job.images:.2f}" for stage, s in stages.items())
    busy = [b[0] / b[1] for _, _, b in rounds]
    return [
        Figure(
            "pipeline", f"{name}: stage sum / job", ratios[best], "of CPU", target=0.90,
            detail=f"{job.images / one[0]:.0f} images/cpu-s; ms/image: {share}",
        ),
        Figure(
            "pipeline", f"{name}: 2 workers' CPU / wall", float(np.median(busy)), "cores",
            detail=f"wall {one[1]:.1f} s with one worker, {two[1]:.1f} s with two",
        ),
    ]  # fmt: skip


class _Job:
    """One folder, one key: run whole, or stage by stage."""

    def __init__(self, source: Path, here: Path, store: Keystore, size: int, kappa: int) -> None:
        self._source, self._here, self._store = source, here, store
        self._sanitizer = SANITIZERS["morph"](kappa=kappa)
        self._size = size
        self._count = 0
        self.images = sum(1 for _ in source.rglob("*.jpg"))

    def whole(self, workers: int) -> tuple[float, float]:
        """Return CPU and wall seconds from scan to rename."""
        started, cpu = time.perf_counter(), cpu_seconds()
        engine = LocalEngine(workers)
        opened = self._begin(engine)
        for number in range(len(opened.plan.shards)):
            finish_shard(opened, number, engine, lambda _: None)
        close(opened, engine, Voice())
        spent = cpu_seconds() - cpu, time.perf_counter() - started
        shutil.rmtree(opened.output.out)  # so that rounds do not fill the page cache
        return spent

    def stages(self) -> dict[str, float]:
        """Return the CPU seconds of each stage, one after the other on one thread."""
        opened = self._begin(LocalEngine(1))
        clock = _Clock()
        with one_blas_thread():
            scan(self._source, ScanOptions())
            clock.lap("scan")
            opened.sanitizer.fit(opened.geometry, opened.key.seed)
            clock.lap("key")
            for number in range(len(opened.plan.shards)):
                self._shard(opened, number, clock)
            for number in range(len(opened.plan.shards)):
                finish_shard(opened, number, LocalEngine(1), lambda _: None)
            self._closing(opened, clock)
        return clock.laps

    def _begin(self, engine: LocalEngine) -> Run:
        self._count += 1
        request = ReleaseRequest(
            source=self._source,
            out=self._here / f"release {self._count}",
            sanitizer=self._sanitizer,
            read=ReadOptions(size=str(self._size)),
            shard_mb=64,
        )
        return begin(request, self._store, Voice(), engine.workers)

    def _shard(self, opened: Run, number: int, clock: _Clock) -> None:
        rows, secret = opened.plan.rows_of(number), tag_secret(opened)
        header = shard_header(opened, opened.plan.shards[number], rows)
        values: Any = np.empty((len(rows), *header.image_shape), header.dtype)
        step = opened.sanitizer.tile_images(opened.geometry)
        batches: list[SanitizedBatch] = []
        clock.start()
        for start in range(0, len(rows), step):
            span = slice(start, start + step)
            batches.append(self._tile(opened, take(rows, span), values[span], secret, clock))
        path = self._here / "stage.h5"
        write_shard(path, header, len(rows), batches)
        path.unlink()
        clock.lap("write")

    def _tile(
        self, opened: Run, rows: PlannedRows, out: Any, secret: Any, clock: _Clock
    ) -> SanitizedBatch:
        pixels, _ = decode_rows(opened, rows)
        clock.lap("decode, resize")
        batch = ImageBatch(pixels, rows.targets, rows.ids, rows.groups)
        clean = opened.sanitizer.apply(batch, opened.key, opened.geometry, out)
        clock.lap("morph")
        score(pixels, clean.values, opened.geometry.peak)
        clock.lap("SSIM")
        row_tags(opened, pixels, secret)
        channel_sums(clean.values)
        clock.lap("tags, sums")
        return clean

    def _closing(self, opened: Run, clock: _Clock) -> None:
        finished = finished_shards(opened)
        manifest = manifest_of(opened, finished, signing_key(self._store))
        clock.start()
        gather_evidence(opened, finished, manifest, [], LocalEngine(1))
        clock.lap("reports")
        check_release(opened, finished, manifest, LocalEngine(1))
        clock.lap("self-check")
        close(opened, LocalEngine(1), Voice())
        clock.start()
        verify(opened.output.out)
        clock.lap("verify")
        shutil.rmtree(opened.output.out)


class _Clock:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        """Forget what went before."""
        self._since = cpu_seconds()

    def lap(self, stage: str) -> None:
        """Add what went since the last lap to a stage."""
        now = cpu_seconds()
        self.laps[stage] = self.laps.get(stage, 0.0) + now - self._since
        self._since = now
