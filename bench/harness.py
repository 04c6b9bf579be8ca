"""How everything here is measured: ratios inside one process, CPU time, interleaved rounds.

Both sides of a comparison run in turn, several times, on one BLAS thread, and are timed in
CPU seconds of this process (user and system, by getrusage), so that other jobs on the machine
move a figure little. A figure is the median over the rounds of the ratio within a round.
"""

from __future__ import annotations

import os
import platform
import resource
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
LEAST_SECONDS = 0.1  # of one timing; shorter calls are repeated


@dataclass(frozen=True)
class Figure:
    """One line of the table; `target` None where there is nothing to reach."""

    bench: str
    case: str
    value: float
    unit: str
    target: float | None = None
    is_upper_limit: bool = False
    detail: str = ""

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        reached = self.value <= self.target if self.is_upper_limit else self.value >= self.target
        return "reached" if reached else "MISSED"


def cpu_seconds() -> float:
    """Return user and system time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def timed(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the CPU seconds of one call, averaged over `repeats`."""
    start = cpu_seconds()
    for _ in range(repeats):
        work()
    return (cpu_seconds() - start) / repeats


def speed_ratio(
    reference: Callable[[], object], ours: Callable[[], object], rounds: int = ROUNDS
) -> tuple[float, float, float]:
    """Return how many times as fast `ours` is, and the median CPU seconds of both.

    Each is called once before the first round: compilation and page faults are not timed.
    """
    sides = (reference, ours)
    with threadpool_limits(limits=1):
        repeats = [_repeats(side) for side in sides]
        pairs = [
            tuple(timed(side, n) for side, n in zip(sides, repeats, strict=True))
            for _ in range(rounds)
        ]
    return (
        median(theirs / own for theirs, own in pairs),
        median(theirs for theirs, _ in pairs),
        median(own for _, own in pairs),
    )


def machine() -> dict[str, str]:
    """Return what the figures depend on: processor, BLAS core, versions, load."""
    blas = [entry for entry in threadpool_info() if entry["user_api"] == "blas"]
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "blas": ", ".join(f"{b['internal_api']} {b['version']} {b['architecture']}" for b in blas),
        "blas_threads": "1 while measuring",
        "numpy": np.__version__,
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _repeats(work: Callable[[], object]) -> int:
    work()
    return max(1, round(LEAST_SECONDS / max(timed(work), 1e-6)))


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123 (a device-like file, read by line)
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor()
