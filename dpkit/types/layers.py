"""The two layers that provider and developer exchange: the developer's first, and Aug-Conv.

Shen et al. (MoLe), arXiv 1909.07632, sections 4.1 and 4.3.

    symbol    here            meaning                                              paper
    α, m      input_shape     channels and size of an image; here h and w          4.1
    β, n      output_shape    channels and size of the features; here n_h and n_w  4.1
    p         kernel          size of a kernel; here of either side                4.1
    K         weight          kernels of the first layer                           4.1
    C         (never built)   the convolution as an αm² x βn² matrix               Eq. 1
    C^ac      matrices        M⁻¹ C with its channels in a secret order            Eq. 5
    κ, q      matrix_of       blocks of an image, and their length                 Eq. 3
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.types.blocks import BLOCKS, Blocks, patch_side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.images import Json

MAX_SIDE: Final = 65_535  # of images, kernels and channels
_FLOATS: Final = (np.dtype(np.float32), np.dtype(np.float16))


@dataclass(frozen=True, slots=True, eq=False)
class FirstConv:
    """The first convolution of a developer's network, and the input that it was trained on.

    Parameters
    ----------
    weight
        float32 [β,α/groups,p_h,p_w].
    bias
        float32 [β], or None.
    stride, dilation
        Down and across.
    padding
        Zeros at top, bottom, left and right.
    input_size
        Height and width of the images.
    normalize
        What is done to pixels before: `none`, `imagenet` or `mean,std`.

    Raises
    ------
    UsageError
        A number is out of range, or the kernel is larger than the padded image.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int
    input_size: tuple[int, int]
    normalize: str

    def __post_init__(self) -> None:
        if self.weight.ndim != 4 or self.weight.dtype != np.float32 or 0 in self.weight.shape:  # noqa: PLR2004 (β, α, p_h, p_w)
            raise UsageError(
                f"first layer: weights {self.weight.dtype} {self.weight.shape}, not float32 "
                "[out,in,height,width]",
                remedy="export the network's first Conv2d",
            )
        if self.bias is not None and (self.bias.dtype, self.bias.shape) != (
            self.weight.dtype,
            (self.maps,),
        ):
            raise UsageError(f"first layer: a bias {self.bias.shape} for {self.maps} maps")
        _within("stride", self.stride, 1)
        _within("padding", self.padding, 0)
        _within("dilation", self.dilation, 1)
        _within("input size", self.input_size, 1)
        _within("shape of the weights", self.weight.shape, 1)
        _within("groups", (self.groups, self.channels), 1)
        if self.maps % self.groups:
            raise UsageError(f"first layer: {self.groups} groups do not divide {self.maps} maps")
        if not all(
            np.isfinite(part).all() for part in (self.weight, self.bias) if part is not None
        ):
            raise UsageError(
                "first layer: a weight is not finite", remedy="train the network again"
            )
        if min(self.output_shape) < 1:
            raise UsageError(
                f"first layer: kernels of {self.weight.shape[2:]} do not fit into images of "
                f"{self.input_size} with padding {self.padding}"
            )

    @property
    def channels(self) -> int:
        """Return α."""
        return int(self.weight.shape[1]) * self.groups

    @property
    def maps(self) -> int:
        """Return β."""
        return int(self.weight.shape[0])

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Return α, h and w."""
        return (self.channels, *self.input_size)

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Return β, n_h and n_w."""
        top, bottom, left, right = self.padding
        sides = zip(
            self.input_size, (top + bottom, left + right), self.weight.shape[2:], self.stride,
            self.dilation, strict=True,
        )  # fmt: skip
        high, wide = ((m + pad - d * (p - 1) - 1) // s + 1 for m, pad, p, s, d in sides)
        return (self.maps, high, wide)

    @property
    def is_patch_embedding(self) -> bool:
        """Say whether kernels tile the image: as wide as their stride, no padding."""
        kernel = self.weight.shape[2:]
        return kernel == self.stride and not any(self.padding) and self.dilation == (1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class AugConv:
    """An augmented convolution: features of the originals from released values (Eq. 5).

    The features are F[:, y, x] = bias + Σ_b T_b W_b, where the matrix W_b of block b reaches the
    window of F that begins at `windows[b]`; it is 0 elsewhere. Blocks that share their core and
    lie alike share one matrix.

    Parameters
    ----------
    matrices
        float32 or float16, [q,β,height,width] each.
    matrix_of
        int32 [κ]: which of them is a block's.
    windows
        int32 [κ,2]: first row and column of a block's window.
    bias
        float32 [β], or None.
    blocks
        How an image is cut into blocks (`types.blocks`).
    input_shape, output_shape
        α, h, w and β, n_h, n_w.
    release_id
        The release that it belongs to.
    consent
        What the provider agreed to when it was handed over; empty before.

    Raises
    ------
    UsageError
        The parts do not fit together.
    """

    matrices: tuple[NDArray[Any], ...]
    matrix_of: NDArray[np.int32]
    windows: NDArray[np.int32]
    bias: NDArray[np.float32] | None
    blocks: Blocks
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    release_id: str
    consent: dict[str, Json]

    def __post_init__(self) -> None:
        kappa, (maps, *size) = self.matrix_of.size, self.output_shape
        fits = (
            self.blocks in BLOCKS
            and min(*self.input_shape, *self.output_shape, kappa, len(self.matrices)) >= 1
            and int(np.prod(self.input_shape)) % kappa == 0
            and (self.blocks == "raster" or patch_side(kappa, *self.input_shape[1:]) is not None)
            and _is(self.matrix_of, np.int32, (kappa,))
            and _is(self.windows, np.int32, (kappa, 2))
            and int(self.matrix_of.min()) >= 0
            and int(self.matrix_of.max()) < len(self.matrices)
            and (self.bias is None or _is(self.bias, np.float32, (maps,)))
        )
        if not fits:
            raise UsageError(
                f"Aug-Conv: {kappa} {self.blocks} blocks of images {self.input_shape}, windows and "
                "matrices do not fit together"
            )
        q = int(np.prod(self.input_shape)) // kappa
        for matrix in self.matrices:
            if matrix.dtype not in _FLOATS or matrix.shape[:2] != (q, maps) or matrix.ndim != 4:  # noqa: PLR2004 (q, β, height, width)
                raise UsageError(f"Aug-Conv: a matrix {matrix.dtype} {matrix.shape} of {q} values")
        extent = np.array([matrix.shape[2:] for matrix in self.matrices])[self.matrix_of]
        if self.windows.min() < 0 or (self.windows + extent > size).any():
            raise UsageError(f"Aug-Conv: a window lies outside of the features {size}")

    @property
    def kappa(self) -> int:
        """Return κ."""
        return len(self.matrix_of)

    @property
    def is_patch(self) -> bool:
        """Say whether one matrix serves all patches, each for one place of the features."""
        return (
            self.blocks == "patch" and len(self.matrices) == 1
            and self.matrices[0].shape[2:] == (1, 1)
        )  # fmt: skip


def _is(array: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]) -> bool:
    return array.dtype == dtype and array.shape == shape


def _within(what: str, numbers: tuple[int, ...], least: int) -> None:
    if not all(least <= n <= MAX_SIDE for n in numbers):
        raise UsageError(f"first layer: {what} {numbers} is not within {least} to {MAX_SIDE}")
