"""The files that developer and provider exchange: first layer, Aug-Conv, rest of a network.

All are safetensors files whose metadata holds one text, `dpkit`: the settings as JSON.
`docs/format.md` specifies them byte by byte.

    file         arrays
    first-conv   weight F32 [β,α/groups,p_h,p_w] · bias F32 [β], or none
    augconv      matrix_00000, … F32 or F16 [q,β,height,width] · matrix_of I32 [κ] ·
                 windows I32 [κ,2] · bias F32 [β], or none
    remote       the weights of a network, F32, each named w_ and its name, `__` for each `.`
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from safetensors.numpy import save

from dpkit.errors import UsageError
from dpkit.release.aside import write_file
from dpkit.release.manifest_rules import NAME
from dpkit.release.mapped import VERSION, open_tensors
from dpkit.types import BLOCKS, AugConv, FirstConv
from dpkit.types.layers import MAX_SIDE
from dpkit.types.supply import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.release.manifest_json import Fields, Origin
    from dpkit.types import Blocks, Json

FIRST_CONV: Final = "dpkit-first-conv"
AUGCONV: Final = "dpkit-augconv"
REMOTE: Final = "dpkit-remote"
MAX_FIRST_CONV: Final = 1 << 30  # bytes: 1 GiB
MAX_AUGCONV: Final = 1 << 40  # bytes: 1 TiB; its matrices are mapped, never read whole
MAX_REMOTE: Final = 4 << 30  # bytes: 4 GiB
_LEAD, _DOT = "w_", "__"  # of the name of a weight: an array's begins with a letter, has no dot
_NUMBER: Final = r"[+-]?[0-9.]{1,20}(e[+-]?[0-9]{1,3})?"
NORMALIZE: Final = re.compile(rf"none|imagenet|{_NUMBER},{_NUMBER}((,{_NUMBER}){{4}})?")
_MATRIX: Final = re.compile(r"matrix_[0-9]{5}")


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
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(_first_conv_settings(layer), sort_keys=True, separators=(",", ":"))
    write_file(target, save(plain, metadata={"dpkit": text}))


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
            **_first_conv_geometry(file.settings),
        )
    except UsageError as error:
        file.origin.malformed(str(error))
    file.end()
    return layer


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


def augconv_arrays(layer: AugConv) -> dict[str, NDArray[Any]]:
    """Return the arrays of an Aug-Conv file by name."""
    arrays = {matrix_name(i): matrix for i, matrix in enumerate(layer.matrices)}
    arrays |= {"matrix_of": layer.matrix_of, "windows": layer.windows}
    return arrays if layer.bias is None else arrays | {"bias": layer.bias}


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
            **_augconv_scalars(file.settings),
        )
    except UsageError as error:
        file.origin.malformed(str(error))
    file.end()
    _check_finite(layer, file.origin)
    return layer


def write_remote(path: Path, remote: Weights) -> None:
    """Write the rest of a network: its name and arguments as settings, its floats as float32.

    Counters, such as those of batch normalization, are left out: they serve training alone.
    """
    floats = {name: array for name, array in remote.arrays.items() if array.dtype.kind == "f"}
    arrays = {
        _LEAD + name.replace(".", _DOT): np.ascontiguousarray(array, np.float32)
        for name, array in floats.items()
    }
    settings = {
        "format": REMOTE,
        "version": VERSION,
        "network": remote.metadata["network"],
        "arguments": json.loads(remote.metadata["arguments"]),
    }
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    write_file(path, save(arrays, metadata={"dpkit": text}))


def read_remote(path: str | Path) -> Weights:
    """Read the rest of a network that a release holds; `metadata` has `network`, `arguments`.

    Raises
    ------
    UsageError
        There is no such file, or its format is newer.
    IntegrityError
        The file is none of this format, or holds a value that is not finite.
    """
    file = open_tensors(path, REMOTE, "ask the provider for the release again", MAX_REMOTE)
    network = file.settings.text("network", pattern=NAME)
    arguments = dict(file.settings.mapping("arguments"))
    arrays = {
        name.removeprefix(_LEAD).replace(_DOT, "."): file.take_any(name)
        for name in sorted(file.arrays)
    }
    file.end()
    if not all(np.isfinite(array).all() for array in arrays.values()):
        file.origin.malformed("a value is not finite")
    return Weights(arrays, "", {"network": network, "arguments": json.dumps(arguments)})


def _first_conv_settings(layer: FirstConv) -> dict[str, Json]:
    return {
        "format": FIRST_CONV,
        "version": VERSION,
        "stride": list(layer.stride),
        "padding": list(layer.padding),
        "dilation": list(layer.dilation),
        "groups": layer.groups,
        "padding_mode": "zeros",
        "input_size": list(layer.input_size),
        "normalize": layer.normalize,
    }


def _first_conv_geometry(settings: Fields) -> dict[str, Any]:
    return {
        "stride": settings.wholes("stride", 2, 1, MAX_SIDE),
        "padding": settings.wholes("padding", 4, 0, MAX_SIDE),
        "dilation": settings.wholes("dilation", 2, 1, MAX_SIDE),
        "groups": settings.whole("groups", 1, MAX_SIDE),
        "input_size": settings.wholes("input_size", 2, 1, MAX_SIDE),
        "normalize": settings.text("normalize", pattern=NORMALIZE),
    }


def _augconv_scalars(settings: Fields) -> dict[str, Any]:
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
