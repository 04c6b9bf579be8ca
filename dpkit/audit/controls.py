"""The same attacks where the answer is known, at the release's own size, type and number.

    positive   where an attack does not succeed even on a release that is known to fall, it has no
               power at this size and counts as not run
    null       on a release that tells nothing, nothing may beat the guess

What they are carried out on is made in `experiments.py`, of photographs that everybody has, so that
a control says nothing about the provider's images and can be kept for the next audit (`cache.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.audit.experiments import SEED
from dpkit.audit.holdings import Stage, holdings
from dpkit.audit.trial import WAS_CUT, attempt
from dpkit.leakage.guesses import guesses
from dpkit.leakage.judgement import beats, is_linked
from dpkit.leakage.recovery import Recovery, recovery
from dpkit.types.attacks import Control

if TYPE_CHECKING:
    from dpkit.audit.experiments import Experiment
    from dpkit.audit.holdings import Holding
    from dpkit.audit.options import Options
    from dpkit.audit.trial import Trial
    from dpkit.leakage.attacks.attack import Attack, Effort

MOST_SCORED: Final = 48  # images of a control
NOT_RUN: Final = "none"  # the measure of a control that could not be carried out


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    value: float
    limit: float


def carried_out(
    experiment: Experiment, attack: Attack, rung: str, options: Options, effort: Effort
) -> Control:
    """Attack the experiment; passed where what should fall falls, and nothing else.

    Where the budget cut a training short before what should fall fell, nothing is said.
    """
    setting, subject = experiment.setting, experiment.make()
    subject = experiment.finish(subject) if experiment.finish else subject
    small = replace(options, images=min(options.images, MOST_SCORED), attacks=None, seed=SEED)
    stage = Stage.of(subject, small)
    tried = [attempt(attack, holding, stage.originals, effort) for holding in _easiest(rung, stage)]
    if not tried or tried[0].ended != "done":
        reason = tried[0].reason if tried else "nobody holds what it needs"
        return _not_run(setting, reason)
    fell, measure = _judged(tried[0], stage)
    if tried[0].is_cut and experiment.should_fall and not fell:
        return _not_run(setting, WAS_CUT)
    passed = fell == experiment.should_fall
    return Control(setting, measure.name, measure.value, measure.limit, passed, is_cached=False)


def _not_run(setting: str, reason: str) -> Control:
    return Control(f"{setting}: {reason}", NOT_RUN, 0.0, 0.0, passed=False, is_cached=False)


def _easiest(rung: str, stage: Stage) -> list[Holding]:
    """Return the view that helps most: the most known images, the nearest pictures."""
    return holdings(rung, stage)[-1:] if rung == "A6" else holdings(rung, stage)[:1]


def _judged(trial: Trial, stage: Stage) -> tuple[bool, _Measure]:
    """Say whether the attack succeeded, and by which measure it is to be seen."""
    if trial.images is not None:
        guess = best_guess(stage)
        fell = beats(trial.images, guess)
        found, limit = trial.images, guess
        if np.isnan(found.ssim).any():
            return fell, _Measure("NCC", float(found.ncc.mean()), float(limit.ncc.mean()))
        return fell, _Measure("SSIM", float(found.ssim.mean()), float(limit.ssim.mean()))
    if trial.links is not None:
        top1 = trial.links.top1.value
        return is_linked(trial.links), _Measure("found", top1, trial.links.chance)
    finding = trial.found.finding if trial.found else ""
    return bool(finding), _Measure("finding", float(bool(finding)), 1.0)


def best_guess(stage: Stage) -> Recovery:
    """Return the best of all guesses, image by image."""
    return Recovery.best_of(found for _, found in guess_recoveries(stage))


def guess_recoveries(stage: Stage) -> list[tuple[str, Recovery]]:
    """Return what each guess scores."""
    count, peak = len(stage.halves.scored), stage.subject.geometry.peak
    labels = None if stage.base.labels is None else stage.base.labels[:count]
    rng = np.random.default_rng(stage.options.seed)
    return [
        (name, recovery(stage.originals, images, peak))
        for name, images in guesses(stage.own, count, labels, rng)
    ]
