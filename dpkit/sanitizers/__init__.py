"""Every sanitizer by its one word: command, manifest value, file and docs page.

A new one is a file beside `morph.py` and a line here; `tests/contract.py` then runs over it. It
begins as an `ImageSanitizer`, or as an `EncodingSanitizer` where it trains a network.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from dpkit.errors import UsageError
from dpkit.sanitizers.hold import Hold
from dpkit.sanitizers.mix import Mix
from dpkit.sanitizers.morph import Morph
from dpkit.sanitizers.obfuscate import Obfuscate
from dpkit.sanitizers.partition import Partition
from dpkit.sanitizers.pixelate import Pixelate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Json

SANITIZERS: Final[dict[str, type[Sanitizer]]] = {
    "morph": Morph,
    "mix": Mix,
    "hold": Hold,
    "pixelate": Pixelate,
    "obfuscate": Obfuscate,
    "partition": Partition,
}

__all__ = ["SANITIZERS", "sanitizer_of"]


def sanitizer_of(name: str, parameters: Mapping[str, Json]) -> Sanitizer:
    """Return the sanitizer that a manifest or a sealed key names; what it does not say is default.

    Raises
    ------
    UsageError
        This version knows no such sanitizer or parameter, or no such value of it.
    """
    remedy = "a newer dpkit made this: install that"
    if name not in SANITIZERS:
        raise UsageError(f"this version knows no sanitizer {name!r}", remedy=remedy)
    known = {field.name.rstrip("_"): field.name for field in fields(SANITIZERS[name])}  # type: ignore[arg-type]  # every sanitizer is a dataclass
    unknown = sorted(parameters.keys() - known.keys())
    if unknown:
        raise UsageError(f"this version's {name} has no parameter {unknown[0]!r}", remedy=remedy)
    given: dict[str, Any] = {known[word]: value for word, value in parameters.items()}
    return SANITIZERS[name](**given)
