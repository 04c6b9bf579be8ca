"""The ledger of images: which release an image was already in, told by its mark alone.

    secret    32 random bytes, drawn once for a sanitizer, sealed as the object "mix secret"
    mark      HMAC-SHA-256 of one decoded image under a key derived from the secret
    entry     the marks of one release, sealed as the object "mix RELEASE"

Two mixed versions of one image together show most of its blocks, so a second release of it has to
be seen coming. A mark follows the pixels: a renamed or rewritten file of the same pixels is known,
one with a single other value is not. Without the secret nobody can test a picture against a mark.

The lock of a keystore cannot be taken twice by one run, so what must be there once is put, listed
again, and the oldest stays: the catalogue only grows at its end, so every run agrees on it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import IntegrityError, KeystoreMissingError, UsageError
from dpkit.keystore.canonical import damaged
from dpkit.rng import SEED_BYTES, derive, fresh_secret
from dpkit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from dpkit.keystore.store import Entry, Keystore, SealedObject
    from dpkit.types import Json

MARK_BYTES: Final = 32
_NAME: Final = "[A-Za-z0-9][A-Za-z0-9._-]*"  # no space: a label is the two names around one
_SECRET: Final = "secret"  # noqa: S105 (a word of a label)
_MARKS: Final = "marks"
_TEXT: Final = f"S{MARK_BYTES}"  # compares as its bytes do, and numpy sorts it fast
_AXES: Final = 4  # n, h, w, c
_HEAD: Final = struct.Struct(">4I")  # bits of a sample, h, w, c
_SAMPLES: Final = (np.dtype(np.uint8), np.dtype(np.uint16))
_PURPOSE: Final = "ledger mark"


class Ledger:
    """The images that one sanitizer's releases of a keystore hold.

    Nothing of an entry is remembered between two calls, so another run's entries are seen.
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
        _check_name("sanitizer", sanitizer)
        self.sanitizer = sanitizer
        self._keystore = keystore
        self._secret_id = self._find_secret() or self._draw_secret()
        self._mark_key = derive(self._open_secret(), _PURPOSE, sanitizer.encode())

    def __repr__(self) -> str:
        return f"<Ledger of {self.sanitizer} in keystore {self._keystore.uuid}: hidden>"

    def mark(self, pixels: NDArray[Any]) -> bytes:
        """Return the mark, 32 bytes, of one decoded image u8 or u16 [h,w,c]."""
        return bytes(self.marks(pixels[np.newaxis])[0])

    def marks(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the marks u8 [n,32] of decoded images u8 or u16 [n,h,w,c]."""
        begun = hmac.new(self._mark_key.reveal(), _head(pixels), hashlib.sha256)
        marks = np.empty((len(pixels), MARK_BYTES), np.uint8)
        for mark, image in zip(marks, pixels, strict=True):
            one = begun.copy()
            one.update(_samples(image))
            mark[:] = np.frombuffer(one.digest(), np.uint8)
        return marks

    def known(self, marks: NDArray[np.uint8], *, except_release: str) -> NDArray[np.bool_]:
        """Tell for each mark of u8 [n,32] whether another release holds it, bool [n].

        Entries are opened one at a time. Two equal marks in `marks` are not told.
        """
        asked = _as_text(marks)
        seen = np.zeros(len(asked), dtype=np.bool_)
        for release_id, entry in self._entered():
            if release_id != except_release:
                seen |= _are_in(self._open_marks(entry, release_id), asked)
        return seen

    def enter(self, release_id: str, marks: NDArray[np.uint8]) -> None:
        """Seal the marks u8 [n,32] of a release, before anything of it is published.

        A mark that stands twice is entered once; the same set again changes nothing.

        Raises
        ------
        IntegrityError
            The release was entered with other marks.
        """
        _check_name("release", release_id)
        if release_id == _SECRET:
            raise UsageError(
                f"a release cannot be called {_SECRET}", remedy="the ledger's secret is"
            )
        given = _sorted_once(_as_text(marks))
        entries = [entry for known_id, entry in self._entered() if known_id == release_id]
        entry = entries[0] if entries else self._put_marks(release_id, given)
        if not np.array_equal(self._open_marks(entry, release_id), given):
            raise IntegrityError(
                f"release {release_id} was entered in the ledger with other images",
                remedy="finish it from the same images, or begin a new release",
            )

    def releases(self, mark: bytes) -> tuple[str, ...]:
        """Return the releases that hold a mark of 32 bytes, oldest first."""
        asked = _as_text(np.frombuffer(mark, np.uint8)[np.newaxis])
        found = (
            release_id
            for release_id, entry in self._entered()
            if _are_in(self._open_marks(entry, release_id), asked).any()
        )
        return tuple(dict.fromkeys(found))  # a run that was killed can leave an entry twice

    def _living(self) -> Iterator[tuple[str, Entry]]:
        """Yield the name behind the sanitizer's, and the entry, oldest first."""
        for entry in self._keystore.entries():
            owner, _, name = entry.label.partition(" ")
            if (entry.kind, owner) == ("ledger", self.sanitizer) and entry.state != "destroyed":
                yield name, entry

    def _entered(self) -> Iterator[tuple[str, Entry]]:
        return ((name, entry) for name, entry in self._living() if name != _SECRET)

    def _find_secret(self) -> str | None:
        living = dict(reversed(list(self._living())))  # of one name, the oldest stays
        if living and _SECRET not in living:
            raise self._secret_is_gone()
        return living[_SECRET].object_id if living else None

    def _draw_secret(self) -> str:
        drawn = np.frombuffer(fresh_secret().reveal(), np.uint8)
        return self._put_once(_SECRET, {"sanitizer": self.sanitizer}, {_SECRET: drawn}).object_id

    def _put_marks(self, release_id: str, marks: NDArray[np.bytes_]) -> Entry:
        settings: dict[str, Json] = {
            "sanitizer": self.sanitizer,
            "release_id": release_id,
            "secret": self._secret_id,
        }
        sealed = marks.view(np.uint8).reshape(-1, MARK_BYTES)
        return self._put_once(release_id, settings, {_MARKS: sealed})

    def _put_once(
        self, name: str, settings: Mapping[str, Json], arrays: Mapping[str, NDArray[np.uint8]]
    ) -> Entry:
        label = f"{self.sanitizer} {name}"
        mine = self._keystore.put("ledger", settings, arrays, label=label)
        oldest = next(entry for found, entry in self._living() if found == name)
        if oldest.object_id != mine:
            self._keystore.destroy(mine)  # another run was first, and nobody has used ours
        return oldest

    def _open_secret(self) -> Secret:
        sealed = self._keystore.get(self._secret_id, "ledger")
        _require(sealed.settings == {"sanitizer": self.sanitizer}, sealed)
        return Secret(_sole_array(sealed, _SECRET, (SEED_BYTES,)).tobytes())

    def _open_marks(self, entry: Entry, release_id: str) -> NDArray[np.bytes_]:
        sealed = self._keystore.get(entry.object_id, "ledger")
        settings = dict(sealed.settings)
        secret_id = settings.pop("secret", None)
        _require(settings == {"sanitizer": self.sanitizer, "release_id": release_id}, sealed)
        if secret_id != self._secret_id:
            raise self._secret_is_gone()
        marks = _as_text(_sole_array(sealed, _MARKS, (None, MARK_BYTES)))
        _require(bool(np.all(marks[1:] > marks[:-1])), sealed)
        return marks

    def _secret_is_gone(self) -> KeystoreMissingError:
        return KeystoreMissingError(
            f"the secret under which images were entered for {self.sanitizer} was destroyed, "
            "so they would not be known again",
            remedy="open a backup of the keystore, or destroy these ledger entries as well",
        )


def _check_name(what: str, name: str) -> None:
    if not re.fullmatch(_NAME, name):
        raise UsageError(
            f"{what} {name[:80]!r} cannot stand in the ledger",
            remedy="use letters, digits and ._-",
        )


def _head(pixels: NDArray[Any]) -> bytes:
    if pixels.ndim != _AXES or pixels.dtype.newbyteorder("=") not in _SAMPLES:
        raise UsageError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype} have no marks",
            remedy="give images as u8 or u16, [h,w,c] each",
        )
    return _HEAD.pack(8 * pixels.dtype.itemsize, *pixels.shape[1:])


def _samples(image: NDArray[Any]) -> memoryview:
    """Return the bytes of one image, little-endian, in C order."""
    ordered = np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("<"))
    return ordered.reshape(-1).view(np.uint8).data


def _as_text(marks: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Return u8 [n,32] as texts [n] of fixed length."""
    if marks.dtype != np.uint8 or marks.shape[1:] != (MARK_BYTES,):
        raise UsageError(
            f"marks of shape {marks.shape} and type {marks.dtype} are not u8 [n,{MARK_BYTES}]",
            remedy="take them from `Ledger.marks`",
        )
    text: NDArray[np.bytes_] = np.ascontiguousarray(marks).view(_TEXT)
    return text.reshape(-1)


def _sorted_once(marks: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    ordered = np.sort(marks)
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    once: NDArray[np.bytes_] = ordered[is_first]
    return once


def _are_in(ordered: NDArray[np.bytes_], asked: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Tell which of `asked` [n] are in `ordered` [m], whose items ascend; bool [n]."""
    if not len(ordered):
        return np.zeros(len(asked), dtype=np.bool_)
    places = np.searchsorted(ordered, asked)
    nearest = ordered[np.minimum(places, len(ordered) - 1)]
    return np.equal(nearest, asked)


def _sole_array(sealed: SealedObject, name: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return the one array of an object, u8 of a shape in which None is any length."""
    _require(sealed.names() == (name,) and sealed.dtype(name) == np.uint8, sealed)
    found = sealed.shape(name)
    _require(len(found) == len(shape), sealed)
    _require(all(n in (None, m) for n, m in zip(shape, found, strict=True)), sealed)
    return sealed.array(name)


def _require(condition: bool, sealed: SealedObject) -> None:
    if not condition:
        raise damaged(f"object {sealed.object_id}", "is not the ledger entry that its label says")
