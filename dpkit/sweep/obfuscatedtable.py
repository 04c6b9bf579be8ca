"""The result of a sweep of obfuscators: facts for a program, a table and sentences for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from dpkit.leakage.perceptual import NAME
from dpkit.sweep.obfuscated import lines_of
from dpkit.sweep.spread import spread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dpkit.sweep.obfuscate import Swept
    from dpkit.sweep.obfuscated import Line, Reached
    from dpkit.types import Json

WEAK: Final = "too weak to count"
CUT: Final = "cut"


def obfuscated_facts(swept: Swept) -> dict[str, Json]:
    """Return everything, JSON-able; lists are by seed."""
    learned, pairs, targets = swept.images
    return {
        "images": learned,
        "pairs": pairs,
        "targets": targets,
        "guesses": {name: found.to_json() for name, found in swept.guesses.items()},
        "obfuscators": [_facts(line) for line in lines_of(swept)],
        "sentences": [*sentences(swept)],
    }


def sentences(swept: Swept) -> list[str]:
    """Say what was found, the weak attackers among it."""
    plain, *defended = lines_of(swept)
    said = [_said(line) for line in (plain, *defended)]
    said += [found for line in defended if (found := _compared(plain, line))]
    said += [found for line in defended if (found := _own(line))]
    said += [found for line in (plain, *defended) if (found := _faces(line))]
    guess = swept.guesses["mean image"].psnr
    return said + [found for line in (plain, *defended) if (found := _weak(line, guess))]


def obfuscated_table(swept: Swept) -> str:
    """Return the table and what it means, as Markdown."""
    lines = lines_of(swept)
    head = ["λ", "accuracy", "own adversary", *lines[0].kinds, "best PSNR", "best SSIM", NAME]
    rows = [head, ["---"] * len(head), *map(_cells, lines)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    beside = "; ".join(
        f"{name} {found.psnr:.1f} dB, SSIM {found.ssim:.2f}"
        for name, found in swept.guesses.items()
    )
    learned, pairs, targets = swept.images
    seeds = len(lines[0].accuracy)
    return (
        f"{text}\n\nMean ± standard deviation over {seeds} seeds, each with obfuscators and "
        f"attackers of its own; PSNR in dB. Best: each seed's best attacker. {CUT}: ended by time "
        f"or steps, so a lower bound. {NAME}: perceptual distance of the best attackers by PSNR. "
        f"{learned:,} images trained each obfuscator, {pairs:,} each attacker; {targets:,} others "
        f"were scored. Without the release: {beside}.\n\n"
        + "\n".join(f"- {line}" for line in sentences(swept))
        + "\n"
    )


def found_among(best: Iterable[Reached | None]) -> list[Reached]:
    """Return the attackers that are there."""
    return [each for each in best if each is not None]


def _said(line: Line) -> str:
    name = "without a defence (λ 0)" if not line.weight else f"at λ {line.weight:g}"
    accuracy = f"{name} accuracy is {spread(line.accuracy)}"
    by_psnr, by_ssim = found_among(line.best()), found_among(line.best("ssim"))
    if not by_psnr:
        return f"{accuracy}; no attacker counts."
    return (
        f"{accuracy}, and the best attacker reaches {_best(by_psnr, 'psnr', 1)} dB and SSIM "
        f"{_best(by_ssim, 'ssim', 2)}."
    )


def _best(best: list[Reached], measure: str, digits: int) -> str:
    kinds = ", ".join(dict.fromkeys(each.kind for each in best))
    return f"{spread((getattr(each, measure) for each in best), digits)} ({kinds})"


def _compared(plain: Line, line: Line) -> str:
    """Compare the best attackers with and without a defence, seed by seed."""
    pairs = [(p, d) for p, d in zip(plain.best(), line.best(), strict=True) if p and d]
    if not pairs:
        return ""
    less = [(p.psnr or 0) - (d.psnr or 0) for p, d in pairs]
    points = [100 * (p - d) for p, d in zip(plain.accuracy, line.accuracy, strict=True)]
    blind = len(points) - len(less)
    unknown = f", unknown in {blind} where no attacker counts" if blind else ""
    cut = any(each.is_cut for pair in pairs for each in pair)
    end = "; unsettled, for not every best attacker was trained to its end" if cut else ""
    return (
        f"λ {line.weight:g} takes {spread(less, 1)} dB from the best attacker (less is recovered "
        f"in {sum(x > 0 for x in less)} of {len(points)} repetitions{unknown}) and "
        f"{spread(points, 1)} points of accuracy{end}."
    )


def _own(line: Line) -> str:
    """Put the training's own adversary beside the best attacker."""
    best = found_among(line.best())
    if not line.adversary or not best:
        return ""
    return (
        f"λ {line.weight:g}: the training's own adversary ends at {spread(line.adversary, 1)} dB, "
        f"a fresh attacker at {spread((each.psnr or 0 for each in best), 1)} dB."
    )


def _faces(line: Line) -> str:
    best = found_among(line.best())
    shares = [each.faces for each in best if each.faces is not None]
    originals = [each.original_faces for each in best if each.original_faces is not None]
    if not shares or not originals:
        return ""
    return (
        f"λ {line.weight:g}: a face is found in {spread(shares)} of the best attacker's pictures, "
        f"in {originals[0]:.3f} of the originals."
    )


def _weak(line: Line, guess: float) -> str:
    weak = dict.fromkeys(each.kind for each in line.attackers if not each.counts)
    if not weak:
        return ""
    named = [
        kind if all(not each.counts for each in line.of_kind(kind)) else f"{kind} (in some seeds)"
        for kind in weak
    ]
    return (
        f"λ {line.weight:g}: {', '.join(named)} did not beat the mean image ({guess:.1f} dB): "
        f"{WEAK}."
    )


def _cells(line: Line) -> list[str]:
    by_psnr, by_ssim = found_among(line.best()), found_among(line.best("ssim"))
    seen = [each.perceptual for each in by_psnr if each.perceptual is not None]
    return [
        f"{line.weight:g}",
        spread(line.accuracy),
        spread(line.adversary, 1) if line.adversary else "",
        *(_cell(line.of_kind(kind)) for kind in line.kinds),
        _best(by_psnr, "psnr", 1) if by_psnr else "none",
        _best(by_ssim, "ssim", 2) if by_ssim else "none",
        spread(seen) if seen else "",
    ]


def _cell(every: tuple[Reached, ...]) -> str:
    reached = [each.psnr for each in every if each.psnr is not None]
    cut, weak = sum(each.is_cut for each in every), sum(not each.counts for each in every)
    if not reached:
        return f"no step, {CUT}"
    marks = [
        mark if count == len(every) else f"{mark} in {count}"
        for mark, count in ((CUT, cut), (WEAK, weak))
        if count
    ]
    return ", ".join([spread(reached, 1), *marks])


def _facts(line: Line) -> dict[str, Json]:
    return {
        "lambda": line.weight,
        "accuracy": list(line.accuracy),
        "adversary_psnr": list(line.adversary),
        "epochs": list(line.epochs),
        "attackers": [asdict(each) for each in line.attackers],
        "best_psnr": [None if each is None else asdict(each) for each in line.best()],
        "best_ssim": [None if each is None else asdict(each) for each in line.best("ssim")],
    }
