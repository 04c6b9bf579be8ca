"""The developer's first layer, as the provider gets it: weight, bias or none, and settings.

weight  F32 [β,α/groups,p_h,p_w]
bias    F32 [β], or none
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.release.tensors import open_tensors, write_tensors
from dpkit.types import FirstConv
from dpkit.types.layers import MAX_SIDE

if TYPE_CHECKING:
    from dpkit.release.manifest_json import Fields
    from dpkit.types import Json

FIRST_CONV: Final = "dpkit-first-conv"
MAX_FIRST_CONV: Final = 1 << 30  # bytes: 1 GiB
_NUMBER: Final = r"[+-]?[0-9.]{1,20}(e[+-]?[0-9]{1,3})?"
NORMALIZE: Final = re.compile(rf"none|imagenet|{_NUMBER},{_NUMBER}((,{_NUMBER}){{4}})?")


def write_first_conv(path: str | Path, layer: FirstConv) -> None:
    """Write a first layer for the provider.

    Raises
    ------
    UsageError
        The file exists, or the normalisation is no text of the four forms.
    DpkitError
        The system refuses to write.
    """
    target = Path(path)
    if target.exists():
        raise UsageError(f"{target} exists", remedy="name another file")
    if not NORMALIZE.fullmatch(layer.normalize):
        raise UsageError(
            f"normalisation {layer.normalize[:80]!r} is not known",
            remedy="give none, imagenet, or mean,std of values from 0 to 1, as in 0.5,0.25",
        )
    arrays = {"weight": layer.weight} | ({} if layer.bias is None else {"bias": layer.bias})
    write_tensors(target, FIRST_CONV, _settings(layer), arrays)


def read_first_conv(path: str | Path) -> FirstConv:
    """Read a first layer that anybody may have written.

    Raises
    ------
    UsageError
        There is no such file, or its format is newer, or it pads with other values than zeros.
    IntegrityError
        The file is none of this format, or contradicts itself.
    """
    file = open_tensors(
        path, FIRST_CONV, "export it again with `dpkit first-conv MODEL`", MAX_FIRST_CONV
    )
    if (mode := file.settings.text("padding_mode", most=40)) != "zeros":
        raise UsageError(
            f"{path}: padding mode {mode!r} is no linear map of the image that is built here",
            remedy="train the first layer with padding_mode='zeros'",
        )
    try:
        layer = FirstConv(
            weight=file.take("weight", 4, np.float32),
            bias=file.take_bias(),
            **_geometry(file.settings),
        )
    except UsageError as error:
        file.origin.malformed(str(error))
    file.end()
    return layer


def _settings(layer: FirstConv) -> dict[str, Json]:
    return {
        "stride": list(layer.stride),
        "padding": list(layer.padding),
        "dilation": list(layer.dilation),
        "groups": layer.groups,
        "padding_mode": "zeros",
        "input_size": list(layer.input_size),
        "normalize": layer.normalize,
    }


def _geometry(settings: Fields) -> dict[str, Any]:
    return {
        "stride": settings.wholes("stride", 2, 1, MAX_SIDE),
        "padding": settings.wholes("padding", 4, 0, MAX_SIDE),
        "dilation": settings.wholes("dilation", 2, 1, MAX_SIDE),
        "groups": settings.whole("groups", 1, MAX_SIDE),
        "input_size": settings.wholes("input_size", 2, 1, MAX_SIDE),
        "normalize": settings.text("normalize", pattern=NORMALIZE),
    }
