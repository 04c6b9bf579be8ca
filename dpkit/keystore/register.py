"""A register of images in the keystore: one secret, and one entry a release, by marks alone.

    secret    32 random bytes, drawn once, sealed as the object "OWNER secret"
    entry     the marks of one release and what is said of them, sealed as "OWNER RELEASE"

The lock of a keystore cannot be taken twice by one run, so what must be there once is put, listed
again, and the oldest stays: the catalogue only grows at its end, so every run agrees on it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import KeystoreMissingError, UsageError
from dpkit.keystore.canonical import damaged
from dpkit.keystore.marks import MARK_BYTES, as_texts, marks_of
from dpkit.rng import SEED_BYTES, derive, fresh_secret
from dpkit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from dpkit.keystore.catalogue import Entry
    from dpkit.keystore.sealed import SealedObject
    from dpkit.keystore.store import Keystore
    from dpkit.types import Json

_NAME: Final = "[A-Za-z0-9][A-Za-z0-9._-]*"  # no space: a label is the two names around one
_SECRET: Final = "secret"  # noqa: S105 (a word of a label)
_MARKS: Final = "marks"
_PURPOSE: Final = "ledger mark"


class Register:
    """What the releases of a keystore hold, for one owner.

    Nothing of an entry is remembered between two calls, so another run's entries are seen.

    Parameters
    ----------
    keystore
        The opened keystore; the secret is drawn into it where it has none.
    owner
        Letters, digits and ``._-``: the first word of its labels. Marks of two owners never agree.
    settings
        What its secret and every entry say of the owner.

    Raises
    ------
    KeystoreMissingError
        The secret was destroyed, and releases that were entered under it were not.
    """

    def __init__(self, keystore: Keystore, owner: str, settings: Mapping[str, Json]) -> None:
        check_name("sanitizer", owner)
        self._owner = owner
        self._settings = dict(settings)
        self._keystore = keystore
        self._secret_id = self._find_secret() or self._draw_secret()
        self._mark_key = derive(self._open_secret(), _PURPOSE, owner.encode())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._owner} in keystore {self._keystore.uuid}: hidden>"

    def mark(self, pixels: NDArray[Any]) -> bytes:
        """Return the mark, 32 bytes, of one decoded image u8 or u16 [h,w,c]."""
        return bytes(self.marks(pixels[np.newaxis])[0])

    def marks(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the marks u8 [n,32] of decoded images u8 or u16 [n,h,w,c]."""
        return marks_of(pixels, self._mark_key)

    def _living(self) -> Iterator[tuple[str, Entry]]:
        """Yield the name behind the owner's, and the entry, oldest first."""
        for entry in self._keystore.entries():
            owner, _, name = entry.label.partition(" ")
            if (entry.kind, owner) == ("ledger", self._owner) and entry.state != "destroyed":
                yield name, entry

    def _entered(self) -> Iterator[tuple[str, Entry]]:
        return ((name, entry) for name, entry in self._living() if name != _SECRET)

    def _entry_of(self, release_id: str) -> Entry | None:
        return next((entry for known, entry in self._entered() if known == release_id), None)

    def _find_secret(self) -> str | None:
        living = dict(reversed(list(self._living())))  # of one name, the oldest stays
        if living and _SECRET not in living:
            raise self._secret_is_gone()
        return living[_SECRET].object_id if living else None

    def _draw_secret(self) -> str:
        drawn = np.frombuffer(fresh_secret().reveal(), np.uint8)
        return self._put_once(_SECRET, self._settings, {_SECRET: drawn}).object_id

    def _put_entry(
        self, release_id: str, settings: Mapping[str, Json], columns: Mapping[str, NDArray[Any]]
    ) -> Entry:
        said = {**self._settings, "release_id": release_id, "secret": self._secret_id, **settings}
        return self._put_once(release_id, said, columns)

    def _put_once(
        self, name: str, settings: Mapping[str, Json], columns: Mapping[str, NDArray[Any]]
    ) -> Entry:
        label = f"{self._owner} {name}"
        mine = self._keystore.put("ledger", settings, columns, label=label)
        oldest = next(entry for found, entry in self._living() if found == name)
        if oldest.object_id != mine:
            self._keystore.destroy(mine)  # another run was first, and nobody has used ours
        return oldest

    def _open_secret(self) -> Secret:
        sealed = self._keystore.get(self._secret_id, "ledger")
        require(sealed.settings == self._settings and sealed.names() == (_SECRET,), sealed)
        return Secret(column(sealed, _SECRET, np.uint8, (SEED_BYTES,)).tobytes())

    def _open_entry(self, entry: Entry, release_id: str) -> tuple[SealedObject, dict[str, Json]]:
        """Return an entry, and its settings besides those that every entry has."""
        sealed = self._keystore.get(entry.object_id, "ledger")
        said = dict(sealed.settings)
        secret_id = said.pop("secret", None)
        named = {**self._settings, "release_id": release_id}
        require(all(said.pop(name, None) == value for name, value in named.items()), sealed)
        if secret_id != self._secret_id:
            raise self._secret_is_gone()
        return sealed, said

    def _secret_is_gone(self) -> KeystoreMissingError:
        return KeystoreMissingError(
            f"the secret under which images were entered for {self._owner} was destroyed, "
            "so they would not be known again",
            remedy="open a backup of the keystore, or destroy these ledger entries as well",
        )


def check_name(what: str, name: str) -> None:
    """Refuse a name that cannot be a word of a label."""
    if not re.fullmatch(_NAME, name):
        raise UsageError(
            f"{what} {name[:80]!r} cannot stand in the ledger",
            remedy="use letters, digits and ._-",
        )


def check_release(release_id: str) -> None:
    """Refuse a release whose label would be another's, or none."""
    check_name("release", release_id)
    if release_id == _SECRET:
        raise UsageError(f"a release cannot be called {_SECRET}", remedy="the ledger's secret is")


def sealed_marks(sealed: SealedObject) -> NDArray[np.bytes_]:
    """Return the marks of an entry as texts [n], which ascend and stand once each."""
    marks = as_texts(column(sealed, _MARKS, np.uint8, (None, MARK_BYTES)))
    require(bool(np.all(marks[1:] > marks[:-1])), sealed)
    return marks


def column(
    sealed: SealedObject, name: str, dtype: type[np.generic], shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Return one array of an object, of a type and a shape in which None is any length."""
    require(name in sealed.names() and sealed.dtype(name) == dtype, sealed)
    found = sealed.shape(name)
    require(len(found) == len(shape), sealed)
    require(all(n in (None, m) for n, m in zip(shape, found, strict=True)), sealed)
    return sealed.array(name)


def require(condition: bool, sealed: SealedObject) -> None:
    """Raise `IntegrityError` where an object is not what its label says."""
    if not condition:
        raise damaged(f"object {sealed.object_id}", "is not the ledger entry that its label says")
