"""From a few images known in both forms to all the others: morphing is linear.

    symbol   here       meaning                                             MoLe
    T, D     released, known   blocks after and before morphing             Eq. 2
    κ, q     kappa, core_size  blocks of an image, values of a block        Eq. 3
    M′⁻¹     Ridge      X = argmin Σ |T_b X − D_b|² + λ|X|²                 Eq. 4

Shen et al. (MoLe), arXiv 1909.07632, who count q known images for one core; but under one core each
image is κ pairs of blocks, so that q/κ images are enough. Fewer show the picture long before. Where
the pixels were scattered, one regression serves all of T; with more images than a block has values,
a pixel is a linear function of its own block and of no other, which tells the blocks apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.decode import pixels
from dpkit.leakage.attacks.morphed import by_core, cut, joined, unrolled
from dpkit.leakage.attacks.ridge import fit
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView, KnownPairs

    Matrix = NDArray[np.float64]

SPARE: Final = 2  # images more than a block has values, before its pixels are looked for
CLEAR: Final = 0.1  # the own block's residual beside the next one's
MOST_BYTES: Final = 1 << 30  # of known rows in float64; further pairs are left out


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Fit on the known pairs and apply to the wanted rows."""
    watch = Stopwatch()
    if view.known is None or not len(view.known):
        raise UsageError("this attack needs known images, and the view has none")
    images, error = recovered(view, view.known, effort)
    figures = {"pairs": float(len(view.known)), "left_out_error": error}
    return Reconstruction(
        "known-pairs",
        images,
        figures,
        watch.seconds,
        f"{len(view.known)} known images gave all others; a known one, left out of the fit, came "
        f"back with an error of {error:.2g} of its size.",
    )


def recovered(view: AdversaryView, known: KnownPairs, effort: Effort) -> tuple[Matrix, float]:
    """Return the wanted images and the error of known rows when left out, relative to their size.

    Parameters
    ----------
    known
        Any number of pairs; for a curve, part of those that the view holds.

    Returns
    -------
    images, error
        Float64 [wanted,h,w,c] in grey levels 0 to peak; 1 says that nothing was learned.
    """
    most = max(1, MOST_BYTES // (8 * view.geometry.elements))
    released, plain = cut(view, known.values[:most]), unrolled(view, known.pixels[:most])
    if view.is_interleaved:
        rows, error = _from_scattered(view, released, plain, effort)
    else:
        rows, error = _from_blocks(view, released, plain, effort)
    return pixels(view, rows), error


def _from_blocks(
    view: AdversaryView, released: Matrix, plain: Matrix, effort: Effort
) -> tuple[Matrix, float]:
    """Fit one map a core, and apply it to the wanted rows [wanted,αhw]."""
    wanted = cut(view, view.targets)
    known = cut(view, plain.reshape(-1, *view.values.shape[1:]))
    found, errors = [], []
    for new, seen, target in zip(
        by_core(view, wanted), by_core(view, released), by_core(view, known), strict=True
    ):
        effort.check()
        most = max(1, MOST_BYTES // (8 * view.core_size))
        ridge = fit(seen[:most], target[:most])
        found.append(ridge(new))
        errors.append(ridge.error)
    blocks = np.stack(found)
    shaped = blocks.reshape(wanted.shape) if len(blocks) == 1 else blocks.transpose(1, 0, 2)
    return joined(view, shaped), float(np.sqrt(np.mean(np.square(errors))))


def _from_scattered(
    view: AdversaryView, released: Matrix, plain: Matrix, effort: Effort
) -> tuple[Matrix, float]:
    """Fit each block on the pixels that are its own, or else all of T at once."""
    wanted = cut(view, view.targets)
    owner = block_of_each_pixel(released, plain, effort)
    if owner is None:
        ridge = fit(released.reshape(len(released), -1), plain)
        return ridge(wanted.reshape(len(wanted), -1)), ridge.error
    rows, errors = np.zeros((len(wanted), plain.shape[1])), []
    for block in range(view.kappa):
        effort.check()
        own = owner == block
        ridge = fit(released[:, block], plain[:, own])
        rows[:, own] = ridge(wanted[:, block])
        errors.append(ridge.error)
    return rows, float(np.sqrt(np.mean(np.square(errors))))


def block_of_each_pixel(
    released: Matrix, plain: Matrix, effort: Effort
) -> NDArray[np.int64] | None:
    """Return the block in which each value of an image was, int64 [αhw], or None: not to be told.

    A value is a linear function of its own block over all known images, which no other block is
    once there are more images than a block has values.
    """
    known, kappa, q = released.shape
    if known < q + SPARE:
        return None
    residuals = np.empty((kappa, plain.shape[1]))
    for block in range(kappa):
        effort.check()
        basis, _ = np.linalg.qr(released[:, block])
        residuals[block] = np.linalg.norm(plain - basis @ (basis.T @ plain), axis=0)
    owner = np.asarray(residuals.argmin(axis=0), dtype=np.int64)
    if kappa == 1:
        return owner
    least = np.partition(residuals, 1, axis=0)
    is_told = np.median(least[0] / np.maximum(least[1], 1e-300)) < CLEAR
    return owner if is_told else None


def unfit(view: AdversaryView) -> str:
    """Say that known images are missing."""
    return "" if view.known is not None and len(view.known) else "no image is known in both forms"


ATTACK: Final = Attack(
    name="known-pairs",
    title="Ridge regression on known images",
    rung="A6",
    needs="the released images, and some of them known in the original",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
    weak={"block": 8, "cores": "shared", "core": "orthogonal", "interleave": False},
    gives_key=True,
    is_quick=True,
)
