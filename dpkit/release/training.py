"""The manifest's `training` block: what can learn from the released values, as typed fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from dpkit.release.manifest_json import Fields
from dpkit.types.blocks import BLOCKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.types import Blocks, Json

BREAKING: Final = ("flip", "crop", "rotation", "color")
_LIMIT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FirstLayer:
    """The first layer that can learn.

    `block_linear`: the image is cut into `tokens` blocks of `block` values, each with a linear
    map of its own; `cores` is how many different secret matrices stand behind them (1, or one a
    block). `blocks` says how it is cut: runs of the unrolled image, or square patches
    (`types.blocks`); releases that do not say are cut into runs.
    """

    kind: str
    tokens: int
    block: int
    cores: int
    blocks: Blocks = "raster"


@dataclass(frozen=True, slots=True)
class Training:
    """What a developer must know before training.

    `first_layer` is None where ordinary layers learn; `breaking_transforms` are those of
    `flip`, `crop`, `rotation`, `color` that do not commute with the sanitizer; `mean` and `std`
    [c] of the released values are over the training part, or over all where there is none.
    """

    convolutions_learn: bool
    why: str
    first_layer: FirstLayer | None
    breaking_transforms: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def read_training(block: Mapping[str, Json], channels: int = 3) -> Training:
    """Read the block of a manifest whose rows have at most so many channels.

    Raises
    ------
    IntegrityError
        A field is missing, unknown or of another type.
    """
    fields = Fields(dict(block), "training")
    layer = fields.maybe_child("first_layer")
    training = Training(
        convolutions_learn=fields.flag("convolutions_learn"),
        why=fields.text("why"),
        first_layer=_first_layer(layer) if layer else None,
        breaking_transforms=fields.texts("breaking_transforms", most=len(BREAKING)),
        mean=fields.numbers("mean", most=channels),
        std=fields.numbers("std", most=channels),
    )
    fields.end()
    return training


def _first_layer(fields: Fields) -> FirstLayer:
    layer = FirstLayer(
        kind=fields.one_of("kind", ("block_linear",)),
        tokens=fields.whole("tokens", 1, _LIMIT),
        block=fields.whole("block", 1, _LIMIT),
        cores=fields.whole("cores", 1, _LIMIT),
        blocks=cast("Blocks", fields.one_of_or("blocks", BLOCKS, "raster")),
    )
    fields.end()
    return layer
