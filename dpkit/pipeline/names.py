"""Class names travel to the developer: which ones need the provider's word first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dpkit.release.manifest_entries import ClassEntry

MAX_CLASSES: Final = 100  # more look like persons or records
MIN_IMAGES: Final = 5  # fewer point at somebody
_SHOWN: Final = 5

_SUSPECT: Final = {
    "an e-mail address": re.compile(r"[^\s@]+@[^\s@]+\.\w+"),
    "a date": re.compile(r"(?<!\d)\d{1,4}[-./_]\d{1,2}[-./_]\d{1,4}(?!\d)"),
    "four or more digits": re.compile(r"(?:\d\D*){4}"),
}


def doubts(classes: Iterable[ClassEntry], images: Mapping[int, int]) -> list[str]:
    """Return why these class names should not travel unasked; empty where nothing speaks against.

    `images` counts the images of each class number.
    """
    entries = list(classes)
    found = []
    if len(entries) > MAX_CLASSES:
        found.append(f"there are {len(entries)} classes (limit {MAX_CLASSES})")
    small = [entry.name for entry in entries if images.get(entry.index, 0) < MIN_IMAGES]
    if small:
        found.append(f"under {MIN_IMAGES} images in {_some(small)}")
    for what, pattern in _SUSPECT.items():
        names = [entry.name for entry in entries if pattern.search(entry.name)]
        if names:
            found.append(f"{what} in {_some(names)}")
    return found


def require_consent(
    classes: Iterable[ClassEntry], images: Mapping[int, int], *, consented: bool
) -> None:
    """Refuse class names that look like persons, records or dates, unless the provider said yes.

    Raises
    ------
    UsageError
        With each reason and the two options that settle it.
    """
    found = doubts(classes, images)
    if found and not consented:
        raise UsageError(
            f"class names would be published: {'; '.join(found)}",
            remedy="add --hide-classes to publish numbers, or --publish-classes to publish them",
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
