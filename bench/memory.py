"""Anonymous memory and time per image of the whole command, at 1,000 and at 100,000 images."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.folders import jpeg_folder
from bench.harness import Figure

FEW, SOME, MANY = (
    2_000,
    20_000,
    100_000,
)  # two full shards of 8 MiB hold 1,365 rows of 3x32x32 float32
LIMIT_MB = 48


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (every bench takes the folder)
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        few, some, many = (_measure(here / str(n), n) for n in (FEW, SOME, MANY))
    early = (some.seconds - few.seconds) / (SOME - FEW)
    late = (many.seconds - some.seconds) / (MANY - SOME)
    return [
        Figure(
            "memory", f"{MANY:,} images over {FEW:,}", many.peak_mb - few.peak_mb, "MB",
            target=LIMIT_MB, is_upper_limit=True,
            detail=f"peaks {few.peak_mb:.0f}, {some.peak_mb:.0f} and {many.peak_mb:.0f} MB",
        ),
        Figure(
            "memory", f"CPU of an image after {SOME:,} / before", late / early, "times",
            detail=f"{1e3 * late:.3f} and {1e3 * early:.3f} ms",
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class _Run:
    """The peak of RssAnon, and the CPU seconds, of one run with one worker."""

    peak_mb: float
    seconds: float


def _measure(here: Path, images: int) -> _Run:
    source = jpeg_folder(here / "images", images, 32, 32)
    environment = dict(os.environ)
    environment |= {f"XDG_{n}_HOME": str(here / n) for n in ("DATA", "CONFIG", "STATE")}
    words = ["morph", str(source), "--shard-mb", "8", "--workers", "1", "--out", str(here / "out"),
             "--allow-unchanged", str(images)]  # fmt: skip  # the night sky behind the rocket
    before = _children_seconds()
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *words], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _anonymous_mb(process.pid))
            time.sleep(0.01)
    if process.returncode:
        raise RuntimeError(f"dpkit morph ended with {process.returncode}")
    return _Run(peak, _children_seconds() - before)


def _anonymous_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
