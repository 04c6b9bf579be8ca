"""Whose picture is this pixelated one? The likelihood of each candidate, beside what ε promises.

    symbol   here     meaning
    y        cells    released means of one row
    x        theirs   the same means of a picture of the gallery
    λ        scales   of the Laplace noise of each cell (`cells.py`)

Up to a constant of y the log-likelihood of x is -Σ |y - x| / λ. Clipping y to grey levels changes
nothing: below 0 and above the peak the probability of what was clipped is e^(-|y - x|/λ) too.

ε bounds the ratio of two likelihoods for pictures that differ in m pixels: between such two, even
odds become e^ε to 1 at most. Pictures of two people differ nearly everywhere: their ratio may be
as large as Σ |x - x'| / λ, the figure `nats apart`, and nothing was promised of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch
from dpkit.leakage.attacks.cells import Cells, unreadable
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.adversary import AdversaryView

    Floats = NDArray[np.float64]

PAIRS: Final = 1000  # of the gallery, that say how far apart pictures are
_NO_GALLERY: Final = "needs a gallery, and the view has none"


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Return the log-likelihood of every gallery picture for every wanted row."""
    watch = Stopwatch()
    if view.gallery is None:
        raise UsageError(f"this attack {_NO_GALLERY}")
    parameters = Cells.of(view)
    scales = parameters.scales
    cells = (parameters.released(view)[: len(view.targets)] / scales).reshape(len(view.targets), -1)
    theirs = (parameters.means(view.gallery) / scales).reshape(len(view.gallery), -1)
    links = np.empty((len(cells), len(theirs)))
    for row, released in enumerate(cells):
        effort.check()
        links[row] = -np.abs(released - theirs).sum(axis=1)
    apart, epsilon = _apart(theirs, effort.rng()), parameters.total_epsilon
    promised = 1 / (1 + np.exp(-epsilon))
    return Reconstruction(
        "re-identify",
        None,
        {
            "epsilon": epsilon,
            "neighbours told apart, at most": float(promised),
            "nats apart": apart,
        },
        watch.seconds,
        f"An ε of {epsilon:g} bounds by {100 * promised:.1f} % how often pictures that differ "
        f"in {parameters.neighborhood:g} pixels are told apart; two pictures of the gallery lie "
        f"{apart:.0f} nats apart, where that bound says nothing.",
        links=links,
    )


def _apart(cells: Floats, rng: np.random.Generator) -> float:
    """Return the median Σ |x - x'| / λ over pairs, given x / λ [g,cells]; 0 without a pair."""
    one, other = rng.integers(0, len(cells), (2, PAIRS))
    differ = one != other
    if not differ.any():
        return 0.0
    return float(np.median(np.abs(cells[one[differ]] - cells[other[differ]]).sum(axis=1)))


def unfit(view: AdversaryView) -> str:
    """Say what is missing, or why the release cannot be read."""
    return _NO_GALLERY if view.gallery is None else unreadable(view)


ATTACK: Final = Attack(
    name="re-identify",
    title="Whose picture a pixelated one is, by likelihood",
    rung="A7",
    needs="a gallery that holds the originals",
    sanitizers=("pixelate",),
    run=run,
    unfit=unfit,
    weak={"cell": 2, "neighborhood": 1, "epsilon": 64.0},
)
