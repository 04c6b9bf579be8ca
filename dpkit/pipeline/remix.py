"""An image is mixed once: a second mixed version would show half of what the first one hides.

The keystore's ledger knows every image that was mixed, by a keyed hash of its pixels. It is asked
as each shard is decoded, so that a refusal comes early, and again when the release is closed; its
own images are entered last, so that a release that is never published is in nobody's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpkit.errors import UsageError
from dpkit.keystore.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dpkit.pipeline.gathering import Gathered
    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.rows import Finished

_REMEDY = "leave them out, or say --allow-remix, which the report then states"


def ledger_of(run: Run) -> Ledger:
    """Return the ledger of this sanitizer's images."""
    return Ledger(run.keystore, run.sanitizer.name)


def refuse_known(run: Run, gathered: Gathered) -> None:
    """Refuse images that an earlier release holds, unless the provider allowed it.

    Raises
    ------
    UsageError
        With their number and the name of one.
    """
    known = ledger_of(run).known(gathered.marks, except_release=run.plan.release_id)
    if known.any() and not run.gates.allow_remix:
        first = gathered.rows.paths[int(np.argmax(known))]
        raise UsageError(
            f"{int(known.sum())} images were mixed before in another release, such as {first}: "
            "two mixed versions of an image show three quarters of it",
            remedy=_REMEDY,
        )


def count_again(run: Run, finished: Sequence[Finished]) -> int:
    """Return how many images of the release another one holds, or the same one twice.

    Raises
    ------
    UsageError
        There are some, and that was not allowed.
    """
    if not run.sanitizer.least_company:
        return 0
    marks = _marks(finished)
    known = ledger_of(run).known(marks, except_release=run.plan.release_id)
    again = int(known.sum()) + len(marks) - _different(marks)
    if again and not run.gates.allow_remix:
        raise UsageError(
            f"{again} images are mixed twice, in this release or in another one: two mixed "
            "versions of an image show three quarters of it",
            remedy=_REMEDY,
        )
    return again


def enter_images(run: Run, finished: Sequence[Finished], again: int) -> None:
    """Enter the release's images, the last thing before it is published.

    Raises
    ------
    UsageError
        Another run entered some of them since `again` were counted.
    """
    if not run.sanitizer.least_company:
        return
    ledger_of(run).enter(run.plan.release_id, _marks(finished))
    if count_again(run, finished) > again:
        raise UsageError(
            "another run mixed some of these images meanwhile",
            remedy="give the command again to see which, or to allow it",
        )


def remix_sentence(again: int) -> str:
    """Say what a second version gives away; empty where there is none."""
    if not again:
        return ""
    return (
        f"{again:,} of the images were mixed before, or stand here twice: who puts two versions of "
        "an image side by side sees which blocks agree, and those are its own"
    )


def _marks(finished: Sequence[Finished]) -> NDArray[np.uint8]:
    return np.concatenate([one.scores.marks for one in finished])


def _different(marks: NDArray[np.uint8]) -> int:
    return len(np.unique(marks, axis=0)) if len(marks) else 0
