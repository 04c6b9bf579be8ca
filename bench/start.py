"""How long `dpkit --help` takes, beside an interpreter that imports click alone."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

from bench.harness import ROUNDS, Figure

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_SECONDS = 0.4


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (every bench takes the folder)
    seconds = median(_wall("-m", "cli", "--help") for _ in range(ROUNDS))
    click = median(_wall("-c", "import click") for _ in range(ROUNDS))
    return [
        Figure(
            "start", "dpkit --help", seconds, "s wall", target=LIMIT_SECONDS,
            is_upper_limit=True, detail=f"importing click alone: {click:.2f} s",
        )
    ]  # fmt: skip


def _wall(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - started
