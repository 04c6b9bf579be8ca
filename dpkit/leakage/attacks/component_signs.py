"""The signs of components that second moments leave open, by how smooth pictures are.

From the strongest component to the weakest: pictures are made of those so far, each with either
sign, and the smoothest few sets of signs go on (a beam search). One after the other in full
pictures, as `core_rotation.flipped` has it, ends more often where blocks of many components are
jumbled (measured at 96 values).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.core_rotation import Puzzle, part, roughness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.attack import Effort

    Matrix = NDArray[np.float64]

WIDTH: Final = 16  # sets of signs that go on
_VALUES: Final = 60_000


def signed(puzzle: Puzzle, rotations: Matrix, axes: Matrix, effort: Effort) -> Matrix:
    """Return the rotations with components, the columns of axes [k,q,q], turned to fit together."""
    white = puzzle.white[: max(1, _VALUES // puzzle.cut.places.size)]
    order = np.argsort(-((axes.transpose(0, 2, 1) @ puzzle.back) ** 2).sum(axis=(0, 2)))
    signs = np.ones((1, len(order)))
    pictures = _empty(puzzle) + part(puzzle, rotations, axes[:, :, order[0]], white)[None]
    for component in order[1:]:
        effort.check()
        more = part(puzzle, rotations, axes[:, :, component], white)
        both = np.concatenate([pictures + more, pictures - more])
        signs = np.concatenate([signs, signs])
        signs[len(signs) // 2 :, component] = -1
        best = np.argsort([roughness(one) for one in both], kind="stable")[:WIDTH]
        signs, pictures = signs[best], both[best]
    return np.asarray((axes * signs[0]) @ axes.transpose(0, 2, 1) @ rotations)


def _empty(puzzle: Puzzle) -> Matrix:
    """Return the grey levels [c,1,1] of a picture without components."""
    scale, bias = puzzle.affine
    return np.asarray((-bias / scale)[:, None, None])
