"""Sample-and-hold against np.copyto of the same bytes, the limit of whatever moves values.

1,024 images of bytes of 192x192x3, and a quarter as many maps of floats of half of them zeros.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (in the signature every bench shares)
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.harness import Figure, speed_ratio
from dpkit.kernels.hold import hold

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (3, 192, 192)
WINDOWS = (8, 9, 16, 50, 100, 256, 1000)
TARGET = 0.25  # of np.copyto's speed


def run(_folder: Path) -> list[Figure]:
    samples: dict[str, NDArray[Any]] = {"uint8": _pixels(1024), "float32": _maps(256)}
    return [_against_copy(x, name, window) for name, x in samples.items() for window in WINDOWS]


def _pixels(images: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (images, *SHAPE), dtype=np.uint8)


def _maps(images: int) -> NDArray[np.float32]:
    normal = np.random.default_rng(2).standard_normal((images, *SHAPE), np.float32)
    return np.maximum(normal, 0)


def _against_copy(samples: NDArray[Any], name: str, window: int) -> Figure:
    out = np.empty_like(samples)
    ratio, copy, ours = speed_ratio(
        lambda: np.copyto(out, samples), lambda: hold(samples, window, out)
    )
    giga = samples.nbytes * 1e-9
    detail = f"{giga / ours:.1f} of {giga / copy:.1f} GB/cpu-s"
    case = f"{name}, window {window} / np.copyto"
    return Figure("hold", case, ratio, "of limit", TARGET, detail=detail)
