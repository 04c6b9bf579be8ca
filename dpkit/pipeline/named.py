"""A folder of pictures that the adversary may hold, in the geometry of a release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UnreadableImageError, UsageError
from dpkit.readers.folder import FolderSource
from dpkit.readers.scan import ScanOptions, scan

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.readers.rule import ReadRule

MOST_PICTURES: Final = 4096


def named_images(folder: Path, rule: ReadRule) -> NDArray[Any]:
    """Return up to `MOST_PICTURES` readable pictures below a folder, u8 or u16 [p,h,w,c].

    Other sizes are cropped, other colours and depths converted as the rule can.

    Raises
    ------
    UsageError
        None can be read.
    """
    scanned = scan(folder, ScanOptions(None, folders_are_parts=False))
    lenient = replace(
        rule,
        fit="crop" if rule.fit == "none" else rule.fit,
        colour_rule="luma" if rule.geometry.channels == 1 else rule.colour_rule,
    )
    source, found = FolderSource(folder, lenient), []
    for path, digest in zip(scanned.paths[:MOST_PICTURES], scanned.sha256, strict=False):
        try:
            found.append(source.decode(path, digest.tobytes()))
        except UnreadableImageError:
            continue
    if not found:
        raise UsageError(f"--public {folder} holds no picture that can be read")
    return np.stack(found)
