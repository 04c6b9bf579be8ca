"""Every attack on every view of its rung, within a budget, cheapest first; then the verdict.

An attack that succeeds needs no control to show that it can. One that does not is tried once more
where it is known to succeed; if it fails there too, it counts as not run. What was not carried out
is unknown, and the verdict leads with the count: fewer attacks are never more safety.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dpkit import __version__
from dpkit.audit.controls import NOT_RUN, guess_recoveries, null_control, positive_control
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
from dpkit.types.audit import AttackResult, Audit, Guess, PairsPoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dpkit.audit.cache import ControlCache
    from dpkit.audit.options import Options
    from dpkit.audit.subject import Subject
    from dpkit.leakage.attacks.attack import Attack
    from dpkit.types.audit import Control, FaceFindings, Utility
    from dpkit.types.voice import Voice

LARGEST_SHARE = 0.5  # of the time that is left, for one attack
CURVE = "known-pairs"
CONVERGED = "converged"  # a figure: 0 where the budget cut a training short
UTILITY_SECONDS = {True: 240.0, False: 60.0}  # beside the attacks' budget, full and quick
BEST_GUESS = "best of these"


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One attack: its trials, and the result of the one that counts."""

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
    granted = [one for one in tried if holdings(one.attack.rung, stage)]
    scored = [t for one in granted for t in one.trials if _counts(one, t)]
    best = Recovery.best_of([t.images for t in scored if t.images]) if scored else None
    results = [one.result for one in granted]
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
    suite = [a for a in ATTACKS.values() if a.is_for(stage.subject.sanitizer.name)]
    deadline = time.monotonic() + options.budget_seconds
    for number, attack in enumerate(suite):
        voice.progress("attacking: attacks", number, len(suite))
        if reason := _not_chosen(attack, options) or _not_held(attack, stage):
            yield Tried(attack, (), _result(attack, None, "not tried", reason))
            continue
        left = (deadline - time.monotonic()) * LARGEST_SHARE
        yield _try(attack, stage, guess, cache, Effort(left, options.seed, options.is_full))
    voice.progress("attacking: attacks", len(suite), len(suite))


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


def _not_held(attack: Attack, stage: Stage) -> str:
    return "" if holdings(attack.rung, stage) else missing(attack.rung)


def _try(
    attack: Attack, stage: Stage, guess: Recovery, cache: ControlCache, effort: Effort
) -> Tried:
    """Try every view, then the controls; the best trial is the result."""
    trials = tuple(
        attempt(attack, holding, stage.originals, effort)
        for holding in holdings(attack.rung, stage)
    )
    done = [trial for trial in trials if trial.ended == "done"]
    if not done:
        first = trials[0]  # the view that helps most; others lack something besides
        state: str = "not tried" if first.ended == "unfit" else first.ended
        return Tried(attack, trials, _result(attack, first, state, first.reason))
    strongest = max(done, key=lambda trial: _strength(trial, guess))
    own = Effort(effort.seconds, effort.seed, effort.is_full)  # controls have time of their own
    null = cache.control("null", attack, stage, lambda: null_control(attack, stage, own))
    if _succeeded(strongest, guess):
        return Tried(attack, trials, _won(attack, strongest, null))
    if cut := _cut_short(trials):
        return Tried(attack, trials, _result(attack, strongest, *cut, null=null))
    if attack.rung == "A0":  # what the eye sees is there to be scored, whatever it is
        return Tried(attack, trials, _result(attack, strongest, "no success", "", null=null))
    positive = cache.control(
        "positive", attack, stage, lambda: positive_control(attack, stage, own)
    )
    state, reason = _power(positive)
    return Tried(
        attack, trials, _result(attack, strongest, state, reason, positive=positive, null=null)
    )


def _won(attack: Attack, strongest: Trial, null: Control | None) -> AttackResult:
    """Return a success, unless the attack also succeeds where there is nothing to be found."""
    if null is None or null.passed:
        return _result(attack, strongest, "succeeded", "", null=null)
    reason = "it also finds something where every image has a key of its own"
    return _result(attack, strongest, "no power", reason, null=null)


def _cut_short(trials: Sequence[Trial]) -> tuple[str, str] | None:
    """Return the state of an attack of which not every view was carried out to its end."""
    for trial in trials:
        if trial.ended in {"timed out", "crashed"}:
            return trial.ended, trial.reason
        if trial.found and trial.found.figures.get(CONVERGED) == 0:
            return "timed out", "its training was cut by the budget"
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
    attack: Attack,
    trial: Trial | None,
    state: str,
    reason: str,
    *,
    positive: Control | None = None,
    null: Control | None = None,
) -> AttackResult:
    found = trial.found if trial else None
    return AttackResult(
        name=attack.name,
        title=attack.title,
        rung=attack.rung,
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
        if one.attack.name == CURVE
        for trial in one.trials
        if trial.images is not None and trial.found is not None
    )


def _needed(pairs: Sequence[PairsPoint], ssim: float) -> int | None:
    enough = [p.known for p in pairs if p.images.ssim and p.images.ssim.mean.value >= ssim]
    return min(enough, default=None)


def _public_words(stage: Stage) -> str:
    return "; ".join(dict.fromkeys(holding.held for holding in holdings("A2", stage)))
