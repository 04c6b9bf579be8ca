"""Pictures from released values by one linear map, learned from pairs by ridge regression.

    symbol   here      meaning                                                  source
    Z, Y     z, y      released values [p,m] and pixels [p,αhw], centred
    K        gram      Z Zᵀ [p,p]: the dual form, for p pairs of m ≥ p values
    λ        strength  of the ridge; D̂ = T Zᵀ (K + λ)⁻¹ Y = T (Zᵀ Z + λ)⁻¹ Zᵀ Y: the
                       primal form [m,m], where there are more pairs than values
    V(λ)     scores    ‖λ (K + λ)⁻¹ Y‖² / tr(λ (K + λ)⁻¹)²                      Golub, Heath
                       generalized cross-validation: no pair need be held out   and Wahba (1979)

Hoerl and Kennard, "Ridge Regression" (1970). For linear treatments it is the right decoder; for
networks a first bound, in a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import FEATURES, Attack, Effort, Stopwatch
from dpkit.leakage.attacks.examples import (
    Examples,
    Guesses,
    decibels,
    examples_of,
    grey_levels,
    no_examples,
)
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]
    Floats = NDArray[np.float32]

STRENGTHS: Final = np.logspace(-8, 3, 45)  # λ, in parts of K's mean eigenvalue
HELD_OUT: Final = 10  # one pair in so many only says what a guess is worth
COLUMNS_AT_ONCE: Final = 4096
EMPTY: Final = 1e-12  # an eigenvalue below this share of the largest is rounding


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Learn the map from the pairs of the view, then turn its targets back."""
    watch, pairs = Stopwatch(), examples_of(view)
    order = effort.rng().permutation(len(pairs))
    held_out, learned = np.split(order, [len(pairs) // HELD_OUT])
    found, _ = _decoded(pairs, learned, pairs.values[held_out], effort)
    reached = decibels(pairs.pixels[held_out], found)
    guesses = Guesses.of(pairs.pixels[learned], pairs.pixels[held_out])
    planes, strength = _decoded(pairs, order, pairs.targets, effort)
    figures = {
        "pairs": float(len(pairs)),
        "ridge": strength,
        "held-out PSNR": reached,
        "constant guess PSNR": guesses.constant,
        "mean picture PSNR": guesses.mean,
    }
    sentence = f"One linear map was learned from {len(pairs)} pairs. {guesses.compare(reached)}"
    return Reconstruction("ridge-maps", grey_levels(view, planes), figures, watch.seconds, sentence)


def _decoded(
    pairs: Examples, learned: NDArray[np.int64], values: Floats, effort: Effort
) -> tuple[Floats, float]:
    """Return pictures [n,c,h,w] of values [n,c',h',w'], and λ in parts of K's mean eigenvalue."""
    pixels = pairs.pixels[learned].reshape(len(learned), -1)
    z = pairs.values[learned].reshape(len(learned), -1)
    center, mean = z.mean(axis=0), pixels.mean(axis=0)
    z, y = z - center, (pixels - mean).astype(np.float64)
    targets = values.reshape(len(values), -1) - center
    if z.shape[1] < len(z):
        z = z.astype(np.float64)
        effort.check()
        weights, strength = ridge_primal(z, y)
        found = mean + targets @ weights
    else:
        weights, strength = ridge(_products(z, z, effort), y)
        found = mean + _products(targets, z, effort) @ weights
    return np.asarray(found, np.float32).reshape(-1, *pairs.pixels.shape[1:]), strength


def ridge(gram: Matrix, y: Matrix) -> tuple[Matrix, float]:
    """Return (K + λ)⁻¹ Y for the λ of least V, and that λ in parts of K's mean eigenvalue.

    Parameters
    ----------
    gram
        K [p,p] of centred values.
    y
        Centred pixels [p,αhw].
    """
    eigenvalues, vectors = np.linalg.eigh(gram)
    eigenvalues = np.maximum(eigenvalues, 0)
    unit = _unit(eigenvalues.sum(), len(gram))
    rotated = vectors.T @ y
    energy = (rotated**2).sum(axis=1)
    # The first is the direction of the mean, along which nothing is left to explain.
    best = _strength(eigenvalues[1:], energy[1:], unit)
    return vectors @ (rotated / (eigenvalues + best * unit)[:, None]), best


def ridge_primal(z: Matrix, y: Matrix) -> tuple[Matrix, float]:
    """Return (Zᵀ Z + λ)⁻¹ Zᵀ Y [m,αhw] for the λ of least V, and λ as `ridge` does: the same map.

    Parameters
    ----------
    z, y
        Centred values [p,m], with m below p, and pixels [p,αhw].
    """
    eigenvalues, vectors = np.linalg.eigh(z.T @ z)
    eigenvalues = np.maximum(eigenvalues, 0)
    unit = _unit(eigenvalues.sum(), len(z))
    rotated = vectors.T @ (z.T @ y)
    seen = eigenvalues > EMPTY * eigenvalues.max()
    energy = (rotated[seen] ** 2).sum(axis=1) / eigenvalues[seen]
    beyond = max(0.0, float((y**2).sum() - energy.sum()))  # what no value has a part in
    free = len(z) - 1 - int(np.count_nonzero(seen))
    best = _strength(eigenvalues[seen], energy, unit, beyond=beyond, free=free)
    return vectors @ (rotated / (eigenvalues + best * unit)[:, None]), best


def _unit(total: float, pairs: int) -> float:
    """Return K's mean eigenvalue."""
    return max(float(total) / pairs, float(np.finfo(np.float64).tiny))


def _strength(
    eigenvalues: Matrix, energy: Matrix, unit: float, *, beyond: float = 0.0, free: int = 0
) -> float:
    """Return the λ of least V, in parts of `unit`.

    Parameters
    ----------
    energy
        Of the pixels along each eigenvector of K.
    beyond, free
        Of the pixels along the `free` eigenvectors that have the eigenvalue 0 and are not given.
    """
    shrink = [part * unit / (eigenvalues + part * unit) for part in STRENGTHS]
    scores = [((part**2 * energy).sum() + beyond) / (part.sum() + free) ** 2 for part in shrink]
    return float(STRENGTHS[int(np.argmin(scores))])


def _products(a: Floats, b: Floats, effort: Effort) -> Matrix:
    """Return A Bᵀ in float64, a few columns at a time."""
    total = np.zeros((len(a), len(b)))
    for start in range(0, a.shape[1], COLUMNS_AT_ONCE):
        effort.check()
        part = slice(start, start + COLUMNS_AT_ONCE)
        total += a[:, part].astype(np.float64) @ b[:, part].astype(np.float64).T
    return total


ATTACK: Final = Attack(
    name="ridge-maps",
    title="Pictures by one linear map",
    rung="A2",
    needs="20 or more of its own pictures under the same treatment, or known images",
    sanitizers=FEATURES,
    run=run,
    unfit=no_examples,
    is_quick=True,
    also=("A6", "A8"),
)
