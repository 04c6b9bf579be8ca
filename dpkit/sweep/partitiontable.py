"""A sweep of split points and λ: lines for a terminal, facts for a program, sentences in both."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from dpkit.leakage.perceptual import NAME
from dpkit.sweep.partitionsentences import (
    CUT,
    WEAK,
    bests,
    likests,
    sentences,
    undefended_accuracies,
)
from dpkit.sweep.spread import spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from dpkit.sweep.partition import Attacked, Case, Scores
    from dpkit.types import Json

    Setting = tuple[int, float]


def by_setting(cases: Iterable[Case]) -> dict[Setting, list[Case]]:
    """Return the cases of each split point and λ, whatever their seeds."""
    found: dict[Setting, list[Case]] = {}
    for case in cases:
        found.setdefault((case.split, case.strength), []).append(case)
    return dict(sorted(found.items()))


def partition_lines(cases: tuple[Case, ...], network: str) -> list[str]:
    """Return the tables, the best attackers and every one of them; then what they say."""
    settings = by_setting(cases)
    seeds = len(next(iter(settings.values())))
    first = cases[0].standing
    head = f"{'split':>5} {'λ':>6}  {'accuracy':>13} {'tuned':>13} {'reprint':>13}"
    lines = [
        f"{network}, mean and deviation over {seeds} seeds; pixels of 0 to 1",
        f"undefended accuracy {spread(undefended_accuracies(cases))}",
        _guess("mean image", first.mean_image),
        _guess("one grey", first.one_grey),
        "",
        f"{head}  {'best MSE':>15} {'its PSNR':>11} {'best SSIM':>13}  best attackers",
    ]
    lines += [_best(setting, found) for setting, found in settings.items()]
    for setting, found in settings.items():
        lines += ["", f"split {setting[0]}, λ {setting[1]:g}{_remarks(found)}", *_attackers(found)]
    return [*lines, "", *sentences(settings)]


def partition_facts(cases: tuple[Case, ...]) -> dict[str, Json]:
    """Return every case, and for each setting what the best attackers reached."""
    settings = by_setting(cases)
    measured: list[Json] = [_case_facts(case) for case in cases]
    best: list[Json] = [
        {"split": split, "lambda": strength, **_facts(found)}
        for (split, strength), found in settings.items()
    ]
    return {"cases": measured, "best": best, "sentences": [*sentences(settings)]}


def _case_facts(case: Case) -> dict[str, Json]:
    best = case.best
    facts: dict[str, Json] = asdict(case)
    standing: Any = facts.pop("standing")
    shown: dict[str, Json] = {
        "reprint": _of(best, "reprint"),
        "perceptual": _of(best, "perceptual"),
        "best_faces": _of(best, "faces"),
    }
    return {**facts, **standing, **shown}


def _of(attacker: Attacked | None, figure: str) -> Any:
    """Return one figure of an attacker, None where there is none."""
    return None if attacker is None else getattr(attacker, figure)


def _facts(found: list[Case]) -> Mapping[str, Json]:
    return {
        "accuracy": [case.standing.accuracy for case in found],
        "mse": [_of(case.best, "mse") for case in found],
        "psnr": [_of(case.best, "psnr") for case in found],
        "ssim": [_of(case.likest, "ssim") for case in found],
        "perceptual": [_of(case.best, "perceptual") for case in found],
        "reprint": [_of(case.best, "reprint") for case in found],
        "faces": [_of(case.best, "faces") for case in found],
        "settled": [case.is_settled for case in found],
        "attacker": [_of(case.best, "name") for case in found],
    }


def _best(setting: Setting, found: list[Case]) -> str:
    best = bests(found)
    names = ", ".join(sorted({_named(one) for one in best})) or f"all {WEAK}"
    shares = (
        spread(case.standing.accuracy for case in found),
        spread(case.standing.fine_tuned for case in found),
        spread(one.reprint for one in best),
    )
    reached = spread((one.mse for one in best), 4)
    return (
        f"{setting[0]:>5} {setting[1]:>6g}  {' '.join(f'{share:>13}' for share in shares)}"
        f"  {reached:>15} {spread((one.psnr for one in best), 1):>11}"
        f" {spread(one.ssim for one in likests(found)):>13}  {names}"
    )


def _named(best: Attacked) -> str:
    return best.name if best.converged else f"{best.name} ({CUT})"


def _remarks(found: list[Case]) -> str:
    seen = [one.perceptual for one in bests(found) if one.perceptual is not None]
    shown = [one.faces for one in bests(found) if one.faces is not None]
    said = f", best attackers' {NAME} {spread(seen)}" if seen else ""
    return f"{said}, faces in {spread(shown)}" if shown else said


def _attackers(found: list[Case]) -> list[str]:
    lines = []
    for name in [attacked.name for attacked in found[0].attackers]:
        same = [each for case in found for each in case.attackers if each.name == name]
        marks = ((WEAK, sum(e.is_weak for e in same)), (CUT, sum(not e.converged for e in same)))
        remarks = [f"{mark}, in {count}" for mark, count in marks if count]
        error, likeness = spread((e.mse for e in same), 4), spread(e.ssim for e in same)
        decibels = spread((e.psnr for e in same), 1)
        lines.append(
            f"  {name:<16} MSE {error:>15}  PSNR {decibels:>11}  SSIM {likeness:>13}  "
            f"{'; '.join(remarks)}"
        )
    return [line.rstrip() for line in lines]


def _guess(name: str, scores: Scores) -> str:
    return f"{name:<12} MSE {scores.mse:.4f}  PSNR {scores.psnr:.1f} dB  SSIM {scores.ssim:.3f}"
