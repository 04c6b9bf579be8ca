"""The provider's private lists as CSV, in pieces, so that no list stands in memory whole.

A text that a spreadsheet would take for a formula is disarmed as in the release's own index.
"""

from __future__ import annotations

import csv
import io
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from dpkit.release.index import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ROWS_AT_ONCE: Final = 1000


def csv_pieces(header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> Iterator[bytes]:
    """Yield a table as CSV, a thousand rows a piece; lone surrogates of file names survive."""
    every = chain([header], rows)
    while some := list(islice(every, _ROWS_AT_ONCE)):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([guarded(c) if isinstance(c, str) else c for c in row] for row in some)
        yield text.getvalue().encode("utf-8", "surrogateescape")
