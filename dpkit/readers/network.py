"""The weights of a network that the provider names: a safetensors file, or a torch state dict.

The file is read once, so that what is hashed is what is used. Nothing of it is run: a torch file
is opened with `weights_only=True`. Floats become float32, whatever width they are kept in; whole
numbers (the counters of batch normalization) and booleans stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from dpkit.errors import UsageError
from dpkit.types.supply import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

MAX_BYTES: Final = 4 << 30  # 4 GiB: a billion weights of float32
MAX_TENSORS: Final = 1 << 16
MAX_NAME: Final = 200  # characters
MAX_AXES: Final = 8
SAFETENSORS: Final = ".safetensors"
_LENGTH_BYTES: Final = 8  # of the head, before it
_SAVE: Final = "save network.state_dict(), by torch.save or safetensors"


def read_weights(path: str | Path) -> Weights:
    """Read a network's weights by name; the suffix `.safetensors` says which kind of file it is.

    A torch file holds the state dict itself, or under `state_dict` or `model`.

    Raises
    ------
    UsageError
        There is no such file, it is larger than 4 GiB (or unfolds to more), it holds no state dict
        or something beside tensors, or a weight is not finite.
    """
    file = Path(path)
    content = _content(file)
    is_safe = file.suffix == SAFETENSORS
    tensors, metadata = _safetensors(file, content) if is_safe else (_torch(file, content), {})
    _check_size(file, tensors)
    arrays = {name: _array(file, name, tensor) for name, tensor in tensors.items()}
    return Weights(arrays, hashlib.sha256(content).hexdigest(), metadata)


def _content(file: Path) -> bytes:
    if not file.is_file():
        raise UsageError(f"{file} is no file", remedy="name a torch or safetensors file")
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if size > MAX_BYTES:
            _refuse(file, f"has {size} bytes, above the limit of {MAX_BYTES}")
        return opened.read(MAX_BYTES)


def _safetensors(file: Path, content: bytes) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    from safetensors import SafetensorError  # noqa: PLC0415 (with torch, below)
    from safetensors.torch import load  # noqa: PLC0415 (torch is not needed to start a command)

    try:
        tensors: dict[str, Tensor] = load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        _refuse(file, f"is no safetensors file ({str(error)[:80]})")
    if not tensors:
        _refuse(file, "holds no tensors")
    stop = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    head = json.loads(content[_LENGTH_BYTES:stop])  # the library has checked it
    return tensors, dict(head.get("__metadata__") or {})


def _torch(file: Path, content: bytes) -> dict[str, Tensor]:
    from torch import Tensor  # noqa: PLC0415 (torch is not needed to start a command)

    from dpkit.nets.statedict import NoStateDictError, torch_state  # noqa: PLC0415 (as above)

    try:
        held = torch_state(BytesIO(content))
    except NoStateDictError as error:
        raise UsageError(f"{file} {error}", remedy=error.remedy) from None
    for name, part in held.items():
        if not isinstance(name, str) or not isinstance(part, Tensor):
            _refuse(file, f"holds a {type(part).__name__} under {str(name)[:80]!r}, not a tensor")
    return held


def _check_size(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse what would unfold: a tensor of stride 0 may be larger than its file."""
    if len(tensors) > MAX_TENSORS:
        _refuse(file, f"holds {len(tensors)} tensors, above the limit of {MAX_TENSORS}")
    total = sum(tensor.numel() for tensor in tensors.values()) * np.dtype(np.float32).itemsize
    if total > MAX_BYTES:
        _refuse(file, f"unfolds to {total} bytes, above the limit of {MAX_BYTES}")


def _array(file: Path, name: str, tensor: Tensor) -> NDArray[Any]:
    import torch  # noqa: PLC0415 (torch is not needed to start a command)

    if len(name) > MAX_NAME or tensor.ndim > MAX_AXES:
        _refuse(file, f"holds {name[:80]!r} of {tensor.ndim} axes and {len(name)} characters")
    is_plain = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta
    if not is_plain or tensor.is_complex():
        _refuse(file, f"holds {name[:80]!r}, which is no plain array of real numbers")
    if not tensor.is_floating_point():
        return np.array(tensor.detach().numpy(), order="C")
    array = np.array(tensor.detach().to(torch.float32).numpy(), order="C")
    if not np.isfinite(array).all():
        _refuse(file, f"holds a weight in {name[:80]!r} that is not finite in float32")
    return array


def _refuse(file: Path, what: str) -> NoReturn:
    raise UsageError(f"{file} {what}", remedy=_SAVE)
