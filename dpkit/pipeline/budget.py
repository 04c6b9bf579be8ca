"""What a differentially private release costs its images, reserved before anything is drawn.

All rows are decoded once, before the plan: a mark follows the pixels as the file has them, before
size, colour and depth of the release are applied, so that no reading option makes another image of
it. A file that cannot be decoded now leaves the release, as it could otherwise be decoded later
without having been reserved. The order is

    decode → refuse what is over the limit → reserve → ask again → seal the plan

so of two runs side by side the first has the budget. The reservation is withdrawn only where the
plan was not sealed: without it nothing can be drawn, so nothing was. From then on it stays,
whatever becomes of the release; whoever goes on with the plan costs nothing more. Nobody goes on
with a plan that is not reserved, and an image that another library by now decodes to other pixels
than those reserved leaves its shard.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import DpkitError, IntegrityError, UnreadableImageError, UsageError
from dpkit.keystore.budget import Budget
from dpkit.keystore.marks import MARK_BYTES, as_texts, places
from dpkit.leakage.promise import promise_of
from dpkit.pipeline.quarantine import check_share
from dpkit.pipeline.scores import no_marks
from dpkit.readers.folder import FolderSource
from dpkit.types.guarantee import said
from dpkit.types.plans import keep
from dpkit.types.promise import EpsilonTotal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from dpkit.engines import LocalEngine
    from dpkit.keystore.store import Keystore
    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.request import Gates, ReleaseRequest
    from dpkit.pipeline.terms import Terms
    from dpkit.types import Geometry, Rows
    from dpkit.types.guarantee import Guarantee
    from dpkit.types.promise import PrivacyGuarantee
    from dpkit.types.voice import Voice


@dataclass(frozen=True, slots=True)
class Cost:
    """What a release is going to cost, and whom.

    `rows` are those that can be decoded, `marks` u8 [rows,32] what the budget knows them by; `bad`
    says why the others left. Without a `guarantee` nothing is decoded, marked or reserved.
    """

    sanitizer: str
    guarantee: Guarantee | None
    rows: Rows
    marks: NDArray[np.uint8]
    bad: tuple[tuple[str, str], ...] = ()


def cost_of(
    request: ReleaseRequest,
    terms: Terms,
    rows: Rows,
    keystore: Keystore,
    at_work: tuple[LocalEngine, Voice],
) -> Cost:
    """Decode and mark the rows of a release, and refuse what the budget does not allow.

    Parameters
    ----------
    at_work
        The threads that decode, and what says how far they are.

    Raises
    ------
    UsageError
        Images would go above `--max-epsilon`: how many, the largest total, the name of one.
    DpkitError
        Too many images, or all, cannot be decoded.
    """
    sanitizer = terms.sanitizer
    guarantee = sanitizer.guarantee(terms.rule.geometry)
    if guarantee is None:
        return Cost(sanitizer.name, None, rows, no_marks())
    budget = Budget(keystore)
    marks, reasons = _marked(FolderSource(request.source, terms.rule), rows, budget, at_work)
    bad = tuple((rows.paths[i], reason) for i, reason in sorted(reasons.items()))
    check_share(bad, len(rows), request.gates.max_bad)
    left = np.ones(len(rows), np.bool_)
    left[list(reasons)] = False
    if not left.any():
        raise DpkitError("no image can be read", remedy="see that the files are images")
    cost = Cost(sanitizer.name, guarantee, keep(rows, left), marks[left], bad)
    _refuse_above(
        request.gates, guarantee, lambda: budget.would_be(cost.marks, guarantee), cost.rows.paths
    )
    return cost


@contextmanager
def reserved(keystore: Keystore, release_id: str, cost: Cost, gates: Gates) -> Iterator[None]:
    """Reserve what a release costs while its plan is sealed; withdraw it where that fails.

    Raises
    ------
    UsageError
        Another run reserved some of these images meanwhile, and the limit is reached.
    """
    if cost.guarantee is None:
        yield
        return
    budget = Budget(keystore)
    try:
        budget.reserve(release_id, cost.sanitizer, cost.marks, cost.guarantee)
        _refuse_above(
            gates,
            cost.guarantee,
            lambda: budget.spent(cost.marks, until=release_id),
            cost.rows.paths,
        )
        yield
    except BaseException:
        budget.withdraw(release_id)
        raise


@dataclass(frozen=True, slots=True)
class Reserved:
    """The images that were reserved for a release, known again by their pixels."""

    budget: Budget
    guarantee: Guarantee
    marks: NDArray[np.uint8]

    def holds(self, pixels: NDArray[Any]) -> bool:
        """Say whether an image u8 or u16 [h,w,c], as `FolderSource.native` gives it, is theirs."""
        mark = self.budget.marks(pixels[np.newaxis])
        return bool(places(as_texts(self.marks), as_texts(mark))[0] >= 0)


def reserved_images(run: Run) -> Reserved | None:
    """Return what was reserved for a run that begins or goes on; None without a guarantee.

    Raises
    ------
    IntegrityError
        The keystore holds no reservation of the release, or another one.
    """
    guarantee = run.sanitizer.guarantee(run.geometry)
    if guarantee is None:
        return None
    release_id, budget = run.plan.release_id, Budget(run.keystore)
    held = budget.reservation(release_id)
    if held is None or (held.sanitizer, held.loss) != (run.sanitizer.name, guarantee.per_pixel):
        raise IntegrityError(
            f"the budget holds no such reservation of release {release_id}, and without one its "
            "images would not be counted",
            remedy="begin the release anew, with another --out",
        )
    return Reserved(budget, guarantee, held.marks)


def refuse_overspent(run: Run) -> None:
    """Ask again of a run that goes on, whose limit may be another one by now.

    Raises
    ------
    UsageError
        Images are above `--max-epsilon`.
    """
    held, until = run.reserved, run.plan.release_id
    if held is not None:
        spent = partial(held.budget.spent, held.marks, until=until)
        _refuse_above(run.gates, held.guarantee, spent)


def promise_for(
    keystore: Keystore, release_id: str, guarantee: Guarantee | None, geometry: Geometry
) -> PrivacyGuarantee | None:
    """Return what a release promises, with the totals of its images over all releases."""
    if guarantee is None:
        return None
    budget = Budget(keystore)
    held = budget.reservation(release_id)
    marks = held.marks if held else no_marks()
    m = guarantee.neighborhood
    spent, releases = budget.history(marks)
    images = Counter(total * m for total in spent)
    totals = tuple(EpsilonTotal(said(total), images[total]) for total in sorted(images)[::-1])
    return promise_of(guarantee, geometry, totals, len(releases))


def _marked(
    source: FolderSource, rows: Rows, budget: Budget, at_work: tuple[LocalEngine, Voice]
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Return the marks u8 [n,32] of all rows, and by row why one cannot be decoded."""
    engine, voice = at_work
    marks = np.zeros((len(rows), MARK_BYTES), np.uint8)

    def work(row: int) -> str:
        file = rows.paths[row], rows.sha256[row].tobytes()
        try:
            source.decode(*file)  # it may leave by the rule, too
            pixels = source.native(*file)
        except UnreadableImageError as error:
            return str(error)
        marks[row] = budget.marks(pixels[np.newaxis])[0]
        return ""

    reasons: dict[int, str] = {}
    for row, reason in enumerate(engine.map(work, range(len(rows)))):
        if reason:
            reasons[row] = reason
        voice.progress("reading images for the privacy budget", row + 1, len(rows))
    return marks, reasons


def _refuse_above(
    gates: Gates,
    guarantee: Guarantee,
    spent: Callable[[], Sequence[Fraction]],
    paths: Sequence[str] = (),
) -> None:
    """Refuse totals ε/m that are above the limit at the release's own m; `paths` name them.

    Without a limit nobody is asked what was spent.
    """
    limit = gates.epsilon_limit
    if limit is None:
        return
    totals, m = spent(), guarantee.neighborhood
    above = [i for i, total in enumerate(totals) if total * m > limit]
    if not above:
        return
    worst = max(above, key=lambda i: totals[i])
    example = f", such as {paths[worst]}" if paths else ""
    raise UsageError(
        f"{_images(len(above))} would have cost a total ε of up to {said(totals[worst] * m)} for "
        f"{_pixels(m)}, above the {said(limit)} of --max-epsilon{example}",
        remedy="leave these images out, release with a smaller ε, or raise --max-epsilon",
    )


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _pixels(count: int) -> str:
    return "1 pixel" if count == 1 else f"{count:,} pixels"
