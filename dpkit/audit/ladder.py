"""One row for each rung of the ladder: the best that whoever stands there reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.audit.findings import Exposed
from dpkit.audit.holdings import holdings, missing
from dpkit.leakage.denoise import denoised
from dpkit.leakage.recovery import Recovery, recovery
from dpkit.types.ladder import RUNGS, WITH_KEY, RungResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dpkit.audit.holdings import Stage
    from dpkit.audit.trial import Trial
    from dpkit.types.attacks import AttackResult

SHOWN: Final = 4  # recovered images of a rung, in the private report
HOLDER: Final = "The way back with the key"


def rung_results(
    stage: Stage, results: Sequence[AttackResult], scored: Sequence[Trial], holder: Recovery | None
) -> tuple[RungResult, ...]:
    """Return a row for every rung, whether somebody stands there or not."""
    rows = []
    for rung in RUNGS:
        of_rung = [result for result in results if result.rung == rung]
        trials = [trial for trial in scored if trial.rung == rung]
        is_way_back = rung == WITH_KEY and not of_rung
        row = _key_row(stage, holder) if is_way_back else _row(rung, stage, of_rung, trials)
        rows.append(row)
    return tuple(rows)


def _row(
    rung: str, stage: Stage, results: Sequence[AttackResult], trials: Sequence[Trial]
) -> RungResult:
    with_power = [result for result in results if result.had_power]
    linked = [result.links for result in with_power if result.links]
    strongest = max(trials, key=_mean_ssim, default=None)
    best = Recovery.best_of([t.images for t in trials if t.images]) if trials else None
    return RungResult(
        rung=rung,
        tried=len(with_power),
        of=len(results),
        best=strongest.attack.title if strongest else _first_title(with_power),
        images=best.scores(stage.options.seed) if best else None,
        links=max(linked, key=lambda links: links.top1.value, default=None),
        sentence=_sentence(rung, stage, results),
    )


def _sentence(rung: str, stage: Stage, results: Sequence[AttackResult]) -> str:
    if not results:
        return "No attack of this suite is of this kind."
    if not holdings(rung, stage):
        return f"Nobody stands here: {missing(rung)}."
    won = [result for result in results if result.state == "succeeded"]
    if won:
        said = [result.finding for result in won if result.finding]
        if pictured := [result for result in won if not result.finding]:
            said.append(max(pictured, key=_reached).sentence.split(". ")[0].rstrip("."))
        return ". ".join(dict.fromkeys(part[0].upper() + part[1:] for part in said)) + "."
    if any(result.had_power for result in results):
        return "No attack of this rung succeeded; that is not a proof."
    return "Unknown: no attack of this rung had power here."


def with_key(stage: Stage) -> Recovery | None:
    """Score what the key gives back; None where it gives nothing back."""
    restored = stage.subject.restored
    if restored is None:
        return None
    images, peak = restored[stage.halves.scored].astype(np.float64), stage.subject.geometry.peak
    ways = (images, denoised(images, peak))
    return Recovery.best_of([recovery(stage.originals, way, peak) for way in ways])


def _key_row(stage: Stage, holder: Recovery | None) -> RungResult:
    if not stage.subject.sanitizer.is_keyed:
        return RungResult("A8", 0, 0, "", None, None, "There is no key.")
    if holder is None:
        said = "The key alone gives no picture back: what was replaced or left out is gone."
        return RungResult("A8", 0, 0, "", None, None, said)
    said = "Whoever holds the key has the pictures, by design; nothing else protects them then."
    return RungResult("A8", 1, 1, HOLDER, holder.scores(), None, said)


def exposed_by_rung(stage: Stage, scored: Sequence[Trial]) -> tuple[Exposed, ...]:
    """Return for each rung the pictures of its best attack, the best recovered first."""
    found = []
    for rung in RUNGS:
        trials = [trial for trial in scored if trial.rung == rung]
        strongest = max(trials, key=_mean_ssim, default=None)
        if strongest and strongest.found and strongest.images:
            best = np.argsort(-_alikeness(strongest.images), kind="stable")[:SHOWN]
            recovered = np.asarray(strongest.found.images)[best]
            score = strongest.images
            found.append(
                Exposed(rung, strongest.attack.title, stage.halves.scored[best], recovered,
                        score.ssim[best], score.psnr[best])
            )  # fmt: skip
    return tuple(found)


def _alikeness(score: Recovery) -> NDArray[np.float64]:
    return score.psnr if np.isnan(score.ssim).any() else score.ssim


def _mean_ssim(trial: Trial) -> float:
    return float(np.nan_to_num(trial.images.ssim.mean())) if trial.images else 0.0


def _reached(result: AttackResult) -> float:
    return result.images.ssim.mean.value if result.images and result.images.ssim else 0.0


def _first_title(results: Sequence[AttackResult]) -> str:
    return results[0].title if results else ""
