"""CIFAR's first layer under homomorphic encryption: images encrypted, one map computed.

CKKS (Cheon, Kim, Kim and Song, 2017) by TenSEAL, which lives in an environment of its own with
numpy and nothing of ours:

    python -m venv he && he/bin/pip install numpy tenseal
    he/bin/python bench/he.py

Ciphertexts hold 4,096 numbers, so four images are encrypted together and a figure is a quarter of
what four take. TenSEAL does not turn a ciphertext, so each channel is encrypted nine times, moved
to each place of a 3x3 kernel with zeros around; a map is then a sum of 27 ciphertexts, each times
a weight. Nothing is kept for further layers: a whole network costs more for each product.
"""

from __future__ import annotations

import resource
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import tenseal

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE, CHANNELS, KERNEL, MAPS = 32, 3, 3, 64
DEGREE, BITS, SCALE = 8192, [60, 40, 40, 60], 2.0**40  # 200 bits; 218 are 128-bit secure here
IMAGES = DEGREE // 2 // SIDE**2
ROUNDS = 3


def measured() -> dict[str, tuple[float, str]]:
    """Return what one image costs, by name: a number and its unit; times are of the CPU."""
    rng = np.random.default_rng(10)
    images = rng.random((IMAGES, CHANNELS, SIDE, SIDE))
    weights = rng.standard_normal((CHANNELS, KERNEL, KERNEL))
    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, DEGREE, -1, BITS, n_threads=1)
    context.global_scale = SCALE
    windows = moved(images)
    encrypting, sealed = _timed(lambda: encrypted(context, windows))
    convolving, sealed_map = _timed(lambda: convolved(sealed, weights.ravel()))
    expected = np.tensordot(weights.ravel(), windows, 1).ravel()
    error = np.abs(np.array(sealed_map.decrypt()) - expected).max()
    size = sum(len(window.serialize()) for window in sealed) / IMAGES
    return {
        "encrypting an image": (encrypting / IMAGES * 1e3, "ms"),
        "one map of the first layer": (convolving / IMAGES * 1e3, "ms"),
        "64 maps, from one": (MAPS * convolving / IMAGES * 1e3, "ms"),
        "an encrypted image": (size / 1e6, "MB"),
        "an encrypted image / its pixels": (size / (CHANNELS * SIDE**2), "times"),
        "error of the map": (float(error) * 1e6, "x 1e-6"),
    }


def moved(images: np.ndarray) -> np.ndarray:
    """Return each channel as each place of a kernel sees it, [27,n·1024]."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = [
        padded[:, channel, y : y + SIDE, x : x + SIDE].ravel()
        for channel in range(CHANNELS)
        for y in range(KERNEL)
        for x in range(KERNEL)
    ]
    return np.stack(views)


def encrypted(context: Any, windows: np.ndarray) -> list[Any]:
    return [tenseal.ckks_vector(context, window.tolist()) for window in windows]


def convolved(sealed: list[Any], weights: np.ndarray) -> Any:
    total = sealed[0] * float(weights[0])
    for window, weight in zip(sealed[1:], weights[1:], strict=True):
        total += window * float(weight)
    return total


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median CPU seconds of a few rounds, and the last result."""
    spent = []
    for _ in range(ROUNDS):
        start = _cpu_seconds()
        found = work()
        spent.append(_cpu_seconds() - start)
    return median(spent), found


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    for case, (value, unit) in measured().items():
        print(f"CKKS: {case:36} {value:10.3f} {unit}")
