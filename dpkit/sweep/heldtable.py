"""The result of a sweep of windows: lines for a terminal, facts for a program."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dpkit.sweep.hold import HeldCascade, HeldLayer, HoldSweep
    from dpkit.sweep.said import Said
    from dpkit.types import Json

_HEAD: Final = "probability      sd  median  top-1 kept  accuracy  reached"


def held_lines(sweep: HoldSweep) -> list[str]:
    """Return the tables: the images as they are, then layer by layer, then the cascades."""
    lines = [f"{'window':>14}  {_HEAD}", f"{'not sanitized':>14}  {_row(sweep.plain)}"]
    for held in sweep.layers:
        lines += ["", _title(held)]
        lines += [f"{window:>14,}  {_row(said)}" for window, said in held.windows.items()]
        if held.effectiveness is not None:
            above = sum(window > 1 for window in held.windows)
            lines.append(
                f"eff_san {held.effectiveness:.2f}: share of images and windows above 1 ({above})"
                f" at which the probability falls to 2^-{sweep.degree:g} or less"
            )
    for cascade in sweep.cascades:
        lines += ["", *_cascade(cascade)]
    return lines


def held_facts(sweep: HoldSweep) -> dict[str, Json]:
    """Return everything, JSON-able."""
    return {
        "images": sweep.images,
        "labelled": sweep.labelled,
        "degree": sweep.degree,
        "not_sanitized": asdict(sweep.plain),
        "layers": [
            {
                "layer": held.layer,
                "shape": list(held.shape),
                "samples": held.samples,
                "zeros": held.zeros,
                "eff_san": held.effectiveness,
                "windows": [{"window": n, **asdict(said)} for n, said in held.windows.items()],
            }
            for held in sweep.layers
        ],
        "cascades": [
            {
                "steps": [{"layer": layer, "window": window} for layer, window in cascade.steps],
                "together": asdict(cascade.together),
                "alone": [asdict(said) for said in cascade.alone],
            }
            for cascade in sweep.cascades
        ],
    }


def _title(held: HeldLayer) -> str:
    shape = "x".join(str(side) for side in held.shape)
    return f"{held.layer}: {held.samples:,} samples ({shape}), {100 * held.zeros:.0f} % zeros"


def _row(said: Said) -> str:
    accuracy = "-" if said.accuracy is None else f"{said.accuracy:.3f}"
    return (
        f"{said.probability:>11.3f}  {said.deviation:>6.3f}  {said.median:>6.3f}"
        f"  {said.agreement:>10.3f}  {accuracy:>8}  {said.reached:>7.3f}"
    )


def _cascade(cascade: HeldCascade) -> list[str]:
    names = [f"{layer}:{window}" for layer, window in cascade.steps]
    wide = max(14, *(len(name) for name in (*names, "together")))
    rows = zip((*names, "together"), (*cascade.alone, cascade.together), strict=True)
    lines = [f"{name:>{wide}}  {_row(said)}" for name, said in rows]
    return [f"cascade {', '.join(names)}", *lines]
