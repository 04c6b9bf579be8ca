"""Which channel of C^ac is which kernel of the developer: the secret order, undone.

    symbol   here     meaning                                                    MoLe
    A_w      columns  the columns of C^ac for a window of outputs, M⁻¹ S K_w P    Eq. 5
    K_w      window   kernels of that window (`convolution.py`)                   Eq. 1
    P        order    the secret order of the channels, called rand               4.3
    Π        known    the projector onto the row space of K_w, K_w⁺ K_w

Shen et al. (MoLe), arXiv 1909.07632, count β! guesses for the order (P_r,bf). M⁻¹ S
has full column rank, so A_w and K_w P have one row space, and its projector is P^T Π P: the same
weighted graph with its vertices in another order. Its diagonal, the leverage scores, and its
sorted rows name the vertices; no guess is needed. With an orthogonal core even A^T A = P^T K^T K P,
and a bias in the secret order gives that order by sorting.

The answer checks itself: under the right order no energy of A_w lies outside of the row space of
K_w P. That says something where a window has more columns than pixels; for other layers the order
can only be guessed from the features (`statistics.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch, layers_of, without_layers
from dpkit.leakage.attacks.columns import gram
from dpkit.leakage.attacks.convolution import interior_corners, window_matrix
from dpkit.leakage.attacks.features import feature_parts
from dpkit.leakage.attacks.matching import match, reorder
from dpkit.leakage.attacks.statistics import guess_order
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types import AugConv, FirstConv
    from dpkit.types.adversary import AdversaryView

    Matrix = NDArray[np.float64]

MOST_SIDE: Final = 8  # of a window
LEAST_REDUNDANCY: Final = 1.5  # columns of a window for each dimension of its row space
MOST_WINDOWS: Final = 32
LEAST_WINDOWS: Final = 4
_OPERATIONS: Final = 2e10  # spent on Gram matrices: about a second of one core
MOST_RANKS: Final = 48
# A share of energy. Measured (docs/attacks/channel-order.md): right orders up to 5e-15 (float32)
# and 3e-8 (float16), two channels exchanged 8e-5 and more, wrong layers 0.03 and more.
ACCEPTED: Final = 1e-5
_TINY: Final = 1e-7  # singular values below that, relative to the largest, are lost in float32


@dataclass(frozen=True, slots=True, eq=False)
class ChannelOrder:
    """An order of the channels, and what it leaves unexplained.

    Parameters
    ----------
    order
        int64 [β]: channel i of C^ac is the developer's map `order[i]`; None where there is none.
    method
        `bias`, `gram`, `projector`, `statistics` (a guess) or `none`.
    energy
        The share of C^ac's energy that the layer in this order cannot explain, 0 to 1; None where
        no such check exists.
    """

    order: NDArray[np.int64] | None
    method: str
    energy: float | None

    @property
    def is_found(self) -> bool:
        """Whether there is an order, and its check passes (a sorted bias is a check itself)."""
        passes = self.energy <= ACCEPTED if self.energy is not None else self.method == "bias"
        return self.order is not None and passes

    @property
    def is_worth_trying(self) -> bool:
        """Whether images can be computed with it: it is found, or an unconfirmed guess."""
        return self.is_found or self.method == "statistics"


NO_ORDER: Final = ChannelOrder(None, "none", None)


def find_order(augconv: AugConv, conv: FirstConv, *, core: str = "") -> ChannelOrder:
    """Find the channel order from the two layers alone; no image is used.

    Parameters
    ----------
    core
        The public law of the cores; `orthogonal` gives one more way.

    Returns
    -------
    ChannelOrder
        The first that its check confirms, else the one with the smallest energy.
    """
    best = NO_ORDER
    for candidate in _candidates(augconv, conv, core):
        if candidate.is_found:
            return candidate
        if best.energy is None or (candidate.energy is not None and candidate.energy < best.energy):
            best = candidate
    return best


def recover_order(view: AdversaryView) -> ChannelOrder:
    """Find the order, else, where the layers alone keep it, guess it from the features."""
    augconv, conv = layers_of(view)
    found = find_order(augconv, conv, core=view.core)
    if found.method != "none" or conv.maps == 1:
        return found
    return ChannelOrder(guess_order(next(feature_parts(view)), conv)[0], "statistics", None)


def run(view: AdversaryView, _effort: Effort) -> Reconstruction:
    """Find the order that `view` hides; see `find_order`."""
    watch = Stopwatch()
    found = recover_order(view)
    figures = {"found": float(found.is_found)}
    if found.energy is not None:
        figures["energy"] = found.energy
    finding = "the secret order of the channels" if found.is_found else ""
    return Reconstruction(
        "channel-order", None, figures, watch.seconds, sentence(found), finding=finding
    )


def sentence(found: ChannelOrder) -> str:
    """Say what was found, and how it is known to be right."""
    energy = "" if found.energy is None else f"; {found.energy:.1g} of its energy is unexplained"
    if found.is_found:
        return f"The channel order falls ({found.method}{energy})."
    if found.method == "statistics":
        return (
            "The channel order is not in the layer (kernels do not overlap, and are no more than "
            "their pixels); it was guessed from the statistics of the features, unconfirmed."
        )
    if found.order is None:
        return "The channel order was not recovered. The features can be viewed all the same."
    return f"The channel order was not recovered: none explains the layer{energy}."


def _candidates(augconv: AugConv, conv: FirstConv, core: str) -> Iterator[ChannelOrder]:
    side = window_side(conv)
    rows = _RowSpace.read(augconv, conv, side) if side else None
    by_bias = order_by_bias(augconv, conv)
    if by_bias is not None:
        yield ChannelOrder(by_bias, "bias", rows.energy(by_bias) if rows else None)
    if core == "orthogonal":
        yield _by_gram(augconv, conv)
    if rows:
        yield rows.best_order()


def order_by_bias(augconv: AugConv, conv: FirstConv) -> NDArray[np.int64] | None:
    """Return the order that a bias gives away, int64 [β]; None where values are equal."""
    if augconv.bias is None or conv.bias is None or len(np.unique(conv.bias)) < conv.maps:
        return None
    by_value, of_layer = np.argsort(augconv.bias), np.argsort(conv.bias)
    if not np.array_equal(augconv.bias[by_value], conv.bias[of_layer]):
        return None  # another layer's
    order = np.empty(conv.maps, np.int64)
    order[by_value] = of_layer
    return order


def window_side(conv: FirstConv) -> int | None:
    """Return the w whose windows say most for their size; None where no window says anything.

    The least w whose βw² columns are 1.5 times the pixels that they see; else the least with more
    columns than pixels.
    """
    enough = None
    for side in range(1, MOST_SIDE + 1):
        if not len(interior_corners(conv, side)):
            break
        pixels, columns = window_matrix(conv, side).shape
        if columns >= LEAST_REDUNDANCY * pixels:
            return side
        if columns > pixels and enough is None:
            enough = side
    return enough


def _by_gram(augconv: AugConv, conv: FirstConv) -> ChannelOrder:
    """Match A^T A to K^T K, equal but for the order where M is orthogonal."""
    matrix, corners = window_matrix(conv, 1), _some(interior_corners(conv, 1), MOST_WINDOWS)
    if not len(corners):
        return NO_ORDER
    known, seen = matrix.T @ matrix, gram(augconv, corners, 1, every_row=True) / len(corners)
    order = match(known, seen, conv.maps)
    rest = np.linalg.norm(seen - reorder(known, order)) / np.linalg.norm(seen)
    return ChannelOrder(order, "gram", float(rest**2))


@dataclass(frozen=True, slots=True, eq=False)
class _RowSpace:
    """Right singular vectors of K_w, float64 [dimensions,βw²], and the Gram matrix of A_w."""

    vectors: Matrix
    seen: Matrix
    maps: int

    @classmethod
    def read(cls, augconv: AugConv, conv: FirstConv, side: int) -> _RowSpace:
        _, values, vectors = np.linalg.svd(window_matrix(conv, side), full_matrices=False)
        rank = max(1, int((values > _TINY * values[0]).sum()))
        corners = _some(interior_corners(conv, side), _windows(augconv, side))
        return cls(vectors[:rank], gram(augconv, corners, side), conv.maps)

    def energy(self, order: NDArray[np.int64]) -> float:
        """Return the share of A_w's energy outside of the row space of K_w P."""
        inside = np.sum(self.seen * reorder(self.vectors.T @ self.vectors, order))
        return float(max(0.0, 1 - inside / np.trace(self.seen)))

    def best_order(self) -> ChannelOrder:
        """Match the projectors of each rank; an ill-conditioned K_w has more noise than rank."""
        _, seen_vectors = np.linalg.eigh(self.seen)
        full = len(self.vectors)
        best = NO_ORDER
        for rank in np.unique(np.linspace(full, 1, MOST_RANKS).astype(int))[::-1]:
            known = self.vectors[:rank].T @ self.vectors[:rank]
            seen = seen_vectors[:, -rank:] @ seen_vectors[:, -rank:].T
            order = match(known, seen, self.maps)
            energy = self.energy(order)
            if best.energy is None or energy < best.energy:
                best = ChannelOrder(order, "projector", energy)
            if rank == full and energy < _TINY:
                break
        return best


def _windows(augconv: AugConv, side: int) -> int:
    columns = augconv.output_shape[0] * side * side
    operations = 2 * int(np.prod(augconv.input_shape)) * columns**2
    return int(np.clip(_OPERATIONS // operations, LEAST_WINDOWS, MOST_WINDOWS))


def _some(corners: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of the corners, evenly spread."""
    spread = np.unique(np.linspace(0, len(corners) - 1, most).astype(int))
    return np.asarray(corners[spread], dtype=np.int64)


ATTACK: Final = Attack(
    name="channel-order",
    title="Order of the channels",
    rung="A4",
    needs="C^ac and the developer's first layer",
    sanitizers=("morph",),
    run=run,
    unfit=without_layers,
)
