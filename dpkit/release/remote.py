"""The rest of a network that a release holds, for whoever learns from its feature maps.

Its weights, F32, are each named w_ and their name, `__` for each `.`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.release.manifest_rules import NAME
from dpkit.release.tensors import open_tensors, write_tensors
from dpkit.types.supply import Weights

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.types import Json

REMOTE: Final = "dpkit-remote"
MAX_REMOTE: Final = 4 << 30  # bytes: 4 GiB
_LEAD, _DOT = "w_", "__"  # of the name of a weight: an array's begins with a letter, has no dot


def write_remote(path: Path, remote: Weights) -> None:
    """Write the rest of a network: its name and arguments as settings, its floats as float32.

    Counters, such as those of batch normalization, are left out: they serve training alone.
    """
    floats = {name: array for name, array in remote.arrays.items() if array.dtype.kind == "f"}
    arrays = {
        _LEAD + name.replace(".", _DOT): array.astype(np.float32) for name, array in floats.items()
    }
    settings: dict[str, Json] = {
        "network": remote.metadata["network"],
        "arguments": json.loads(remote.metadata["arguments"]),
    }
    write_tensors(path, REMOTE, settings, arrays)


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
