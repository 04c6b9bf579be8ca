"""Writing a shard beside writing the same bytes, with the same digest and sync, to a plain file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.harness import Figure, speed_ratio
from dpkit.release.shards import ShardHeader, write_shard
from dpkit.types import SanitizedBatch

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = {"3x32x32 float32": (5000, 32), "3x224x224 float32": (100, 224)}


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (every bench takes the folder)
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        return [_figure(name, *case, here) for name, case in CASES.items()]


def _figure(name: str, rows: int, side: int, here: Path) -> Figure:
    rng = np.random.default_rng(3)
    values = rng.random((rows, 3, side, side), dtype=np.float32)
    names = np.array([f"{i:026d}".encode() for i in range(rows)], "S26")
    batch = SanitizedBatch(values, np.arange(rows), names, names)
    header = ShardHeader("bench", "train", "morph", "float32", (3, side, side), "int64", ())
    shard = here / "train-00000-of-00001.h5"
    write_shard(shard, header, rows, [batch])
    content = shard.read_bytes()

    ratio, plain, ours = speed_ratio(
        _plain(here / "plain", content), lambda: write_shard(shard, header, rows, [batch])
    )
    size = len(content) / 1e9
    detail = f"{size / ours:.2f} against {size / plain:.2f} GB/cpu-s, SHA-256 and fsync in both"
    return Figure("shards", name, ratio, "of limit", target=0.85, detail=detail)


def _plain(path: Path, content: bytes) -> Callable[[], None]:
    def write() -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(handle, content)
        hashlib.sha256(content).hexdigest()
        os.fsync(handle)
        os.close(handle)

    return write
