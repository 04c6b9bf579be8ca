"""Augmentation that is exact on released values: each equals the same act on the images.

Where a sanitizer is linear, T = D M, and M acts on each block by itself, an act on T that is linear
over images and keeps blocks whole is the same act on the normalised images D:

    mixup            aT₁ + bT₂ = (aD₁ + bD₂) M                         any linear release
    scale_intensity  aT = (aD) M                                       any linear release
    add_noise        T + E = (D + E M⁻¹) M                             white on D: orthogonal cores
    drop_blocks      a block of zeros in T is one in D                 block-wise
    exchange_blocks  a place of T₁ from T₂ is that place of D₁ from D₂  block-wise
    shuffle_patches  places of T exchanged are places of D exchanged   one core for all patches

D is what was morphed: (pixel / peak − mean) / std. So 0 is black only where nothing was subtracted,
and the mean colour elsewhere; intensity is scaled about it.

A flip, a crop or a rotation moves pixels between blocks, or within one. On T it would have to be
M⁻¹ P M for the pixels' permutation P, and M is the secret. The provider does it before morphing, or
nobody does. Colour changes mix channels within a block, and fail for the same reason.

Every function takes the values as they are released, float [n,c,h,w], leaves them as they are, and
returns new ones; `rng` draws, so a seed repeats a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dpkit.developer.cutting import cut, join
from dpkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dpkit.release.training import FirstLayer


def mixup(
    values: Tensor, targets: Tensor, rng: np.random.Generator, *, alpha: float = 0.2
) -> tuple[Tensor, Tensor]:
    """Mix each image, and its target, with another of the batch: a ~ Beta(α,α), b = 1 - a.

    Parameters
    ----------
    targets
        Float [n,…]: classes one-hot, or numbers.
    alpha
        Above 0.

    Raises
    ------
    UsageError
        The targets are whole numbers, or `alpha` is out of range.
    """
    _check(alpha > 0, f"mixup's alpha {alpha} is not above 0", "0.2 is usual")
    _check_targets(targets)
    share = torch.from_numpy(rng.beta(alpha, alpha, len(values)))
    partner = torch.from_numpy(rng.permutation(len(values)))
    return _mixed(values, share, partner), _mixed(targets, share, partner)


def scale_intensity(
    values: Tensor, rng: np.random.Generator, *, low: float = 0.8, high: float = 1.2
) -> Tensor:
    """Multiply each image by a number that is uniform from `low` to `high`.

    Raises
    ------
    UsageError
        `low` is above `high`.
    """
    _check(low <= high, f"intensity from {low} to {high}", "give the smaller one as low")
    return values * _per_image(rng.uniform(low, high, len(values)), values)


def add_noise(values: Tensor, rng: np.random.Generator, *, scale: float) -> Tensor:
    """Add independent Gaussian noise of deviation `scale` to each value.

    On the images it is Gaussian noise E M⁻¹. Of an orthogonal core it is again independent and of
    the same deviation. Other cores give it the covariance scale² M⁻ᵀM⁻¹, which is strong in a few
    directions: up to the core's condition number times as strong as in others.

    Raises
    ------
    UsageError
        `scale` is negative.
    """
    _check(scale >= 0, f"noise of deviation {scale}", "give 0 or more")
    noise = torch.from_numpy(rng.standard_normal(values.shape, dtype="float32"))
    return values + scale * noise.to(values)


def drop_blocks(
    values: Tensor, rng: np.random.Generator, layer: FirstLayer, *, share: float = 0.1
) -> Tensor:
    """Set each block to 0 with probability `share`.

    Parameters
    ----------
    layer
        The manifest's first layer (`read_training(manifest.training).first_layer`).

    Raises
    ------
    UsageError
        The blocks are not those of these values, or `share` is not within 0 to 1.
    """
    _check_share(share)
    blocks = cut(values, layer.tokens, layer.blocks)
    kept = torch.from_numpy(rng.random(blocks.shape[:2]) >= share)
    dropped = blocks * kept[..., None].to(blocks)
    return join(dropped, _shape(values), layer.blocks)


def exchange_blocks(
    values: Tensor,
    targets: Tensor,
    rng: np.random.Generator,
    layer: FirstLayer,
    *,
    share: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Take each block with probability `share` from the same place of another image of the batch.

    A target becomes the mean of both images' by the blocks that each gave, as in CutMix.

    Parameters
    ----------
    targets
        Float [n,…]: classes one-hot, or numbers.
    layer
        The manifest's first layer (`read_training(manifest.training).first_layer`).

    Raises
    ------
    UsageError
        The targets are whole numbers, the blocks are not those of these values, or `share` is not
        within 0 to 1.
    """
    _check_share(share)
    _check_targets(targets)
    blocks = cut(values, layer.tokens, layer.blocks)
    own = torch.from_numpy(rng.random(blocks.shape[:2]) >= share)
    partner = torch.from_numpy(rng.permutation(len(values)))
    there = partner.to(values.device)
    mixed = torch.where(own[..., None].to(values.device), blocks, blocks[there])
    exchanged = join(mixed, _shape(values), layer.blocks)
    return exchanged, _mixed(targets, own.double().mean(1), partner)


def shuffle_patches(values: Tensor, rng: np.random.Generator, layer: FirstLayer) -> Tensor:
    """Put the patches of each image into another order, each image into its own.

    Parameters
    ----------
    layer
        The manifest's first layer (`read_training(manifest.training).first_layer`).

    Raises
    ------
    UsageError
        The release is not made of patches under one core.
    """
    _check(
        layer.blocks == "patch" and layer.cores == 1,
        f"{layer.blocks} blocks under {layer.cores} cores cannot change places",
        "this needs a release by --blocks patch --cores shared",
    )
    patches = cut(values, layer.tokens, layer.blocks)
    order = rng.permuted([list(range(layer.tokens))] * len(values), axis=1)
    there = torch.from_numpy(order).to(values.device)
    shuffled = torch.take_along_dim(patches, there[..., None], dim=1)
    return join(shuffled, _shape(values), layer.blocks)


def _mixed(tensor: Tensor, share: Tensor, partner: Tensor) -> Tensor:
    own = _per_image(share.numpy(), tensor)
    return own * tensor + (1 - own) * tensor[partner.to(tensor.device)]


def _per_image(numbers: NDArray[np.float64], like: Tensor) -> Tensor:
    """Return [n,1,…] numbers, of the type and on the device of `like` [n,…]."""
    return torch.from_numpy(numbers).to(like).reshape(-1, *[1] * (like.ndim - 1))


def _shape(values: Tensor) -> tuple[int, int, int]:
    _, channels, height, width = values.shape
    return channels, height, width


def _check_targets(targets: Tensor) -> None:
    _check(
        targets.is_floating_point(),
        f"targets {targets.dtype} cannot be mixed",
        "give torch.nn.functional.one_hot(targets, classes).float()",
    )


def _check_share(share: float) -> None:
    _check(0 <= share <= 1, f"share {share} is not within 0 to 1", "0.1 drops every tenth block")


def _check(holds: bool, what: str, remedy: str) -> None:
    if not holds:
        raise UsageError(what, remedy=remedy)
