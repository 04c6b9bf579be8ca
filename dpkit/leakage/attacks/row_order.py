"""The places of a block's pixels, when their values are known in an unknown order.

    symbol   here     meaning
    D        levels   grey levels, each block's in one and the same unknown order, [n,αhw]
    Σ        prior    expected correlation of a block's places [q,q]

Neighbours in photographs are alike: Σ is ρ^distance, times a constant between colours. The order is
the one that makes the correlations that are seen most like Σ (`matching.py`), ρ and mirror images
tried in turn; the smoothest pictures are kept. Nothing else confirms it.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.matching import match
from dpkit.leakage.attacks.morphed import places_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.attack import Effort
    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]
    Numbers = NDArray[np.int64]

SIMILARITIES: Final = (0.7, 0.8, 0.9, 0.95, 0.98)  # ρ, of neighbouring pixels
COLOUR_SIMILARITY: Final = 0.8


def pictures(view: AdversaryView, levels: Matrix, effort: Effort) -> Matrix:
    """Return the smoothest pictures [n,h,w,c] that levels [n,αhw] give in one order a core."""
    places = places_of(view)
    blocks = levels[:, places]
    is_shared = view.cores == "shared"
    cores = [range(view.kappa)] if is_shared else [range(b, b + 1) for b in range(view.kappa)]
    for among in cores:
        effort.check()
        seen = _correlations(blocks[:, among].reshape(-1, view.core_size))
        coordinates = _coordinates(view, places[among[0]])
        trials = []
        for order in _orders(seen, coordinates):
            ordered = np.empty_like(blocks)
            ordered[:, among] = blocks[:, among][:, :, order]
            trials.append((_roughness(view, ordered, among), order))
        best = min(trials, key=lambda trial: trial[0])[1]
        blocks[:, among] = blocks[:, among][:, :, best]
    rows = np.empty_like(levels)
    rows[:, places] = blocks
    return np.asarray(np.clip(_planes(view, rows), 0, view.geometry.peak), dtype=np.float64)


def _orders(seen: Matrix, coordinates: Matrix) -> list[Numbers]:
    """Return candidates: element i of an order is which value stands at place i of the block."""
    found = []
    for similarity in SIMILARITIES:
        order = match(seen, _prior(coordinates, similarity), len(seen))
        found += [order[turned] for turned in _mirrors(coordinates)]
    return found


def _mirrors(coordinates: Matrix) -> list[Numbers]:
    """Return the orders of places that mirror a block left to right, top to bottom, and both."""
    at = {tuple(place): i for i, place in enumerate(coordinates.tolist())}
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    found = []
    for down, across in product((False, True), repeat=2):
        turned = coordinates.copy()
        for axis, is_turned in ((1, down), (2, across)):
            if is_turned:
                turned[:, axis] = low[axis] + high[axis] - turned[:, axis]
        if all(tuple(place) in at for place in turned.tolist()):
            found.append(np.array([at[tuple(place)] for place in turned.tolist()]))
    return found


def _prior(coordinates: Matrix, similarity: float) -> Matrix:
    gaps = coordinates[:, None] - coordinates
    distance = np.hypot(gaps[..., 1], gaps[..., 2])
    between = np.where(gaps[..., 0] == 0, 1.0, COLOUR_SIMILARITY)
    return np.asarray(similarity**distance * between, dtype=np.float64)


def _correlations(values: Matrix) -> Matrix:
    centred = values - values.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    scaled = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)
    return np.asarray(scaled.T @ scaled / len(values), dtype=np.float64)


def _coordinates(view: AdversaryView, places: Numbers) -> Matrix:
    """Return channel, row and column of places in an unrolled image, [q,3]."""
    shape = (view.geometry.channels, view.geometry.height, view.geometry.width)
    return np.stack(np.unravel_index(places, shape), axis=1).astype(np.float64)


def _roughness(view: AdversaryView, blocks: Matrix, among: range) -> float:
    """Return the mean step between neighbours within the blocks `among` and, if all, across."""
    rows = np.full((len(blocks), view.geometry.elements), np.nan)
    rows[:, places_of(view)[among]] = blocks[:, among]
    planes = _planes(view, rows)
    steps = [np.abs(np.diff(planes, axis=axis)) for axis in (1, 2) if planes.shape[axis] > 1]
    return float(sum(np.nansum(step) for step in steps))


def _planes(view: AdversaryView, rows: Matrix) -> Matrix:
    geometry = view.geometry
    shape = (len(rows), geometry.channels, geometry.height, geometry.width)
    return np.moveaxis(rows.reshape(shape), 1, -1)
