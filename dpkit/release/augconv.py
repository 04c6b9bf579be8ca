"""An Aug-Conv, as the developer gets it: the payload of a keystore's object, read by a stranger.

matrix_00000, …  F32 or F16 [q,β,height,width]
matrix_of        I32 [κ]
windows          I32 [κ,2]
bias             F32 [β], or none
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from dpkit.errors import UsageError
from dpkit.release.manifest_rules import NAME
from dpkit.release.tensors import VERSION, open_tensors
from dpkit.types import BLOCKS, AugConv
from dpkit.types.layers import MAX_SIDE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dpkit.release.manifest_json import Fields, Origin
    from dpkit.types import Blocks, Json

AUGCONV: Final = "dpkit-augconv"
MAX_AUGCONV: Final = 1 << 40  # bytes: 1 TiB; its matrices are mapped, never read whole
_MATRIX: Final = re.compile(r"matrix_[0-9]{5}")


def augconv_settings(
    *,
    release_id: str,
    blocks: Blocks,
    input_shape: tuple[int, int, int],
    output_shape: tuple[int, int, int],
    consent: Mapping[str, Json],
) -> dict[str, Json]:
    """Return the settings of an Aug-Conv file: what an `AugConv` holds beside its arrays."""
    return {
        "format": AUGCONV,
        "version": VERSION,
        "release_id": release_id,
        "blocks": blocks,
        "input_shape": list(input_shape),
        "output_shape": list(output_shape),
        "consent": dict(consent),
    }


def matrix_name(number: int) -> str:
    """Return the name of matrix `number`, 0 to 65534."""
    return f"matrix_{number:05d}"


def read_augconv(path: str | Path) -> AugConv:
    """Read an Aug-Conv that a provider has handed over; its arrays are mapped from the disk.

    Raises
    ------
    UsageError
        There is no such file, or its format is newer.
    IntegrityError
        The file is none of this format, contradicts itself, or holds a value that is not finite.
    """
    file = open_tensors(path, AUGCONV, "ask the provider for the file again", MAX_AUGCONV)
    count = sum(bool(_MATRIX.fullmatch(name)) for name in file.arrays)
    try:
        layer = AugConv(
            matrices=tuple(file.take(matrix_name(i), 4) for i in range(count)),
            matrix_of=file.take("matrix_of", 1, np.int32),
            windows=file.take("windows", 2, np.int32),
            bias=file.take_bias(),
            **_scalars(file.settings),
        )
    except UsageError as error:
        file.origin.malformed(str(error))
    file.end()
    _check_finite(layer, file.origin)
    return layer


def _scalars(settings: Fields) -> dict[str, Any]:
    return {
        "release_id": settings.text("release_id", pattern=NAME),
        "blocks": cast("Blocks", settings.one_of("blocks", BLOCKS)),
        "input_shape": settings.wholes("input_shape", 3, 1, MAX_SIDE),
        "output_shape": settings.wholes("output_shape", 3, 1, MAX_SIDE),
        "consent": settings.mapping("consent"),
    }


def _check_finite(layer: AugConv, origin: Origin) -> None:
    parts = layer.matrices if layer.bias is None else (*layer.matrices, layer.bias[None])
    if not all(np.isfinite(rows).all() for part in parts for rows in part):
        origin.malformed("a value is not finite")
