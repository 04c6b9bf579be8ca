"""Images that could not be read, counted against a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.errors import DpkitError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
