"""How an Aug-Conv is multiplied out: one product for all patches, one for each, or windows.

Each module maps values [n,α,h,w] to features [n,β,n_h,n_w] without bias and holds the matrices as
buffers. float16 matrices stay float16 where they lie and are widened where they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from dpkit.developer.cutting import cut
from dpkit.release.augconv import matrix_name
from dpkit.types import patch_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types import AugConv


class AugPatch(nn.Module):
    """One matrix for all patches: the cost of the patch embedding which it stands for.

    A product of matrices and no strided convolution: on a GPU torch's convolutions round to TF32
    unless told otherwise, its products do not; and on a CPU it is the faster of the two.

    Parameters
    ----------
    layer
        An Aug-Conv that is one matrix, and for which `has_patch_grid` holds.
    """

    matrix: Tensor

    def __init__(self, layer: AugConv) -> None:
        super().__init__()
        self.kappa, self.output_shape = layer.kappa, layer.output_shape
        self.register_buffer("matrix", _tensor(layer.matrices[0][:, :, 0, 0]))  # [q,β]

    def forward(self, values: Tensor) -> Tensor:
        """Map [n,α,h,w] to [n,β,h/P,w/P]."""
        features = cut(values, self.kappa, "patch") @ self.matrix.to(values.dtype)  # [n,κ,β]
        return features.transpose(1, 2).reshape(len(values), *self.output_shape)


class AugPatches(nn.Module):
    """A matrix for each patch, each for one place of the features: one batched product.

    Parameters
    ----------
    layer
        An Aug-Conv for which `has_patch_grid` holds.
    """

    matrices: Tensor

    def __init__(self, layer: AugConv) -> None:
        super().__init__()
        self.kappa, self.output_shape = layer.kappa, layer.output_shape
        stacked = np.stack([layer.matrices[i][:, :, 0, 0] for i in layer.matrix_of])
        self.register_buffer("matrices", _tensor(stacked))  # [κ,q,β]

    def forward(self, values: Tensor) -> Tensor:
        """Map [n,α,h,w] to [n,β,h/P,w/P]."""
        patches = cut(values, self.kappa, "patch").transpose(0, 1)
        features = torch.bmm(patches, self.matrices.to(values.dtype))  # [κ,n,β]
        return features.permute(1, 2, 0).reshape(len(values), *self.output_shape)


class AugWindows(nn.Module):
    """The general case: each block is multiplied by its matrix and added into its window."""

    def __init__(self, layer: AugConv) -> None:
        super().__init__()
        self.kappa, self.blocks, self.output_shape = layer.kappa, layer.blocks, layer.output_shape
        self.names = [matrix_name(i) for i in range(len(layer.matrices))]
        self.windows: list[list[int]] = layer.windows.tolist()
        self.members: list[list[int]] = [
            np.flatnonzero(layer.matrix_of == i).tolist() for i in range(len(layer.matrices))
        ]
        self.sizes = [matrix.shape[2:] for matrix in layer.matrices]
        for name, matrix in zip(self.names, layer.matrices, strict=True):
            # of two axes: four would be laid out anew by .to(memory_format=torch.channels_last)
            self.register_buffer(name, _tensor(matrix).flatten(1))  # [q,β·height·width]

    def forward(self, values: Tensor) -> Tensor:
        """Map [n,α,h,w] to [n,β,n_h,n_w]."""
        blocks = cut(values, self.kappa, self.blocks)
        features = values.new_zeros(len(values), *self.output_shape)
        for name, members, size in zip(self.names, self.members, self.sizes, strict=True):
            high, wide = size
            product = blocks[:, members] @ getattr(self, name).to(values.dtype)
            parts = product.unflatten(2, (-1, high, wide))  # [n,g,β,height,width]
            for place, member in enumerate(members):
                top, left = self.windows[member]
                features[:, :, top : top + high, left : left + wide] += parts[:, place]
        return features


def product_of(layer: AugConv) -> AugPatch | AugPatches | AugWindows:
    """Return the fastest product that gives this layer's features."""
    if not has_patch_grid(layer):
        return AugWindows(layer)
    return AugPatch(layer) if layer.is_patch else AugPatches(layer)


def has_patch_grid(layer: AugConv) -> bool:
    """Say whether patch number k, row by row, makes place number k of the features, alone."""
    _, *size = layer.output_shape
    side = patch_side(layer.kappa, *layer.input_shape[1:]) if layer.blocks == "patch" else None
    grid = [m // side for m in layer.input_shape[1:]] if side else []
    rows_and_columns = np.stack(np.divmod(np.arange(layer.kappa), size[1]), axis=1)
    return (
        grid == size
        and all(matrix.shape[2:] == (1, 1) for matrix in layer.matrices)
        and np.array_equal(layer.windows, rows_and_columns)
    )


def _tensor(array: NDArray[Any]) -> Tensor:
    """Return a tensor over the same memory, which may be mapped from a file."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())
