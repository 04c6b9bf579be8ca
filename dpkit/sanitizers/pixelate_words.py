"""What is said of pixelation: its notices before a run, and its sentences in the report."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dpkit.sanitizers.pixelate import Pixelate
    from dpkit.types import Geometry

WEAK_EPSILON: Final = 10  # above, e^ε is more than 22,026


def notices(scheme: Pixelate, geometry: Geometry) -> list[str]:
    """Return what is not protected, where ε is weak, and where cells are ragged."""
    total = float(scheme.guarantee(geometry).epsilon)
    found = [_for_whom(_pixels(scheme.neighborhood))]
    if total > WEAK_EPSILON:
        found.append(
            f"ε {total:g} is weak: what is released may be {exp(min(total, 700)):.3g} times (e^ε) "
            "as likely from an image as from its neighbour"
        )
    if scheme.per_channel and geometry.channels > 1:
        found.append(
            f"ε {scheme.epsilon:g} is spent on each of {geometry.channels} channels: an image "
            f"costs ε {total:g}"
        )
    if geometry.height % scheme.cell or geometry.width % scheme.cell:
        found.append(
            f"cells of {scheme.cell} do not divide {geometry.height}x{geometry.width}: those of "
            "the last row or column are smaller, and their means have more noise"
        )
    return found


def sentences(scheme: Pixelate, geometry: Geometry) -> list[str]:
    """Say in sentences what is done to an image."""
    (rows, columns), scale = scheme.cells(geometry), scheme.scale(geometry)
    whole = min(scheme.cell, geometry.height) * min(scheme.cell, geometry.width)
    total = float(scheme.guarantee(geometry).epsilon)
    cut = f"An image is cut into {rows}x{columns} cells of {scheme.cell}x{scheme.cell} pixels"
    law = f"drawn for this sum alone, by the discrete Laplace law of scale {scale}"
    grey = f"The sum is divided by the number of these pixels, clipped to 0 to {geometry.peak}"
    size = "one pixel for each cell" if scheme.grid else "every pixel of the cell"
    promise = f"So each image is {total:g}-differentially private for images that differ in"
    return [
        f"{cut}, smaller at the last row and column where they do not divide it.",
        f"To the sum of a cell's pixels in a channel a whole number is added, {law}.",
        f"In the mean of a whole cell that is a scale of {float(scale / whole):.4g} grey levels.",
        f"{grey}, rounded, and written to {size}.",
        f"{promise} at most {_pixels(scheme.neighborhood)}, as they are once read and resized.",
    ]


def _for_whom(pixels: str) -> str:
    return (
        f"what {pixels} can show is protected, not a person: whoever fills more of an image, or is "
        "in several, is protected less"
    )


def _pixels(number: int) -> str:
    return f"{number} pixel{'s' if number > 1 else ''}"
