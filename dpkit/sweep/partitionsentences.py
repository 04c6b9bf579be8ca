"""What a sweep of partitions found, in sentences that its figures bear out.

A difference of two means over seeds counts where it is above its spread: the root of the sum of
both variances. Where a best attacker was cut, nothing is settled: it could have seen more.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.sweep.spread import spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dpkit.sweep.partition import Attacked, Case

    Setting = tuple[int, float]
    Settings = Mapping[Setting, Sequence[Case]]

WEAK: Final = "too weak to count"
CUT: Final = "cut, a lower bound"
WITHIN: Final = "less than the spread"
ONE_SEED: Final = "of one seed, no verdict"


def bests(cases: Iterable[Case]) -> list[Attacked]:
    """Return the attackers of least error, of the cases in which one counts."""
    return [case.best for case in cases if case.best is not None]


def likests(cases: Iterable[Case]) -> list[Attacked]:
    """Return the attackers of largest SSIM, of the cases in which one counts."""
    return [case.likest for case in cases if case.likest is not None]


def sentences(settings: Settings) -> list[str]:
    """Say what the cases of each split point and λ found."""
    every = [case for cases in settings.values() for case in cases]
    plain = undefended_accuracies(every)
    said = [f"Without a defence accuracy is {spread(plain)}."]
    for (split, strength), cases in settings.items():
        if strength:
            said.append(f"Split {split}, λ {strength:g}: {_accuracy(cases, plain)}.")
            undefended = settings.get((split, 0.0))
            if undefended:
                where = f"Split {split}, λ {strength:g} beside λ 0"
                said.append(f"{where}: {_beside(cases, undefended)}.")
    said += _deeper(settings) + _faces(settings) + _weak(settings) + _cut(every)
    if len({case.seed for case in every}) == 1:
        said.append("It is one seed: how far figures spread is not known.")
    return said


def undefended_accuracies(cases: Iterable[Case]) -> list[float]:
    """Return the undefended accuracy of each seed, once."""
    return list({case.seed: case.standing.undefended for case in cases}.values())


def _accuracy(cases: Sequence[Case], plain: Sequence[float]) -> str:
    found = [case.standing.accuracy for case in cases]
    points = 100 * (float(np.mean(plain)) - float(np.mean(found)))
    change = f"{abs(points):.1f} points {'below' if points >= 0 else 'above'} the undefended"
    remark = f", {WITHIN}" if len(found) > 1 and _is_within(found, plain) else ""
    return f"accuracy is {spread(found)}, {change}{remark}"


def _deeper(settings: Settings) -> list[str]:
    """Compare each split point with the one before it, λ by λ."""
    said = []
    for strength in dict.fromkeys(strength for _, strength in settings):
        splits = [split for split, of in settings if of == strength]
        for before, after in pairwise(splits):
            compared = _beside(settings[after, strength], settings[before, strength])
            said.append(f"λ {strength:g}, split {after} beside split {before}: {compared}.")
    return said


def _beside(cases: Sequence[Case], others: Sequence[Case]) -> str:
    """Say what the best attackers of one setting reach beside those of another."""
    both = [*cases, *others]
    if not all(case.counting for case in both):
        return f"nothing is known, for no attacker counts in {_blind(both)} of {len(both)} cases"
    errors = [[one.mse for one in bests(each)] for each in (cases, others)]
    likeness = [[one.ssim for one in likests(each)] for each in (cases, others)]
    cut = "; unsettled, for a best attacker was cut" if not all(c.is_settled for c in both) else ""
    return (
        f"the best attacker reaches MSE {spread(errors[0], 4)} beside {spread(errors[1], 4)} "
        f"({_seen(*errors, more=-1)}), SSIM {spread(likeness[0])} beside {spread(likeness[1])} "
        f"({_seen(*likeness, more=1)}){cut}"
    )


def _blind(cases: Sequence[Case]) -> int:
    return sum(not case.counting for case in cases)


def _seen(found: Sequence[float], others: Sequence[float], *, more: int) -> str:
    """Say whether it sees more or less; `more` is the sign of a difference that shows more."""
    if min(len(found), len(others)) == 1:
        return ONE_SEED
    if _is_within(found, others):
        return WITHIN
    return "it sees more" if more * (np.mean(found) - np.mean(others)) > 0 else "it sees less"


def _faces(settings: Settings) -> list[str]:
    said = []
    for (split, strength), cases in settings.items():
        shown = [one.faces for one in bests(cases) if one.faces is not None]
        originals = [case.standing.faces for case in cases if case.standing.faces is not None]
        if shown and originals:
            said.append(
                f"Split {split}, λ {strength:g}: a face is found in {spread(shown)} of the best "
                f"attacker's pictures, in {np.mean(originals):.3f} of the originals."
            )
    return said


def _weak(settings: Settings) -> list[str]:
    said = []
    for (split, strength), cases in settings.items():
        weak = sorted({each.name for case in cases for each in case.attackers if each.is_weak})
        if weak:
            guess = np.mean([case.standing.mean_image.mse for case in cases])
            said.append(
                f"Split {split}, λ {strength:g}: {', '.join(weak)} did not beat the mean image "
                f"(MSE {guess:.4f}) with every seed: {WEAK} where not."
            )
    return said


def _cut(cases: Sequence[Case]) -> list[str]:
    every = [each for case in cases for each in case.attackers]
    cut = sum(not each.converged for each in every)
    return [f"Of {len(every)} attackers {cut} were {CUT}."] if cut else []


def _is_within(found: Sequence[float], others: Sequence[float]) -> bool:
    difference = abs(float(np.mean(found)) - float(np.mean(others)))
    return difference <= math.sqrt(_variance(found) + _variance(others))


def _variance(numbers: Sequence[float]) -> float:
    return float(np.var(numbers, ddof=1)) if len(numbers) > 1 else 0.0
