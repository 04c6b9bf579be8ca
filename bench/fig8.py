"""MoLe's Fig. 8: what restorations look like at a distance σ from their originals.

σ, the paper's privacy reservation, is a distance between a restored image and its original;
here it is the root mean square on the scale where pixels run from 0 to 1. A guessed inverse
G = M⁻¹ + E, with E random normal, is scaled to meet each σ; the table says how far off the true
inverse G may be for that (‖E‖ / ‖M⁻¹‖, Frobenius), and what SSIM the picture still has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from bench.harness import Figure
from bench.pictures import photographs, ssim
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, ImageBatch, Secret

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIGMAS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
LAWS = ("uniform", "gaussian", "orthogonal")
SIZE, KAPPA = 128, 64


@dataclass(frozen=True)
class Guess:
    """Restorations u8 [n,h,w,c] through an inverse that is `error` off, relatively."""

    pictures: NDArray[np.uint8]
    error: float


def run(folder: Path) -> list[Figure]:
    originals = photographs(SIZE)
    guesses = {law: _guesses(originals, law) for law in LAWS}
    _grid(originals, guesses["gaussian"], folder / "fig8.png")
    return [
        Figure(
            "fig8",
            f"{law}, sigma {sigma}",
            float(np.mean([ssim(*pair) for pair in zip(originals, guess.pictures, strict=True)])),
            "SSIM",
            detail=f"inverse off by {guess.error:.2g} of its norm",
        )
        for law, found in guesses.items()
        for sigma, guess in zip(SIGMAS, found, strict=True)
    ]


def _guesses(originals: NDArray[np.uint8], law: str) -> list[Guess]:
    geometry, none = Geometry(3, SIZE, SIZE, 8), np.zeros(len(originals), "S26")
    morph = Morph(kappa=KAPPA, core=law)
    key = morph.fit(geometry, Secret(bytes(range(32))))
    values = morph.apply(ImageBatch(originals, none, none, none), key, geometry).values
    blocks = values.reshape(len(originals), KAPPA, -1).astype(np.float64)
    inverse = np.linalg.inv(key.array("core"))
    error = np.random.default_rng(8).standard_normal(inverse.shape)
    exact, off = blocks @ inverse, blocks @ error
    unit = float(np.sqrt(np.mean(off**2)))
    size = float(np.linalg.norm(error) / np.linalg.norm(inverse))
    return [Guess(_pictures(exact + sigma / unit * off), sigma / unit * size) for sigma in SIGMAS]


def _pictures(blocks: NDArray[np.float64]) -> NDArray[np.uint8]:
    planes = blocks.reshape(len(blocks), 3, SIZE, SIZE).transpose(0, 2, 3, 1)
    return np.rint(255 * np.clip(planes, 0.0, 1.0)).astype(np.uint8)


def _grid(originals: NDArray[np.uint8], guesses: list[Guess], path: Path) -> None:
    some = 3
    shape = (some, 1 + len(SIGMAS))
    figure, axes = plt.subplots(*shape, figsize=(12, 5.5), layout="constrained")
    for i, line in enumerate(axes):
        pictures = [originals[i], *(guess.pictures[i] for guess in guesses)]
        for place, picture in zip(line, pictures, strict=True):
            place.imshow(picture)
            place.set(xticks=[], yticks=[])
    for place, title in zip(axes[0], ("original", *(f"σ = {s}" for s in SIGMAS)), strict=True):
        place.set_title(title)
    figure.savefig(path, dpi=120)
    plt.close(figure)
