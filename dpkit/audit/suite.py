"""Every attack on every view of its rung, within a budget, cheapest first; then the verdict.

An attack that succeeds needs no control to show that it can. One that does not is tried once more
where it is known to succeed; if it fails there too, it counts as not run. What was not carried out
is unknown, and the verdict leads with the count: fewer attacks are never more safety.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from dpkit import __version__
from dpkit.audit.controls import NOT_RUN, carried_out, guess_recoveries
from dpkit.audit.faces import find_faces
from dpkit.audit.findings import Findings
from dpkit.audit.holdings import Stage, holdings, missing
from dpkit.audit.ladder import exposed_by_rung, rung_results, with_key
from dpkit.audit.trial import Trial, attempt
from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from dpkit.leakage.faces import Faces
from dpkit.leakage.gate import NOT_ASKED
from dpkit.leakage.judgement import beats, is_linked, judge, shows_pictures
from dpkit.leakage.recovery import Recovery
from dpkit.leakage.utility import Labelled, measure_utility
from dpkit.types.attacks import AttackResult
from dpkit.types.audit import Audit, Guess, PairsPoint
from dpkit.types.ladder import WITH_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from dpkit.audit.cache import ControlCache
    from dpkit.audit.experiments import Experiment
    from dpkit.audit.holdings import Holding
    from dpkit.audit.options import Options
    from dpkit.audit.subject import Subject
    from dpkit.leakage.attacks.attack import Attack
    from dpkit.types.attacks import Control
    from dpkit.types.faces import FaceFindings
    from dpkit.types.utility import Utility
    from dpkit.types.voice import Voice

LARGEST_SHARE = 0.5  # of the time that is left, for one attack
CURVES = ("known-pairs", "ridge-maps")  # tried with every number of known images, others with most
CONVERGED = "converged"  # a figure: 0 where the budget cut a training short
REACHED, CONSTANT = "held-out PSNR", "constant guess PSNR"  # figures of whatever was trained
ROUNDS = 3  # of an attack that takes all of its time: itself and two controls
UTILITY_SECONDS = {True: 240.0, False: 60.0}  # beside the attacks' budget, full and quick
BEST_GUESS = "best of these"


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One attack at one rung: its trials, and the result of the one that counts."""

    attack: Attack
    trials: tuple[Trial, ...]
    result: AttackResult


def audit(subject: Subject, options: Options, cache: ControlCache, voice: Voice) -> Findings:
    """Attack a release as each adversary could.

    Raises
    ------
    UsageError
        All sampled images are of one group, or faces are to be found without the extra `faces`.
    """
    if options.with_faces:
        Faces.load()  # what is missing is said before any attack
    start = time.monotonic()
    stage = Stage.of(subject, options)
    guessed = guess_recoveries(stage)
    guess = Recovery.best_of(found for _, found in guessed)
    tried = list(_tried(stage, guess, cache, voice))
    granted = [one for one in tried if holdings(one.result.rung, stage)]
    scored = [t for one in granted for t in one.trials if _counts(one, t)]
    keyless = [t.images for t in scored if t.images and t.rung != WITH_KEY]
    best = Recovery.best_of(keyless) if keyless else None
    results = [one.result for one in granted if one.result.rung != WITH_KEY]
    pairs = _curve(tried, options)
    holder = with_key(stage)
    verdict = judge(
        subject.sanitizer.name,
        results,
        is_pictured=best is not None and shows_pictures(best, guess),
        keys=frozenset(name for name, attack in ATTACKS.items() if attack.gives_key),
    )
    found = Audit(
        mode=options.mode,
        tool=f"dpkit {__version__}",
        seed=options.seed,
        budget_seconds=options.budget_seconds,
        seconds=time.monotonic() - start,
        images=len(stage.halves.scored),
        adversary_images=len(stage.halves.own),
        released_rows=len(stage.base.values),
        public=_public_words(stage),
        verdict=verdict,
        best=best.scores(options.seed) if best else None,
        guesses=(
            *(Guess(name, one.scores(options.seed)) for name, one in guessed),
            Guess(BEST_GUESS, guess.scores(options.seed)),
        ),
        rungs=rung_results(stage, [one.result for one in tried], scored, holder),
        attacks=tuple(one.result for one in tried),
        pairs=pairs,
        pairs_needed={said: _needed(pairs, float(said)) for said in ("0.5", "0.9")},
        utility=_utility(stage, voice) if options.with_utility else None,
        faces=_faces(stage, scored, voice) if options.with_faces else None,
    )
    rows = stage.halves.scored
    ssim = best.ssim if best else np.full(len(rows), np.nan)
    return Findings(found, exposed_by_rung(stage, scored), rows, ssim)


def _tried(stage: Stage, guess: Recovery, cache: ControlCache, voice: Voice) -> Iterable[Tried]:
    options = stage.options
    attacks = [a for a in ATTACKS.values() if a.is_for(stage.subject.sanitizer.name)]
    suite = [(attack, rung) for attack in attacks for rung in _rungs(attack, stage)]
    deadline, done = time.monotonic() + options.budget_seconds, dict[str, Tried]()
    for number, (attack, rung) in enumerate(suite):
        voice.progress("attacking: attacks", number, len(suite))
        if reason := _not_chosen(attack, options) or _not_held(rung, stage):
            yield Tried(attack, (), _result((attack, rung), None, "not tried", reason))
            continue
        if rung == WITH_KEY and attack.name in done:
            yield _again(done[attack.name], stage)
            continue
        left = {a.name: a for a, _ in suite[number:] if not _not_chosen(a, options)}
        seconds = (deadline - time.monotonic()) * _share(left.values())
        effort = Effort(seconds, options.seed, options.is_full)
        done[attack.name] = _try((attack, rung), stage, guess, cache, effort)
        yield done[attack.name]
    voice.progress("attacking: attacks", len(suite), len(suite))


def _rungs(attack: Attack, stage: Stage) -> Sequence[str]:
    """Return the rungs that hold what an attack needs; its lowest where none does."""
    if not attack.also:
        return attack.rungs
    fit = [r for r in attack.rungs if not all(attack.unfit(h.view) for h in holdings(r, stage))]
    return fit or attack.rungs[:1]


def _again(before: Tried, stage: Stage) -> Tried:
    """Return what an attack reached with all known images, for the key holder: the same pairs."""
    held = holdings(WITH_KEY, stage)[0].held
    trials = tuple(replace(trial, rung=WITH_KEY, held=held) for trial in before.trials[-1:])
    result = replace(before.result, rung=WITH_KEY, held=held, seconds=0.0)
    return Tried(before.attack, trials, result)


def _share(left: Collection[Attack]) -> float:
    """Return the share of the time that is left for one of the attacks that are left."""
    trainings = sum(attack.is_trained for attack in left)
    return min(LARGEST_SHARE, 1 / (ROUNDS * trainings)) if trainings else LARGEST_SHARE


def _utility(stage: Stage, voice: Voice) -> Utility | None:
    """Train on originals and release; None where that cannot be said of these images."""
    subject, options = stage.subject, stage.options
    if subject.labels is None:
        voice.notice("--utility needs one label a row: nothing was trained")
        return None
    voice.notice("training a small network on originals and release")
    try:
        return measure_utility(
            subject.originals,
            subject.values,
            Labelled(subject.labels, subject.groups),
            subject.sanitizer.training(subject.geometry),
            Effort(UTILITY_SECONDS[options.is_full], options.seed, options.is_full),
        )
    except UsageError as error:
        voice.notice(f"--utility: {error}")
    except OutOfBudgetError as error:
        voice.notice(f"--utility: {error}")
    return None


def _faces(stage: Stage, scored: Sequence[Trial], voice: Voice) -> FaceFindings:
    voice.notice("looking for faces on originals, release and what the attacks made of it")
    return find_faces(stage, scored)


def _not_chosen(attack: Attack, options: Options) -> str:
    if options.attacks is not None:
        return "" if attack.name in options.attacks else NOT_ASKED
    return "" if options.is_full or attack.is_quick else "only in the full audit"


def _not_held(rung: str, stage: Stage) -> str:
    return "" if holdings(rung, stage) else missing(rung)


def _views(attack: Attack, rung: str, stage: Stage) -> Sequence[Holding]:
    """Return the views to be tried: of several numbers of known images the most, but for curves."""
    found = holdings(rung, stage)
    return found[-1:] if rung == "A6" and attack.name not in CURVES else found


def _try(
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
        if trial.found and trial.found.figures.get(CONVERGED) == 0:
            return "timed out", "its training was cut by the budget"
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


def _counts(one: Tried, trial: Trial) -> bool:
    """Say whether a trial's pictures are among the best of the suite."""
    return one.result.had_power and trial.images is not None and not trial.is_upper_bound


def _curve(tried: Sequence[Tried], options: Options) -> tuple[PairsPoint, ...]:
    return tuple(
        PairsPoint(int(trial.found.figures["pairs"]), trial.images.scores(options.seed))
        for one in tried
        if one.attack.name in CURVES and one.result.rung == "A6"
        for trial in one.trials
        if trial.images is not None and trial.found is not None
    )


def _needed(pairs: Sequence[PairsPoint], ssim: float) -> int | None:
    enough = [p.known for p in pairs if p.images.ssim and p.images.ssim.mean.value >= ssim]
    return min(enough, default=None)


def _public_words(stage: Stage) -> str:
    return "; ".join(dict.fromkeys(holding.held for holding in holdings("A2", stage)))
