"""The rotation that whitening leaves of a core, found by moments and by how pictures look.

    symbol   here         meaning
    Q        rotations    [k,q,q], k = 1 where blocks share a core, else κ: D̃_b Q_b = T̃_b
    A, B     public,      whitened moments of pairs of blocks, [m,q,q]; Q_i^T A Q_j = B where the
             released     public pictures are like the originals
    μ, ν     …_means      whitened mean of each block, [κ,q]; μ_b Q_b = ν_b
    TV       smoothness   mean step between neighbouring pixels, and between the steps of channels

Two ways, one after the other. `flipped` turns single components over while pictures get smoother:
second moments leave their signs open. `refined` follows the gradient of moments + means + TV +
grey levels outside the range, over pictures drawn anew at each step; a step is a rotation (Cayley
transform), in the frame of the components of D, whose strengths differ a hundredfold and which
therefore each have a step size of their own (Adam: Kingma and Ba, arXiv 1412.6980).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.attacks.moments import each, polar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.attack import Effort
    from dpkit.leakage.attacks.moments import Cut

    Matrix = NDArray[np.float64]
    Index = NDArray[np.int64]

STEP: Final = 0.05  # radians, of every pair of components
WARMING: Final = 20  # steps until the full step
SMOOTHNESS: Final = 100.0  # weight beside that of the moments, 1
RANGE: Final = 10.0  # of what lies outside, beside smoothness
EDGE: Final = 0.01  # of the grey range: smaller steps count as their square
_VALUES_A_STEP: Final = 150_000  # decoded pixels
_IMAGES_AT_ONCE: Final = 128
_VALUES_A_FLIP: Final = 120_000
_VALUES_JUDGED: Final = 1_000_000
_ROUNDS: Final = 3  # of flips
_AGAIN: Final = 50  # steps until rounding is removed from the rotations
_TIMED: Final = 10  # steps, after which their number is fitted to the time
_SPENT: Final = 0.8  # of the time left
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Puzzle:
    """What the rotations must explain; symbols as above.

    Parameters
    ----------
    cut
        How images are cut.
    white
        T̃, float64 [n,κ,q].
    forward, back
        From T to T̃ and from D̃ to D, [k,q,q].
    first, second
        int64 [m]: which rotations a moment lies between.
    affine
        [2,c]: a grey level from 0 to 1 is (D − bias) / scale.
    """

    cut: Cut
    white: Matrix
    forward: Matrix
    back: Matrix
    first: Index
    second: Index
    public: Matrix
    released: Matrix
    public_means: Matrix
    released_means: Matrix
    affine: Matrix

    def pictures(self, rotations: Matrix, white: Matrix) -> Matrix:
        """Return grey levels 0 to 1 (and what lies outside) of rows T̃ [n,κ,q], [n,c,h,w]."""
        rows = each(white, rotations.transpose(0, 2, 1) @ self.back)
        scale, bias = self.affine[:, :, None, None]
        return np.asarray((self.cut.images(rows) - bias) / scale, dtype=np.float64)

    def roughness(self, rotations: Matrix) -> float:
        """Return how rough released pictures look when they are turned back so."""
        count = max(1, _VALUES_JUDGED // self.cut.places.size)
        return roughness(self.pictures(rotations, self.white[:count]))

    def misfit(self, rotations: Matrix) -> float:
        """Return the share of the energy of the moments that the rotations leave unexplained."""
        turned = rotations[self.first].transpose(0, 2, 1) @ self.public @ rotations[self.second]
        return float(((turned - self.released) ** 2).sum() / (self.released**2).sum())


def opened(puzzle: Puzzle, rotations: Matrix, values: NDArray[Any], peak: int) -> Matrix:
    """Return released values [n,c,h,w] turned back, float64 [n,h,w,c] in grey levels 0 to peak."""
    images = np.empty((len(values), *np.moveaxis(values[:1], 1, -1).shape[1:]))
    for start in range(0, len(values), _IMAGES_AT_ONCE):
        part = slice(start, start + _IMAGES_AT_ONCE)
        white = each(puzzle.cut.rows(values[part]), puzzle.forward)
        images[part] = np.moveaxis(puzzle.pictures(rotations, white), 1, -1)
    return np.clip(images, 0, 1) * peak


def roughness(pictures: Matrix) -> float:
    """Return TV of pictures [n,c,h,w] plus what lies outside 0 to 1."""
    total = RANGE * float(((pictures - np.clip(pictures, 0, 1)) ** 2).mean())
    for axis in (2, 3):
        steps = np.diff(pictures, axis=axis)
        total += float(np.abs(steps).mean())
        if pictures.shape[1] > 1:
            total += float(np.abs(np.diff(steps, axis=1)).mean())
    return total


def flipped(puzzle: Puzzle, rotations: Matrix, axes: Matrix, effort: Effort) -> Matrix:
    """Return the rotations with components turned over where that makes pictures smoother.

    Parameters
    ----------
    axes
        The components in D̃, the columns of [k,q,q]; one is turned over in all blocks at once.
    """
    white = puzzle.white[: max(1, _VALUES_A_FLIP // puzzle.cut.places.size)]
    signs, pictures = np.ones(axes.shape[2]), puzzle.pictures(rotations, white)
    least = roughness(pictures)
    for _ in range(_ROUNDS):
        before = least
        for component in range(len(signs)):
            effort.check()
            more = part(puzzle, rotations, axes[:, :, component], white)
            turned = pictures - 2 * signs[component] * more
            rough = roughness(turned)
            if rough < least:
                least, pictures = rough, turned
                signs[component] *= -1
        if least == before:
            break
    return (axes * signs) @ axes.transpose(0, 2, 1) @ rotations


def part(puzzle: Puzzle, rotations: Matrix, axes: Matrix, white: Matrix) -> Matrix:
    """Return what one component [k,q] of each block contributes to pictures, [n,c,h,w]."""
    turned = (axes[:, None] @ rotations)[:, 0]
    strength = (white * turned).sum(axis=2, keepdims=True)
    shown = (axes[:, None] @ puzzle.back)[:, 0]
    scale = puzzle.affine[0][:, None, None]
    return np.asarray(puzzle.cut.images(strength * shown) / scale, dtype=np.float64)


def refined(puzzle: Puzzle, rotations: Matrix, steps: int, effort: Effort) -> Matrix:
    """Return the rotations after `steps` of gradient descent; fewer where time is short.

    Raises
    ------
    OutOfBudgetError
        The time is up.
    """
    import torch  # noqa: PLC0415 (the command line imports the table of attacks)

    loss = _Loss(puzzle, effort.seed)
    turned = torch.as_tensor(rotations, dtype=torch.float32)
    mean, square = torch.zeros_like(turned), torch.zeros_like(turned)
    unit = torch.eye(turned.shape[-1])
    started = effort.left
    for step in range(steps):
        effort.check()
        if step == _TIMED:
            steps = min(steps, int(_SPENT * effort.left / (started - effort.left) * _TIMED))
        if step >= steps:
            break
        turned.requires_grad_(True)
        slope = torch.autograd.grad(loss.of(turned), turned)[0] @ turned.detach().mT
        slope = (slope - slope.mT) / 2
        mean, square = 0.9 * mean + 0.1 * slope, 0.98 * square + 0.02 * slope**2
        way = mean / (1 - 0.9 ** (step + 1))
        way = way / torch.sqrt(square / (1 - 0.98 ** (step + 1)) + _TINY)
        half = -_step_size(step, steps) / 2 * way
        turned = torch.linalg.solve(unit - half, (unit + half) @ turned.detach())
        if step % _AGAIN == _AGAIN - 1:
            turned = torch.as_tensor(_exact(turned.numpy()), dtype=torch.float32)
    return _exact(turned.detach().numpy())


def _step_size(step: int, steps: int) -> float:
    return STEP * min(1.0, (step + 1) / WARMING) * 0.5 * (1 + float(np.cos(np.pi * step / steps)))


def _exact(rotations: NDArray[Any]) -> Matrix:
    return np.stack([polar(rotation) for rotation in rotations.astype(np.float64)])


class _Loss:
    """Moments + means + TV + range, of pictures drawn anew each time, in float32."""

    def __init__(self, puzzle: Puzzle, seed: int) -> None:
        import torch  # noqa: PLC0415 (the command line imports the table of attacks)

        def tensor(array: Matrix) -> Any:
            return torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32)

        self._torch = torch
        self._draws = torch.Generator().manual_seed(seed)
        self._white, self._back = tensor(puzzle.white.transpose(1, 0, 2)), tensor(puzzle.back)
        self._first, self._second = (torch.as_tensor(i) for i in (puzzle.first, puzzle.second))
        energy = (puzzle.public**2).sum(axis=(1, 2), keepdims=True) * len(puzzle.public)
        self._public, self._released = tensor(puzzle.public / energy), tensor(puzzle.released)
        self._means, self._seen = (
            tensor(m[:, None]) for m in (puzzle.public_means, puzzle.released_means)
        )
        self._places = torch.as_tensor(np.argsort(puzzle.cut.places.reshape(-1)))
        self._shape = puzzle.cut.shape
        self._scale, self._bias = (tensor(row[:, None, None]) for row in puzzle.affine)
        self._count = int(np.clip(_VALUES_A_STEP // puzzle.cut.places.size, 1, 48))

    def of(self, rotations: Any) -> Any:
        """Return the loss of rotations [k,q,q]."""
        along = (self._public @ rotations[self._second]) * (rotations[self._first] @ self._released)
        means = (self._means @ rotations - self._seen) ** 2
        pictures = self._pictures(rotations)
        outside = ((pictures - pictures.clamp(0, 1)) ** 2).mean()
        return (
            -2 * along.sum()
            + means.sum() / (self._means**2).sum()
            + SMOOTHNESS * (self._smoothness(pictures) + RANGE * outside)
        )

    def _pictures(self, rotations: Any) -> Any:
        drawn = self._torch.randint(self._white.shape[1], (self._count,), generator=self._draws)
        rows = self._white[:, drawn] @ (rotations.mT @ self._back)
        flat = rows.transpose(0, 1).reshape(self._count, -1)[:, self._places]
        return (flat.reshape(self._count, *self._shape) - self._bias) / self._scale

    def _smoothness(self, pictures: Any) -> Any:
        total: Any = 0.0
        for axis in (2, 3):
            steps = pictures.diff(dim=axis)
            for part in (steps, steps.diff(dim=1))[: 1 + (self._shape[0] > 1)]:
                total = total + (self._torch.sqrt(part**2 + EDGE**2) - EDGE).mean()
        return total
