"""Making C^ac for CIFAR and VGG-16 (Table 2 of MoLe): 3x32x32 images, 64 kernels of 3x3, κ = 1.

The dense side multiplies M⁻¹ by C, 3072 x 65536, as the published code does; C is made before the
clock starts. Ours runs the convolution over the rows of M⁻¹. Then the whole way into the keystore
is set beside writing the same bytes to a plain file, with fsync on both sides. The developer's side
is set beside the layer that it stands for.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.harness import Figure, speed_ratio, timed
from dpkit.augconv import matrix_pieces, plan_augconv
from dpkit.keystore.arrays import StreamedArray
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.types import FirstConv

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpkit.augconv import AugConvPlan

N, MAPS, SIDE = 3072, 64, 32
ROUNDS = 3
ERROR_IMAGES = 8


def run(_folder: Path) -> list[Figure]:
    rng = np.random.default_rng(5)
    core = np.linalg.qr(rng.standard_normal((N, N)))[0]
    inverses = np.ascontiguousarray(core.T)[None]
    layer = FirstConv(
        (rng.standard_normal((MAPS, 3, 3, 3)) * (2 / 27) ** 0.5).astype(np.float32),
        None, (1, 1), (1, 1, 1, 1), (1, 1), 1, (SIDE, SIDE), "none",
    )  # fmt: skip
    plan = plan_augconv(layer, "raster", 1, is_distinct=False)

    def make() -> None:
        for _ in matrix_pieces(plan, 0, inverses):
            pass

    torch.set_num_threads(1)
    memory = _memory(plan, inverses, make)  # first: later, freed memory is at hand
    return [
        _against_dense(layer, inverses, make),
        memory,
        _sealing(plan, inverses),
        _error(plan, core, inverses),
    ]


def _against_dense(layer: FirstConv, inverses: np.ndarray, make: Callable[[], None]) -> Figure:
    whole = torch.eye(N).reshape(N, 3, SIDE, SIDE)
    matrix = torch.conv2d(whole, torch.from_numpy(layer.weight), padding=1).reshape(N, -1).numpy()
    inverse, product = inverses[0].astype(np.float32), np.empty_like(matrix)
    ratio, dense, ours = speed_ratio(lambda: np.matmul(inverse, matrix, out=product), make, ROUNDS)
    detail = f"{ours:.2f} s against {dense:.1f} s for {matrix.nbytes / 1e6:.0f} MB"
    return Figure("augconv", "dense product / ours", ratio, "times", 60, detail=detail)


def _memory(plan: AugConvPlan, inverses: np.ndarray, make: Callable[[], None]) -> Figure:
    next(matrix_pieces(plan, 0, inverses[:, :1]))  # compiles
    before = _resident()
    Path("/proc/self/clear_refs").write_text("5")  # begin the peak anew
    make()
    extra = (_peak() - before) / 2**20
    return Figure("augconv", "extra memory", extra, "MiB", 64, is_upper_limit=True)


def _sealing(plan: AugConvPlan, inverses: np.ndarray) -> Figure:
    streamed = StreamedArray(
        np.dtype(np.float32), plan.shape(0), lambda: matrix_pieces(plan, 0, inverses)
    )
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        (here / "keys").mkdir()
        store = Keystore.create(here / "k.dpks", Unlock(key_file=here / "keys" / "key"))
        pairs = []
        for _ in range(ROUNDS):
            plain = timed(lambda: _write(here / "plain", plan))
            (here / "plain").unlink()
            ours = timed(lambda: store.put("augconv", {}, {"m": streamed}))
            store.destroy(store.entries()[-1].object_id)
            pairs.append((plain, ours))
    ratio = median(plain / ours for plain, ours in pairs)
    speed = streamed.nbytes * 1e-9 / median(ours for _, ours in pairs)
    detail = f"{speed:.2f} GB/cpu-s, made, encrypted and written"
    return Figure("augconv", "make, seal / plain write", ratio, "of speed", 0.6, detail=detail)


def _write(path: Path, plan: AugConvPlan) -> None:
    piece = np.zeros(2**20, np.float32)
    with path.open("wb") as file:
        for _ in range(plan.elements // len(piece)):
            file.write(piece.data)
        file.flush()
        os.fsync(file.fileno())


def _error(plan: AugConvPlan, core: np.ndarray, inverses: np.ndarray) -> Figure:
    images = np.random.default_rng(6).random((ERROR_IMAGES, N))
    values = images.astype(np.float32) @ core.astype(np.float32)
    found, start = np.zeros((ERROR_IMAGES, plan.elements // N), np.float32), 0
    for piece in matrix_pieces(plan, 0, inverses):
        found += values[:, start : start + len(piece)] @ piece.reshape(len(piece), -1)
        start += len(piece)
    weight = torch.from_numpy(plan.layer.weight).double()
    shaped = torch.from_numpy(images.reshape(-1, 3, SIDE, SIDE))
    expected = torch.conv2d(shaped, weight, padding=1).numpy().reshape(ERROR_IMAGES, -1)
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    return Figure(
        "augconv", "relative error, orthogonal core", float(error) * 1e7, "x 1e-7", 5,
        is_upper_limit=True,
    )  # fmt: skip


def _resident() -> int:
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
