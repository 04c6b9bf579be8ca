"""The ledger of images: which release an image was already in, told by its mark alone.

Two mixed versions of one image together show most of its blocks, so a second release of it has to
be seen coming. An entry (`register`) is the marks (`marks`) of one release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpkit.errors import IntegrityError
from dpkit.keystore.marks import MARK_BYTES, as_marks, as_texts, counted, places
from dpkit.keystore.register import Register, check_release, require, sealed_marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.keystore.catalogue import Entry
    from dpkit.keystore.store import Keystore

__all__ = ["MARK_BYTES", "Ledger"]


class Ledger(Register):
    """The images that one sanitizer's releases of a keystore hold.

    To be safe from a run beside it, a release asks `known`, enters, and asks `known` again.

    Parameters
    ----------
    keystore
        The opened keystore; the ledger's secret is drawn into it where it has none.
    sanitizer
        Letters, digits and ``._-``. Marks of two sanitizers never agree.

    Raises
    ------
    KeystoreMissingError
        The secret was destroyed, and releases that were entered under it were not.
    """

    def __init__(self, keystore: Keystore, sanitizer: str) -> None:
        super().__init__(keystore, sanitizer, {"sanitizer": sanitizer})
        self.sanitizer = sanitizer

    def known(self, marks: NDArray[np.uint8], *, except_release: str) -> NDArray[np.bool_]:
        """Tell for each mark of u8 [n,32] whether another release holds it, bool [n].

        Entries are opened one at a time. Two equal marks in `marks` are not told.
        """
        asked = as_texts(marks)
        seen = np.zeros(len(asked), dtype=np.bool_)
        for release_id, entry in self._entered():
            if release_id != except_release:
                seen |= places(self._open_marks(entry, release_id), asked) >= 0
        return seen

    def enter(self, release_id: str, marks: NDArray[np.uint8]) -> None:
        """Seal the marks u8 [n,32] of a release, before anything of it is published.

        A mark that stands twice is entered once; the same set again changes nothing.

        Raises
        ------
        IntegrityError
            The release was entered with other marks.
        """
        check_release(release_id)
        given, _ = counted(as_texts(marks))
        entry = self._entry_of(release_id)
        entry = entry or self._put_entry(release_id, {}, {"marks": as_marks(given)})
        if not np.array_equal(self._open_marks(entry, release_id), given):
            raise IntegrityError(
                f"release {release_id} was entered in the ledger with other images",
                remedy="finish it from the same images, or begin a new release",
            )

    def releases(self, mark: bytes) -> tuple[str, ...]:
        """Return the releases that hold a mark of 32 bytes, oldest first."""
        asked = as_texts(np.frombuffer(mark, np.uint8)[np.newaxis])
        found = (
            release_id
            for release_id, entry in self._entered()
            if (places(self._open_marks(entry, release_id), asked) >= 0).any()
        )
        return tuple(dict.fromkeys(found))  # a run that was killed can leave an entry twice

    def _open_marks(self, entry: Entry, release_id: str) -> NDArray[np.bytes_]:
        sealed, rest = self._open_entry(entry, release_id)
        require(not rest and sealed.names() == ("marks",), sealed)
        return sealed_marks(sealed)
