"""Images that could not be read: counted against a limit, listed for the provider alone."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from dpkit.errors import DpkitError

if TYPE_CHECKING:
    from collections.abc import Iterable


def check_share(bad: int, total: int, limit: float) -> None:
    """Refuse a run in which too many images are unreadable.

    Raises
    ------
    DpkitError
        More than `limit` (0 to 1) of `total` images are bad.
    """
    if total and bad / total > limit:
        raise DpkitError(
            f"{bad} of {total} images cannot be read ({bad / total:.1%}, limit {limit:.1%})",
            remedy="mend or remove them, or raise --max-bad",
        )


def quarantine_csv(bad: Iterable[tuple[str, str]]) -> bytes:
    """Return the private list of (file, reason) as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "reason"])
    writer.writerows(bad)
    return text.getvalue().encode("utf-8", "surrogateescape")
