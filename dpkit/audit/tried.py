"""One attack at one rung: every view of it, then its controls, and how it ended.

An attack that succeeds needs no control to show that it can. One that does not is tried once more
where it is known to succeed; if it fails there too, it counts as not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dpkit.audit.controls import NOT_RUN, carried_out
from dpkit.audit.holdings import holdings
from dpkit.audit.trial import WAS_CUT, Trial, attempt
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.judgement import beats, is_linked
from dpkit.types.attacks import AttackResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dpkit.audit.cache import ControlCache
    from dpkit.audit.experiments import Experiment
    from dpkit.audit.holdings import Holding, Stage
    from dpkit.audit.options import Options
    from dpkit.leakage.attacks.attack import Attack
    from dpkit.leakage.recovery import Recovery
    from dpkit.types.attacks import Control

CURVES = ("known-pairs", "ridge-maps")  # tried with every number of known images, others with most
REACHED, CONSTANT = "held-out PSNR", "constant guess PSNR"  # figures of whatever was trained


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One attack at one rung: its trials, and the result of the one that counts."""

    attack: Attack
    trials: tuple[Trial, ...]
    result: AttackResult

    @classmethod
    def not_tried(cls, at: tuple[Attack, str], reason: str) -> Tried:
        """Return an attack that was left out, with the reason in words."""
        return cls(at[0], (), _result(at, None, "not tried", reason))

    @property
    def counting(self) -> list[Trial]:
        """The trials whose pictures are among the best of the suite."""
        if not self.result.had_power:
            return []
        pictured = [trial for trial in self.trials if trial.images is not None]
        return [trial for trial in pictured if not trial.is_upper_bound]


def tried_at(
    at: tuple[Attack, str], stage: Stage, guess: Recovery, cache: ControlCache, effort: Effort
) -> Tried:
    """Try every view, then the controls; the best trial is the result."""
    attack, rung = at
    trials = tuple(_trials(attack, _views(attack, rung, stage), stage, effort))
    done = [trial for trial in trials if trial.ended == "done"]
    if not done:
        first = trials[0]  # the view that helps most; others lack something besides
        state: str = "not tried" if first.ended == "unfit" else first.ended
        return Tried(attack, trials, _result(at, first, state, first.reason))
    strongest = max(done, key=lambda trial: _strength(trial, guess))
    carry_out = partial(_carried_out, at, stage.options, effort)
    has_won = _succeeded(strongest, guess)
    if not has_won and (unknown := _unknown(trials, strongest)):
        return Tried(attack, trials, _result(at, strongest, *unknown))
    null = cache.control("null", at, stage, carry_out)
    null = null if null and null.measure != NOT_RUN else None
    if has_won:
        return Tried(attack, trials, _won(at, strongest, null))
    if rung == "A0":  # what the eye sees is there to be scored, whatever it is
        return Tried(attack, trials, _result(at, strongest, "no success", "", null=null))
    positive = cache.control("positive", at, stage, carry_out)
    state, reason = _power(positive)
    return Tried(
        attack, trials, _result(at, strongest, state, reason, positive=positive, null=null)
    )


def _trials(
    attack: Attack, views: Sequence[Holding], stage: Stage, effort: Effort
) -> Iterable[Trial]:
    """Try each view; where the attack takes all the time that it gets, each has its share."""
    for number, holding in enumerate(views):
        part = effort.left / (len(views) - number if attack.is_trained else 1)
        share = Effort(part, effort.seed, effort.is_full)
        yield attempt(attack, holding, stage.originals, share)


def _carried_out(
    at: tuple[Attack, str], options: Options, like: Effort, experiment: Experiment
) -> Control:
    effort = Effort(like.seconds, like.seed, like.is_full)  # a control has time of its own
    return carried_out(experiment, *at, options, effort)


def _won(at: tuple[Attack, str], strongest: Trial, null: Control | None) -> AttackResult:
    """Return a success, unless the attack also succeeds where there is nothing to be found."""
    if null is None or null.passed:
        return _result(at, strongest, "succeeded", "", null=null)
    reason = f"it also finds something where there is nothing to be found ({null.setting})"
    return _result(at, strongest, "no power", reason, null=null)


def _unknown(trials: Sequence[Trial], strongest: Trial) -> tuple[str, str] | None:
    """Return the state of an attack of which a view was cut short, or that learned nothing."""
    for trial in trials:
        if trial.ended in {"timed out", "crashed"}:
            return trial.ended, trial.reason
        if trial.is_cut:
            return "timed out", WAS_CUT
    figures = strongest.found.figures if strongest.found else {}
    if REACHED in figures and figures[REACHED] < figures[CONSTANT]:
        return "no power", "it learned less than a constant guess knows"
    return None


def _power(positive: Control | None) -> tuple[str, str]:
    """Return state and reason of an attack that did not succeed."""
    if positive is None:
        return "no power", "there is no setting in which it is known to succeed here"
    if positive.measure == NOT_RUN:
        return "no power", "its positive control could not be carried out"
    if positive.passed:
        return "no success", ""
    return "no power", "it does not succeed where it is known to"


def _succeeded(trial: Trial, guess: Recovery) -> bool:
    pictured = trial.images is not None and not trial.is_upper_bound and beats(trial.images, guess)
    linked = trial.links is not None and is_linked(trial.links)
    return pictured or linked or bool(trial.found and trial.found.finding)


def _strength(trial: Trial, guess: Recovery) -> tuple[bool, float, float]:
    images = trial.images
    ssim = float(np.nan_to_num(images.ssim.mean())) if images else 0.0
    return _succeeded(trial, guess), ssim, trial.links.top1.value if trial.links else 0.0


def _result(
    at: tuple[Attack, str],
    trial: Trial | None,
    state: str,
    reason: str,
    *,
    positive: Control | None = None,
    null: Control | None = None,
) -> AttackResult:
    attack, rung = at
    found = trial.found if trial else None
    return AttackResult(
        name=attack.name,
        title=attack.title,
        rung=rung,
        needs=attack.needs,
        held=trial.held if trial else "",
        state=state,
        reason=reason,
        images=trial.images.scores() if trial and trial.images else None,
        links=trial.links if trial else None,
        figures=dict(found.figures) if found else {},
        finding=found.finding if found else "",
        is_upper_bound=bool(trial and trial.is_upper_bound),
        seconds=trial.seconds if trial else 0.0,
        sentence=found.sentence if found else "",
        positive=positive,
        null=null,
    )


def _views(attack: Attack, rung: str, stage: Stage) -> Sequence[Holding]:
    """Return the views to be tried: of several numbers of known images the most, but for curves."""
    found = holdings(rung, stage)
    return found[-1:] if rung == "A6" and attack.name not in CURVES else found
