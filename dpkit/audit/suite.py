"""Every attack on every view of its rung, within a budget, cheapest first; then the verdict.

What was not carried out is unknown, and the verdict leads with the count: fewer attacks are never
more safety.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dpkit import __version__
from dpkit.audit.controls import guess_recoveries
from dpkit.audit.faces import find_faces
from dpkit.audit.findings import Findings
from dpkit.audit.holdings import Stage, holdings, missing
from dpkit.audit.ladder import exposed_by_rung, rung_results, with_key
from dpkit.audit.tried import CURVES, Tried, tried_at
from dpkit.errors import UsageError
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort, OutOfBudgetError
from dpkit.leakage.faces import Faces
from dpkit.leakage.gate import NOT_ASKED
from dpkit.leakage.judgement import judge, shows_pictures
from dpkit.leakage.recovery import Recovery
from dpkit.leakage.utility import Labelled, measure_utility
from dpkit.types.audit import Audit, Guess, PairsPoint
from dpkit.types.ladder import WITH_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from dpkit.audit.cache import ControlCache
    from dpkit.audit.options import Options
    from dpkit.audit.subject import Subject
    from dpkit.audit.trial import Trial
    from dpkit.leakage.attacks.attack import Attack
    from dpkit.types.faces import FaceFindings
    from dpkit.types.utility import Utility
    from dpkit.types.voice import Voice

LARGEST_SHARE = 0.5  # of the time that is left, for one attack
ROUNDS = 3  # of an attack that takes all of its time: itself and two controls
UTILITY_SECONDS = {True: 240.0, False: 60.0}  # beside the attacks' budget, full and quick
BEST_GUESS = "best of these"


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
    scored = [trial for one in granted for trial in one.counting]
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
            yield Tried.not_tried((attack, rung), reason)
            continue
        if rung == WITH_KEY and attack.name in done:
            yield _again(done[attack.name], stage)
            continue
        left = {a.name: a for a, _ in suite[number:] if not _not_chosen(a, options)}
        seconds = (deadline - time.monotonic()) * _share(left.values())
        effort = Effort(seconds, options.seed, options.is_full)
        done[attack.name] = tried_at((attack, rung), stage, guess, cache, effort)
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
