"""Block mixing against np.copyto of the same bytes, the limit of whatever moves pixels.

1,024 originals, each the target once, 10 donors, p = 0.5. Planes one after another are what a
release holds; the lines "innermost" are the same kernel on [m,h,w,c], for comparison.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (in the signature every bench shares)
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.harness import Figure, speed_ratio
from dpkit.kernels.donors import choose_sources, draw_donors
from dpkit.kernels.mix import mix_blocks
from dpkit.rng import Stream, derive, next_words
from dpkit.types import Secret

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGES, DONORS, CHANNELS = 1024, 10, 3
HALF = np.uint64(2**31)
# size, block length, block width, share of np.copyto's speed
CASES = ((192, 24, 12, 0.35), (192, 12, 12, 0.35), (256, 16, 32, 0.50))


def run(_folder: Path) -> list[Figure]:
    jobs = [(_Job(*case), target) for *case, target in CASES]
    return (
        [_against_copy(job, target) for job, target in jobs]
        + [_innermost(job) for job, _ in jobs]
        + [_three_rounds(job) for job, _ in jobs]
    )


class _Job:
    """Random originals of one label, each in a group of its own, and the draws that mix them."""

    def __init__(self, size: int, length: int, width: int) -> None:
        self.size, self.length, self.width = size, length, width
        self.blocks = -(-size // length) * -(-size // width)
        shape = (IMAGES, CHANNELS, size, size)
        self.originals = np.random.default_rng(size).integers(0, 256, shape, dtype=np.uint8)
        self.rows = np.arange(IMAGES)
        self.secret = derive(Secret(bytes(32)), "bench")
        self.sources = np.empty((IMAGES, self.blocks), np.int64)
        self.donors = np.empty((IMAGES, DONORS), np.int64)
        self.draw(1)

    @property
    def case(self) -> str:
        return f"{self.size}x{self.size}x3, {self.length}x{self.width} (N_b {self.blocks})"

    def draw(self, rounds: int) -> None:
        """Fill `sources` as the sanitizer does: one stream an image, donors before choices."""
        streams = [Stream(self.secret, row) for row in range(IMAGES)]
        words = next_words(streams, DONORS)
        draw_donors(words, self.rows, self.rows, self.rows, self.donors)
        hits = next_words(streams, rounds * self.blocks)
        shape = (IMAGES, rounds, self.blocks)
        choose_sources(hits.reshape(shape), self.donors, HALF, self.sources)

    def mix(self, out: NDArray[Any]) -> None:
        mix_blocks(self.originals, self.rows, self.sources, self.length, self.width, out)


def _against_copy(job: _Job, target: float) -> Figure:
    out = np.empty_like(job.originals)
    ratio, copy, ours = speed_ratio(lambda: np.copyto(out, job.originals), lambda: job.mix(out))
    return Figure(
        "mix", f"{job.case} / np.copyto", ratio, "of limit", target, detail=_speeds(out, copy, ours)
    )


def _innermost(job: _Job) -> Figure:
    originals = np.ascontiguousarray(job.originals.transpose(0, 2, 3, 1))
    plane = originals.reshape(IMAGES, 1, job.size, job.size * CHANNELS)
    out, width = np.empty_like(plane), job.width * CHANNELS
    ratio, copy, ours = speed_ratio(
        lambda: np.copyto(out, plane),
        lambda: mix_blocks(plane, job.rows, job.sources, job.length, width, out),
    )
    detail = _speeds(out, copy, ours)
    return Figure("mix", f"{job.case}, innermost / np.copyto", ratio, "of limit", detail=detail)


def _three_rounds(job: _Job) -> Figure:
    out = np.empty_like(job.originals)

    def mixed(rounds: int) -> None:
        job.draw(rounds)
        job.mix(out)

    ratio, three, one = speed_ratio(lambda: mixed(3), lambda: mixed(1))
    detail = f"{IMAGES / three:.0f} against {IMAGES / one:.0f} images/cpu-s, draws included"
    case = f"{job.case}, N_t 3 / N_t 1"
    return Figure("mix", case, ratio, "times cost", 1.15, is_upper_limit=True, detail=detail)


def _speeds(out: NDArray[Any], copy: float, ours: float) -> str:
    giga = out.nbytes * 1e-9
    return f"{giga / ours:.1f} of {giga / copy:.1f} GB/cpu-s, {IMAGES / ours:.0f} images/cpu-s"
