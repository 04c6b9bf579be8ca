"""Plots as SVG data URIs; the same figures give the same bytes, whatever the reader's settings."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

INK: Final = "#22303c"
BLUE: Final = "#2f6690"
BROWN: Final = "#a34700"
VIOLET: Final = "#6b3fa0"

# The salt stands for the random part of matplotlib's ids; paths need no font at the reader's.
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "dpkit",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": "#8a949e",
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
_MARGINS: Final = {"left": 0.13, "right": 0.97, "bottom": 0.17, "top": 0.93}  # of the figure


def svg_uri(draw: Callable[[Axes], None]) -> str:
    """Return what `draw` puts on one pair of axes as a data URI."""
    return f"data:image/svg+xml;base64,{b64encode(svg_bytes(draw)).decode()}"


def svg_bytes(draw: Callable[[Axes], None]) -> bytes:
    """Return what `draw` puts on one pair of axes, 5.2 by 2.9 inches, as an SVG file."""
    with mpl.rc_context():
        mpl.rcdefaults()  # not the reader's own settings
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(5.2, 2.9))
        figure.subplots_adjust(**_MARGINS)  # fixed, because a layout by trial takes as long again
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        file = BytesIO()
        metadata = {"Date": None, "Creator": None}
        figure.savefig(file, format="svg", metadata=metadata, transparent=True)
    return file.getvalue()
