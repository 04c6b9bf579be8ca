"""Images that could not be read: counted against a limit, listed for the provider alone."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from dpkit.errors import DpkitError
from dpkit.release.index import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SHOWN: Final = 3  # files in the refusal


def check_share(bad: Sequence[tuple[str, str]], total: int, limit: float) -> None:
    """Refuse a run in which too many images, (file, reason), are unreadable.

    Raises
    ------
    DpkitError
        More than `limit` (0 to 1) of `total` images are bad.
    """
    share = len(bad) / max(total, 1)
    if share > limit:
        shown = ", ".join(f"{file} ({reason})" for file, reason in bad[:_SHOWN])
        raise DpkitError(
            f"{len(bad)} of {total} images cannot be read ({share:.1%}, limit {limit:.1%}): "
            f"{shown}{' …' if len(bad) > _SHOWN else ''}",
            remedy="mend or remove them, or raise --max-bad",
        )


def quarantine_csv(bad: Iterable[tuple[str, str]]) -> bytes:
    """Return the private list of (file, reason) as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "reason"])
    writer.writerows((guarded(file), guarded(reason)) for file, reason in bad)
    return text.getvalue().encode("utf-8", "surrogateescape")
