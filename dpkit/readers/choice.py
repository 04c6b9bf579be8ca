"""Choosing the read rule from what a scan found and what the user asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from dpkit.errors import UsageError
from dpkit.readers.rule import ReadRule
from dpkit.types import Geometry

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpkit.readers.resize import Fit
    from dpkit.readers.rule import ColourRule, DepthRule
    from dpkit.readers.scan import Scan

AUTO_SHARE: Final = 0.99  # what nearly all images are, the folder is
WHITE: Final = 255

Size: TypeAlias = tuple[int, int]
_DEPTH_RULES: Final[dict[int, DepthRule]] = {8: "high-byte", 16: "times-257"}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user asked of reading.

    Parameters
    ----------
    size
        `auto`, `N` (square) or `HxW`.
    fit
        None chooses: `none` where all images have the size, else `pad`.
    channels, depth
        `auto` takes what the images have.
    matte
        Grey level 0 to 255 under transparency.
    """

    size: str = "auto"
    fit: Literal["pad", "crop", "stretch"] | None = None
    channels: Literal["rgb", "grey", "auto"] = "auto"
    depth: Literal["8", "16", "auto"] = "auto"
    matte: int = WHITE


def choose_rule(
    scan: Scan,
    options: ReadOptions,
    *,
    default_size: Size,
    admits: Callable[[Geometry], bool],
) -> tuple[ReadRule, tuple[str, ...]]:
    """Return the rule for a scan, and the notices that must be printed and recorded.

    Parameters
    ----------
    default_size
        (height, width) where `auto` finds no size of all, or one that is not admitted.
    admits
        Whether a geometry's key would fit in memory.

    Raises
    ------
    UsageError
        Mixed colours or depths that need the user's word, or a size that is none.
    """
    channels, colour_rule = _channels(scan, options)
    depth, depth_rule = _depth(scan, options)
    shared = _shared_size(scan)
    size, notice = _size(
        scan, options, default_size, lambda s: admits(Geometry(channels, *s, depth))
    )
    fit: Fit = options.fit or ("none" if shared == size else "pad")
    rule = ReadRule(Geometry(channels, *size, depth), fit, colour_rule, options.matte, depth_rule)
    return rule, ((f"{notice} ({fit})",) if notice else ())


def parse_size(text: str) -> Size:
    """Return (height, width) of `N` or `HxW`, each 1 to 65535."""
    height, _, width = text.lower().partition("x")
    numbers = (height, width or height) if not text.lower().endswith("x") else ("", "")
    if not all(n.isascii() and n.isdigit() and 0 < int(n[:6]) <= 65535 for n in numbers):  # noqa: PLR2004 (as Geometry)
        raise UsageError(
            f"size {text!r} is not understood", remedy="give auto, N or HxW with 1 to 65535 pixels"
        )
    return int(numbers[0]), int(numbers[1])


def _channels(scan: Scan, options: ReadOptions) -> tuple[int, ColourRule]:
    if options.channels == "rgb":
        return 3, "repeat-grey"
    if options.channels == "grey":
        return 1, "luma"
    count, grey = len(scan.paths), int(np.count_nonzero(scan.channels == 1))
    if grey >= AUTO_SHARE * count:
        return 1, "equal-channels"
    if count - grey >= AUTO_SHARE * count:
        return 3, "repeat-grey"
    raise UsageError(
        f"{grey} of {count} images are grey and {count - grey} are colour, none of both 99%",
        remedy="say --channels rgb (grey is repeated) or --channels grey (colour becomes luma)",
    )


def _depth(scan: Scan, options: ReadOptions) -> tuple[int, DepthRule]:
    count, deep = len(scan.paths), scan.depths == 16  # noqa: PLR2004 (bits)
    depth = int(options.depth) if options.depth != "auto" else _common_depth(count, deep)
    deep_colour = int(np.count_nonzero(deep & (scan.channels != 1)))
    if depth == 16 and deep_colour > (1 - AUTO_SHARE) * count:  # noqa: PLR2004 (bits)
        raise UsageError(
            f"{deep_colour} of {count} images are 16-bit colour, of which only 8 bits can be read",
            remedy="say --depth 8, which takes the high byte of each value",
        )
    return depth, ("keep" if options.depth == "auto" else _DEPTH_RULES[depth])


def _common_depth(count: int, deep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    found = int(np.count_nonzero(deep))
    if found in (0, count):
        return 16 if found else 8
    raise UsageError(
        f"{found} of {count} images have 16 bits and {count - found} have 8",
        remedy="say --depth 8 (the high byte of 16) or --depth 16 (8-bit values times 257)",
    )


def _shared_size(scan: Scan) -> Size | None:
    first = scan.sizes[0]
    same = bool((scan.sizes == first).all())
    return (int(first[0]), int(first[1])) if same else None


def _size(
    scan: Scan, options: ReadOptions, default: Size, admits: Callable[[Size], bool]
) -> tuple[Size, str]:
    """Return the size, and why where it is not the images' own or the user's."""
    if options.size != "auto":
        return parse_size(options.size), ""
    shared, to = _shared_size(scan), f"all are brought to {default[0]}x{default[1]}"
    if shared is None:
        low, high = scan.sizes.min(axis=0), scan.sizes.max(axis=0)
        span = f"heights {low[0]} to {high[0]}, widths {low[1]} to {high[1]}"
        return default, f"the images differ in size ({span}): {to}"
    if admits(shared):
        return shared, ""
    return default, f"a key for {shared[0]}x{shared[1]} images would be too large: {to}"
