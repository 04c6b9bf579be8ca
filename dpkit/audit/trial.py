"""One attack on one view: carried out, or why not, and how near it came."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from dpkit.leakage.attacks.attack import OutOfBudgetError
from dpkit.leakage.denoise import denoised
from dpkit.leakage.linkage import score_links
from dpkit.leakage.recovery import Recovery, best_candidate, recovery

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.audit.holdings import Holding
    from dpkit.leakage.attacks.attack import Attack, Effort
    from dpkit.types.adversary import Reconstruction
    from dpkit.types.scores import LinkScores

Ended = Literal["done", "unfit", "timed out", "crashed"]
CONVERGED: Final = "converged"  # a figure: 0 where the budget cut a training short
WAS_CUT: Final = "its training was cut by the budget"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What came of an attack.

    Parameters
    ----------
    ended
        `done`, or why there is no result: `reason` says it in words.
    images, links
        Scores of what it recovered; None where it recovers no such thing.
    is_upper_bound
        Whether the best of several pictures was chosen with the originals.
    """

    attack: Attack
    rung: str
    held: str
    ended: Ended
    reason: str
    seconds: float
    found: Reconstruction | None = None
    images: Recovery | None = None
    links: LinkScores | None = None
    is_upper_bound: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether the attack says that its time was too short: it might have found more."""
        return self.found is not None and self.found.figures.get(CONVERGED) == 0


def attempt(attack: Attack, holding: Holding, originals: NDArray[Any], effort: Effort) -> Trial:
    """Carry an attack out and score it.

    Parameters
    ----------
    originals
        u8 or u16 [wanted,h,w,c]; the attack never sees them.
    """
    view, start = holding.view, time.monotonic()

    def ended(how: Ended, reason: str) -> Trial:
        return Trial(attack, holding.rung, holding.held, how, reason, time.monotonic() - start)

    if reason := attack.unfit(view):
        return ended("unfit", reason)
    try:
        found = attack.run(view, effort)
        seconds = time.monotonic() - start
        images, is_upper_bound = _scored(found, originals, view.geometry.peak)
        links = _linked(found, holding)
    except OutOfBudgetError as error:
        return ended("timed out", str(error))
    except Exception as error:  # noqa: BLE001 (whatever an attack trips over, the audit goes on)
        return ended("crashed", f"{type(error).__name__}: {error}"[:200])
    return Trial(
        attack, holding.rung, holding.held, "done", "", seconds, found, images, links,
        is_upper_bound,
    )  # fmt: skip


def _linked(found: Reconstruction, holding: Holding) -> LinkScores | None:
    if found.links is None or holding.owners is None:
        return None
    return score_links(found.links, holding.owners)


def _scored(
    found: Reconstruction, originals: NDArray[Any], peak: int
) -> tuple[Recovery | None, bool]:
    """Score what was recovered, noise filtered or not; candidates only where there is no more."""
    if found.images is not None and np.isfinite(found.images).all():
        plain = recovery(originals, found.images, peak)
        clean = recovery(originals, denoised(np.clip(found.images, 0, peak), peak), peak)
        return Recovery.best_of([plain, clean]), False
    if found.candidates is not None:
        return best_candidate(originals, found.candidates, peak), True
    return None, False
