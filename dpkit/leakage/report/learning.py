"""The curve of a training: what each epoch came to, and which one counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dpkit.leakage.report.svg import BLUE, BROWN, INK, svg_uri

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dpkit.types.training_curve import TrainingCurve

MOST_ROWS: Final = 12  # epochs in the table


def learning_plots(curve: TrainingCurve | None) -> list[tuple[str, str]]:
    """Return one plot a column and what it shows in words; none without a curve."""
    if curve is None:
        return []
    return [
        (svg_uri(lambda axes, at=place: _draw(axes, curve, at)), _alt(curve, place))  # type: ignore[misc]  # a default binds the place
        for place in range(len(curve.columns))
    ]


def learning_rows(curve: TrainingCurve | None) -> list[tuple[int, bool, list[str]]]:
    """Return number, whether it counts, and figures of some epochs: first, last, the one kept."""
    if curve is None:
        return []
    count = len(curve.epochs)
    step = max(1, -(-count // MOST_ROWS))
    shown = sorted({*range(1, count + 1, step), count, curve.kept} & set(range(1, count + 1)))
    return [
        (n, n == curve.kept, [f"{figure:.4g}" for figure in curve.epochs[n - 1]]) for n in shown
    ]


def _draw(axes: Axes, curve: TrainingCurve, place: int) -> None:
    numbers = list(range(1, len(curve.epochs) + 1))
    figures: list[Any] = [epoch[place] for epoch in curve.epochs]
    axes.plot(numbers, figures, color=BLUE, marker="." if len(numbers) < MOST_ROWS else "")
    axes.axvline(curve.kept, color=BROWN, ls=":")
    axes.annotate(
        "kept",
        (curve.kept, 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(-4, 0),
        textcoords="offset points",
        color=INK,
        va="top",
        ha="right",
    )
    axes.grid(axis="y", color="#d5dbe1", linewidth=0.6)
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    axes.yaxis.set_major_formatter("{x:.4g}")  # each tick says all: a factor would lie on the title
    axes.set_title(curve.columns[place], loc="left", fontsize="medium")


def _alt(curve: TrainingCurve, place: int) -> str:
    first, last = curve.epochs[0][place], curve.epochs[-1][place]
    kept = curve.epochs[curve.kept - 1][place] if curve.kept else last
    return (
        f"{curve.columns[place]} over {len(curve.epochs)} epochs: {first:.4g} at first, {last:.4g} "
        f"at last, {kept:.4g} at the one that is kept."
    )
