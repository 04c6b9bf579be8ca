"""The result of a sweep of obfuscators: facts for a program, a table for people, a plot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.perceptual import NAME
from dpkit.leakage.report.svg import BLUE, BROWN, INK, svg_bytes
from dpkit.sweep.obfuscate import is_cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dpkit.sweep.cells import Cells
    from dpkit.sweep.obfuscate import Swept
    from dpkit.types import Json

WEAK: Final = "too weak to count"
CUT: Final = "cut"


@dataclass(frozen=True, slots=True)
class Attacker:
    """One kind of reconstructor against one obfuscator, over its seeds.

    Parameters
    ----------
    psnr, ssim
        Mean, lowest and highest over the seeds; None where no seed took a step.
    converged
        Whether every seed was trained to its end.
    counts
        Whether the best seed's PSNR is above the mean image's.
    """

    kind: str
    seeds: int
    psnr: tuple[float, float, float] | None
    ssim: tuple[float, float, float] | None
    converged: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One obfuscator: λ, its accuracy, its attackers, and the best PSNR and SSIM of any seed.

    Parameters
    ----------
    perceptual
        Perceptual distance of the attacker and seed with the best PSNR, where it was measured.
    """

    weight: float
    accuracy: float
    epochs: int
    attackers: tuple[Attacker, ...]
    best_psnr: tuple[str, float] | None
    best_ssim: tuple[str, float] | None
    perceptual: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """A sweep as it is shown and written."""

    swept: Swept

    def facts(self) -> dict[str, Json]:
        """Return everything, JSON-able."""
        return facts(self.swept)

    def lines(self) -> list[str]:
        """Return the table and the sentences, for a terminal."""
        return table(self.swept).splitlines()

    def write(self, cells: Cells) -> None:
        """Write sweep.json, sweep.md and sweep.svg into the sweep's private folder."""
        text = json.dumps(self.facts(), indent=1, ensure_ascii=False, allow_nan=False)
        cells.write("sweep.json", text.encode())
        cells.write("sweep.md", table(self.swept).encode())
        cells.write("sweep.svg", plot(self.swept))


def lines_of(swept: Swept) -> tuple[Line, ...]:
    """Return one line an obfuscator, the undefended first."""
    return tuple(_line(swept, i) for i in range(len(swept.trained)))


def facts(swept: Swept) -> dict[str, Json]:
    """Return everything, JSON-able."""
    learned, pairs, targets = swept.images
    return {
        "images": learned,
        "pairs": pairs,
        "targets": targets,
        "guesses": {name: found.to_json() for name, found in swept.guesses.items()},
        "obfuscators": [_line_facts(line) for line in lines_of(swept)],
        "sentences": [*sentences(swept)],
    }


def sentences(swept: Swept) -> list[str]:
    """Say what was found, the weak attackers among it."""
    plain, *defended = lines_of(swept)
    said = [_said(line) for line in (plain, *defended)]
    for line in defended:
        if plain.best_psnr and line.best_psnr:
            less = plain.best_psnr[1] - line.best_psnr[1]
            points = 100 * (plain.accuracy - line.accuracy)
            said.append(
                f"λ {line.weight:g} takes {less:.1f} dB from the best attacker and "
                f"{points:.1f} points of accuracy{_unsettled(plain, line)}."
            )
    for line in (plain, *defended):
        weak = [attacker.kind for attacker in line.attackers if not attacker.counts]
        if weak:
            guess = swept.guesses["mean image"].psnr
            said.append(
                f"λ {line.weight:g}: {', '.join(weak)} did not beat the mean image "
                f"({guess:.1f} dB): {WEAK}."
            )
    return said


def table(swept: Swept) -> str:
    """Return the table and what it means, as Markdown."""
    kinds = [attacker.kind for attacker in lines_of(swept)[0].attackers]
    head = ["λ", "accuracy", *kinds, "best PSNR", "best SSIM", NAME]
    rows = [head, ["---"] * len(head)]
    rows += [_cells(line) for line in lines_of(swept)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    beside = "; ".join(
        f"{name} {found.psnr:.1f} dB, SSIM {found.ssim:.2f}"
        for name, found in swept.guesses.items()
    )
    learned, pairs, targets = swept.images
    return (
        f"{text}\n\nPSNR in dB, mean over seeds and, in brackets, the lowest and the highest. "
        f"{CUT}: ended by the budget, so a lower bound. {NAME}: "
        f"perceptual distance of the best attacker by PSNR. {learned:,} images trained each "
        f"obfuscator, {pairs:,} each attacker; {targets:,} others were scored. Without the "
        f"release: {beside}.\n\n" + "\n".join(f"- {line}" for line in sentences(swept)) + "\n"
    )


def plot(swept: Swept) -> bytes:
    """Return accuracy over the best attacker's PSNR, a point an obfuscator, as SVG."""
    return svg_bytes(lambda axes: _draw(axes, swept))


def _line(swept: Swept, number: int) -> Line:
    trained = swept.trained[number]
    weight = trained.sanitizer.lambda_
    guess = swept.guesses["mean image"].psnr
    found = {kind: every for (of, kind), every in swept.attacks.items() if of == weight}
    attackers = tuple(_attacker(kind, every, guess) for kind, every in found.items())
    best = _best(attackers, "psnr")
    curve: Any = trained.figures["curve"]
    return Line(
        weight,
        float(str(trained.figures["accuracy"])),
        len(curve),
        attackers,
        best,
        _best(attackers, "ssim"),
        _perceptual(found, best),
    )


def _perceptual(
    found: dict[str, list[dict[str, Json]]], best: tuple[str, float] | None
) -> float | None:
    """Return the perceptual distance of the best attacker's best seed."""
    if best is None:
        return None
    seen = [one.get("perceptual") for one in found[best[0]] if one["psnr"] == best[1]]
    return None if seen[0] is None else float(str(seen[0]))


def _attacker(kind: str, every: list[dict[str, Json]], guess: float) -> Attacker:
    done = [figures for figures in every if figures["psnr"] is not None]
    psnr, ssim = (_spread(done, name) for name in ("psnr", "ssim"))
    converged = not any(is_cut(figures) for figures in every)
    counts = psnr is not None and psnr[2] > guess
    return Attacker(kind, len(every), psnr, ssim, converged, counts)


def _spread(done: list[dict[str, Json]], name: str) -> tuple[float, float, float] | None:
    figures = [float(str(one[name])) for one in done]
    return (float(np.mean(figures)), min(figures), max(figures)) if figures else None


def _best(attackers: tuple[Attacker, ...], measure: str) -> tuple[str, float] | None:
    reached = [
        (spread[2], one.kind)
        for one in attackers
        if one.counts and (spread := getattr(one, measure)) is not None
    ]
    return (max(reached)[1], max(reached)[0]) if reached else None


def _said(line: Line) -> str:
    name = "without a defence (λ 0)" if not line.weight else f"at λ {line.weight:g}"
    if line.best_psnr is None or line.best_ssim is None:
        return f"{name} accuracy is {line.accuracy:.3f}; no attacker counts."
    return (
        f"{name} accuracy is {line.accuracy:.3f}, and the best attacker reaches "
        f"{line.best_psnr[1]:.1f} dB ({line.best_psnr[0]}) and SSIM {line.best_ssim[1]:.2f} "
        f"({line.best_ssim[0]})."
    )


def _unsettled(*lines: Line) -> str:
    """Say where a difference is one of lower bounds."""
    cut = [
        f"{one.weight:g}"
        for one in lines
        for attacker in one.attackers
        if one.best_psnr and attacker.kind == one.best_psnr[0] and not attacker.converged
    ]
    return f"; unsettled, for the best attacker at λ {' and '.join(cut)} was cut" if cut else ""


def _cells(line: Line) -> list[str]:
    best = [
        "none" if found is None else f"{found[1]:.{digits}f} ({found[0]})"
        for found, digits in ((line.best_psnr, 1), (line.best_ssim, 2))
    ]
    return [
        f"{line.weight:g}", f"{line.accuracy:.3f}", *(_cell(one) for one in line.attackers), *best,
        "" if line.perceptual is None else f"{line.perceptual:.3f}",
    ]  # fmt: skip


def _cell(attacker: Attacker) -> str:
    if attacker.psnr is None:
        return f"no step, {CUT}"
    mean, low, high = attacker.psnr
    marks = [
        mark
        for mark, holds in ((CUT, not attacker.converged), (WEAK, not attacker.counts))
        if holds
    ]
    return ", ".join([f"{mean:.1f} ({low:.1f}–{high:.1f})", *marks])


def _line_facts(line: Line) -> dict[str, Json]:
    attackers: list[Json] = [
        {
            "kind": one.kind, "seeds": one.seeds,
            "psnr": None if one.psnr is None else list(one.psnr),
            "ssim": None if one.ssim is None else list(one.ssim),
            "converged": one.converged, "counts": one.counts,
        }
        for one in line.attackers
    ]  # fmt: skip
    return {
        "lambda": line.weight,
        "accuracy": line.accuracy,
        "epochs": line.epochs,
        "attackers": attackers,
        "best_psnr": None if line.best_psnr is None else list(line.best_psnr),
        "best_ssim": None if line.best_ssim is None else list(line.best_ssim),
        "perceptual": line.perceptual,
    }


def _draw(axes: Axes, swept: Swept) -> None:
    points = [line for line in lines_of(swept) if line.best_psnr is not None]
    across = [line.best_psnr[1] for line in points if line.best_psnr]
    axes.plot(across, [line.accuracy for line in points], color=BLUE, marker="o", ls="-")
    for x, line in zip(across, points, strict=True):
        axes.annotate(
            f"λ {line.weight:g}", (x, line.accuracy), xytext=(4, 4), textcoords="offset points"
        )
    guess = swept.guesses["mean image"].psnr
    axes.axvline(guess, color=BROWN, ls=":", label="mean image")
    axes.grid(axis="both", color="#d5dbe1", linewidth=0.6)
    axes.set_xlabel("PSNR of the best attacker (dB)")
    axes.set_ylabel("accuracy, test part", color=INK)
    axes.legend(frameon=False, loc="best")
