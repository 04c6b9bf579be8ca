"""Augmented convolution: the developer's first layer for morphed images, C^ac = M⁻¹ C.

Shen et al. (MoLe), arXiv 1909.07632, section 4.3.

    symbol   here          meaning                                              paper
    M′⁻¹     inverses      inverse of the core, float64 [1 or κ,q,q]            4.3
    K        layer         kernels of the developer's first convolution         4.1
    rand     order         the secret order of the output channels              4.3
    C^ac     pieces        M⁻¹ C with its channels in that order                Eq. 5

M is block-diagonal, so a block of T meets a window of the features and nothing else: for each
block its rows of C^ac are kept for that window alone. Blocks that share a core and lie alike
(by whole steps of the stride, away from the border or along the same one) have the same rows, which
are kept once. With one block (κ = 1) this is the paper's dense matrix; with square patches and
a patch embedding it is one q x β matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.types import FirstConv, block_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types import Blocks


CHECKED_IMAGES: Final = 4  # whose features are compared, once a layer is made


@dataclass(frozen=True, slots=True)
class Reach:
    """One matrix of the layer: which core it inverts, and what its rows reach.

    `places` int64 [q] on the canvas (α, height, width), -1 for values that no kernel meets;
    `size` of the window.
    """

    core: int
    places: NDArray[np.int64]
    canvas: tuple[int, int, int]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AugConvPlan:
    """What an Aug-Conv layer will hold, from geometry alone.

    `reaches` are its matrices; `matrix_of` int32 [κ] and `windows` int32 [κ,2] as in `AugConv`.
    """

    layer: FirstConv
    blocks: Blocks
    kappa: int
    reaches: tuple[Reach, ...]
    matrix_of: NDArray[np.int32]
    windows: NDArray[np.int32]

    @property
    def core_size(self) -> int:
        """Return q."""
        return math.prod(self.layer.input_shape) // self.kappa

    @property
    def elements(self) -> int:
        """Return how many numbers all matrices hold."""
        return sum(math.prod(self.shape(i)) for i in range(len(self.reaches)))

    @property
    def dense_elements(self) -> int:
        """Return αhw · βn_h n_w, the elements of the paper's dense C^ac."""
        return math.prod(self.layer.input_shape) * math.prod(self.layer.output_shape)

    @property
    def work_bytes(self) -> int:
        """Return the memory that making and checking take at least, beside the cores.

        A row of canvas, taps and products, and padded images with their features in float64.
        """
        layer = self.layer
        top, bottom, left, right = layer.padding
        _, high, wide = layer.input_shape
        depth = math.prod(layer.weight.shape[1:])
        row = max(
            math.prod(reach.canvas) + math.prod(reach.size) * (depth + layer.maps)
            for reach in self.reaches
        )
        padded = layer.channels * (high + top + bottom) * (wide + left + right)
        image = padded + 2 * math.prod(layer.output_shape)
        return 4 * row + 8 * CHECKED_IMAGES * image + 16 * depth**2

    def shape(self, matrix: int) -> tuple[int, int, int, int]:
        """Return the shape [q,β,height,width] of one matrix."""
        return (self.core_size, self.layer.maps, *self.reaches[matrix].size)


def plan_augconv(layer: FirstConv, blocks: Blocks, kappa: int, *, is_distinct: bool) -> AugConvPlan:
    """Find which part of the features each block reaches, and which blocks are alike.

    Raises
    ------
    ValueError
        κ blocks of this kind do not cover the images.
    """
    places = block_places(blocks, kappa, layer.input_shape)
    reaches: list[Reach] = []
    known: dict[tuple[Any, ...], int] = {}
    matrix_of = np.empty(kappa, np.int32)
    windows = np.empty((kappa, 2), np.int32)
    for block, of_block in enumerate(places):
        corner, reach = _reach(layer, of_block, block if is_distinct else 0)
        key = (reach.core, reach.size, reach.canvas, reach.places.tobytes())
        if key not in known:
            known[key] = len(reaches)
            reaches.append(reach)
        matrix_of[block], windows[block] = known[key], corner
    return AugConvPlan(layer, blocks, kappa, tuple(reaches), matrix_of, windows)


def shuffled(layer: FirstConv, order: NDArray[np.int64]) -> FirstConv:
    """Return the layer with its output channels in a secret order: map i is its map `order[i]`.

    The kernels themselves must not be grouped any more: see `ungrouped`.
    """
    bias = None if layer.bias is None else layer.bias[order]
    return replace(layer, weight=np.ascontiguousarray(layer.weight[order]), bias=bias)


def ungrouped(layer: FirstConv) -> FirstConv:
    """Return the same layer in one group, with zeros where a map does not see a channel."""
    if layer.groups == 1:
        return layer
    maps, depth, *kernel = layer.weight.shape
    weight = np.zeros((maps, layer.channels, *kernel), np.float32)
    for i in range(maps):
        first = i // (maps // layer.groups) * depth
        weight[i, first : first + depth] = layer.weight[i]
    return replace(layer, weight=weight, groups=1)


def matrix_pieces(
    plan: AugConvPlan, matrix: int, inverses: NDArray[np.float64]
) -> Iterator[NDArray[np.float32]]:
    """Yield the rows of one matrix, float32 [rows,β,height,width] at a time, in bounded memory.

    What is yielded is overwritten by the next: use it, or copy it, first.

    Parameters
    ----------
    inverses
        float64 [cores,q,q].
    """
    # torch loads here: planning needs none of it
    from dpkit.kernels.convmatrix import convolved_rows  # noqa: PLC0415 (see above)

    reach, layer = plan.reaches[matrix], ungrouped(plan.layer)
    steps = (layer.stride, layer.dilation)
    return convolved_rows(inverses[reach.core], reach.places, reach.canvas, layer.weight, steps)


def whole_matrix(
    plan: AugConvPlan, matrix: int, inverses: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return one matrix, float32 [q,β,height,width], where it fits into memory."""
    whole, start = np.empty(plan.shape(matrix), np.float32), 0
    for piece in matrix_pieces(plan, matrix, inverses):
        whole[start : start + len(piece)] = piece
        start += len(piece)
    return whole


def _reach(
    layer: FirstConv, of_block: NDArray[np.int64], core: int
) -> tuple[tuple[int, int], Reach]:
    channel, *place = np.unravel_index(of_block, layer.input_shape)
    before = (layer.padding[0], layer.padding[2])
    sides = [_window(layer, axis, place[axis] + before[axis]) for axis in (0, 1)]
    (top, high, tall), (left, wide, broad) = sides
    down = place[0] + before[0] - top * layer.stride[0]
    across = place[1] + before[1] - left * layer.stride[1]
    inside = (down >= 0) & (down < tall) & (across >= 0) & (across < broad)
    lying = np.where(inside, (channel * tall + down) * broad + across, -1)
    canvas = (layer.channels, tall, broad)
    return (top, left), Reach(core, lying, canvas, (high, wide))


def _window(layer: FirstConv, axis: int, padded: NDArray[np.int64]) -> tuple[int, int, int]:
    """Return where a window begins, its length, and the length of its canvas, along one axis."""
    stride, spread = layer.stride[axis], layer.dilation[axis] * (layer.weight.shape[2 + axis] - 1)
    last = layer.output_shape[1 + axis] - 1
    first = min(max(0, -((spread - int(padded.min())) // stride)), last)
    end = max(min(last, int(padded.max()) // stride), first)
    return first, end - first + 1, (end - first) * stride + spread + 1
