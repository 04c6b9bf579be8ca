"""The budget over releases: what every image has cost in differential privacy, by its mark alone.

    symbol   here            meaning
    ε        epsilon         of one released image, for images that differ in at most m pixels
    m        neighborhood    pixels, each with all its channels
    ε/m      loss            what one changed pixel costs; exact, as a fraction
             entry           the marks of one release, how often each stands in it, and its loss

A mechanism of (ε, m) costs ε·m'/m for images that differ in m' pixels, and mechanisms on one image
add up. So losses of releases with different m are added as ε/m, and an image that stands twice in
one release costs twice. Entries of all sanitizers count together; the register's owner is `budget`.

A release is reserved before any of its noise is drawn, and asks for the total afterwards: what was
reserved before it counts, so of two runs side by side the first has the budget. A reservation is
withdrawn only where its plan was never sealed, so that nothing can have been drawn for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import IntegrityError
from dpkit.keystore.marks import as_marks, as_texts, counted, places
from dpkit.keystore.register import (
    Register,
    check_name,
    check_release,
    column,
    require,
    sealed_marks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.keystore.catalogue import Entry
    from dpkit.keystore.store import Keystore
    from dpkit.types import Json
    from dpkit.types.guarantee import Guarantee

OWNER: Final = "budget"
_LOSS: Final = "([1-9][0-9]{0,399})/([1-9][0-9]{0,399})"  # the digits of any float and more


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one release costs.

    `loss` is ε/m of one row; `marks` u8 [n,32] its different images, `times` int64 [n] how often
    each stands in it.
    """

    release_id: str
    sanitizer: str
    loss: Fraction
    marks: NDArray[np.uint8]
    times: NDArray[np.int64]


class Budget(Register):
    """What the releases of a keystore have cost each image.

    Parameters
    ----------
    keystore
        The opened keystore; the secret behind the marks is drawn into it where it has none.

    Raises
    ------
    KeystoreMissingError
        The secret was destroyed, and releases that were reserved under it were not.
    """

    def __init__(self, keystore: Keystore) -> None:
        super().__init__(keystore, OWNER, {"ledger": OWNER})

    def reserve(
        self, release_id: str, sanitizer: str, marks: NDArray[np.uint8], guarantee: Guarantee
    ) -> None:
        """Seal what a release costs: marks u8 [n,32], one a row, at the guarantee's loss.

        The same reservation again changes nothing.

        Raises
        ------
        IntegrityError
            The release was reserved with other images, or at another loss.
        """
        check_release(release_id)
        check_name("sanitizer", sanitizer)
        texts, times = counted(as_texts(marks))
        loss = guarantee.per_pixel
        given = Reservation(release_id, sanitizer, loss, as_marks(texts), times)
        held = self.reservation(release_id) or self._put(given)
        if not _agree(held, given):
            raise IntegrityError(
                f"release {release_id} was reserved with other images or another loss",
                remedy="finish it as it was begun, or begin a new release",
            )

    def withdraw(self, release_id: str) -> None:
        """Take back a reservation of a release whose plan was never sealed; often there is none."""
        for known, entry in list(self._entered()):
            if known == release_id:
                self._keystore.destroy(entry.object_id)

    def reservation(self, release_id: str) -> Reservation | None:
        """Return what a release costs, None where it was not reserved."""
        entry = self._entry_of(release_id)
        return self._open(entry, release_id) if entry else None

    def spent(self, marks: NDArray[np.uint8], *, until: str | None = None) -> tuple[Fraction, ...]:
        """Return for each mark of u8 [n,32] the total ε/m over the releases of this keystore.

        Parameters
        ----------
        until
            A release: those that were reserved after it are left out.
        """
        return self.history(marks, until=until)[0]

    def history(
        self, marks: NDArray[np.uint8], *, until: str | None = None
    ) -> tuple[tuple[Fraction, ...], tuple[str, ...]]:
        """Return what `spent` does, and the releases that hold one of the marks, oldest first.

        Every reservation is opened once.
        """
        asked = as_texts(marks)
        totals = np.zeros(len(asked), np.object_)  # integers of any size, in units of 1/whole
        whole = 1
        holding = []
        for held in self._reservations(until):
            wider = lcm(whole, held.loss.denominator)
            totals *= wider // whole
            whole = wider
            found = places(as_texts(held.marks), asked)
            there = found >= 0
            if there.any():
                holding.append(held.release_id)
            cost = held.loss.numerator * (whole // held.loss.denominator)
            totals[there] += held.times[found[there]].astype(np.object_) * cost
        exact = {total: Fraction(total, whole) for total in set(totals.tolist())}
        return tuple(exact[total] for total in totals.tolist()), tuple(holding)

    def would_be(self, marks: NDArray[np.uint8], guarantee: Guarantee) -> tuple[Fraction, ...]:
        """Return for each mark of u8 [n,32] the total ε/m if these rows were released too."""
        asked = as_texts(marks)
        once, times = counted(asked)
        own = times[places(once, asked)].tolist()
        loss = guarantee.per_pixel
        return tuple(t + n * loss for t, n in zip(self.spent(marks), own, strict=True))

    def _reservations(self, until: str | None) -> Iterator[Reservation]:
        """Yield every release once, oldest first; of one that stands twice, the first counts."""
        seen = set()
        for release_id, entry in self._entered():
            if release_id not in seen:
                seen.add(release_id)
                yield self._open(entry, release_id)
            if release_id == until:
                return

    def _put(self, given: Reservation) -> Reservation:
        settings: dict[str, Json] = {
            "sanitizer": given.sanitizer,
            "loss": _text(given.loss),
        }
        columns: dict[str, NDArray[Any]] = {"marks": given.marks, "times": given.times}
        entry = self._put_entry(given.release_id, settings, columns)
        return self._open(entry, given.release_id)

    def _open(self, entry: Entry, release_id: str) -> Reservation:
        sealed, said = self._open_entry(entry, release_id)
        sanitizer, loss = said.pop("sanitizer", None), _loss(said.pop("loss", None))
        require(not said and isinstance(sanitizer, str) and loss > 0, sealed)
        require(set(sealed.names()) == {"marks", "times"}, sealed)
        marks = sealed_marks(sealed)
        times = column(sealed, "times", np.int64, (len(marks),))
        require(bool((times >= 1).all()), sealed)
        return Reservation(release_id, str(sanitizer), loss, as_marks(marks), times)


def _text(loss: Fraction) -> str:
    return f"{loss.numerator}/{loss.denominator}"


def _loss(text: Json) -> Fraction:
    """Return a sealed loss; 0 where the text is no fraction above 0 in lowest terms."""
    if not isinstance(text, str) or not re.fullmatch(_LOSS, text):
        return Fraction(0)
    loss = Fraction(text)
    return loss if _text(loss) == text else Fraction(0)


def _agree(one: Reservation, other: Reservation) -> bool:
    return (
        (one.sanitizer, one.loss) == (other.sanitizer, other.loss)
        and np.array_equal(one.marks, other.marks)
        and np.array_equal(one.times, other.times)
    )
