"""`data/index.csv`: one line for each row of the release, in the order of the shards.

    id,group,target,part,shard,row[,kept columns …]

`target` is the row of `/labels`: its numbers joined by `|` (`3`, `0|1|255`, `0.5|-2.25`; `-1`
where there are no labels). Lines end with a line feed; cells are quoted only where they must be.

A text cell that a spreadsheet would take for a formula (it begins with = + - or @, and is no
number) gets an apostrophe in front; so does one that begins with an apostrophe, so that a
reader takes exactly one away (`unguarded`). A control character becomes a space: one row is
one line.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from dpkit.errors import IntegrityError, UsageError
from dpkit.release.aside import written_aside
from dpkit.release.bag import Written
from dpkit.release.manifest_json import is_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.release.columns import ShardColumns
    from dpkit.release.manifest_entries import Shard

HEADER: Final = ("id", "group", "target", "part", "shard", "row")
MAX_LINE: Final = 1 << 20  # 1 MiB
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_FORMULA: Final = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class IndexRows:
    """The lines of one shard; `kept` holds, for each row, the cells of the kept columns."""

    shard: Shard
    columns: ShardColumns
    kept: Sequence[Sequence[str]] = ()


def write_index(
    path: Path, kept_columns: Sequence[str], shards: Iterable[IndexRows], size: int = 0
) -> Written:
    """Write the index as its shards come, and return its size and digest.

    Parameters
    ----------
    size
        About how many bytes will come, for the disk check.

    Raises
    ------
    UsageError
        A kept column bears the name of one of the six.
    """
    check_kept(kept_columns)
    with written_aside(path, size) as sink:
        sink.write(_lines([[*HEADER, *map(guarded, kept_columns)]]))
        for rows in shards:
            sink.write(_lines(_cells(rows, len(kept_columns))))
    return Written(sink.position, sink.sha256())


def check_kept(kept_columns: Sequence[str]) -> None:
    """Refuse kept columns that cannot stand in the index.

    Raises
    ------
    UsageError
        One bears the name of one of the six.
    """
    taken = sorted(set(kept_columns) & set(HEADER))
    if taken:
        raise UsageError(
            f"kept column {taken[0]!r} is a column of the index already",
            remedy="rename the column in your table",
        )


def check_index(path: Path, kept_columns: Sequence[str], shards: Iterable[IndexRows]) -> None:
    """Compare an index that anybody may have written with the columns of the shards.

    Raises
    ------
    IntegrityError
        A line differs from its row, is missing or too much; kept cells are free.
    """
    lines = read_cells(path)
    if next(lines, None) != [*HEADER, *map(guarded, kept_columns)]:
        _refuse(1, "is not the header that the manifest implies")
    number = 1
    for rows in shards:
        for expected in _cells(rows, 0):
            number += 1
            cells = next(lines, [])
            if cells[: len(HEADER)] != expected or len(cells) != len(HEADER) + len(kept_columns):
                _refuse(number, f"does not agree with {rows.shard.file}")
    if next(lines, None) is not None:
        _refuse(number + 1, "is one more than there are rows")


def read_cells(path: Path) -> Iterator[list[str]]:
    """Yield the cells of each line, as they stand; a line of more than 1 MiB is refused."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.reader(_limited(file), strict=True)
    except (csv.Error, UnicodeDecodeError) as error:
        raise IntegrityError(f"data/index.csv: no CSV in UTF-8 ({error})") from error


def target_texts(labels: NDArray[Any]) -> list[str]:
    """Return the target cell of each row; floats in the shortest form that gives them back."""
    rows = labels.reshape(len(labels), -1)
    if labels.dtype.kind == "f":
        return ["|".join(str(number) for number in row) for row in rows]  # numpy's float32 text
    return ["|".join(map(str, row)) for row in rows.tolist()]


def guarded(cell: str) -> str:
    """Return a text cell as no spreadsheet runs it, on one line."""
    if not is_plain(cell):
        cell = "".join(c if is_plain(c) else " " for c in cell)
    is_formula = cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula or cell.startswith("'") else cell


def unguarded(cell: str) -> str:
    """Return what `guarded` was given, if that had no control character."""
    return cell.removeprefix("'")


def _cells(rows: IndexRows, kept_columns: int) -> Iterator[list[str]]:
    columns, shard = rows.columns, rows.shard
    kept: Iterable[Sequence[str]] = rows.kept if kept_columns else repeat(())
    ids = columns.ids.astype(str).tolist()
    groups = columns.groups.astype(str).tolist()
    targets = target_texts(columns.labels)
    named = zip(ids, groups, targets, strict=True)
    for number, ((own, group, target), cells) in enumerate(zip(named, kept, strict=False)):
        if len(cells) != kept_columns:
            raise ValueError(f"row {number} of {shard.file} keeps {len(cells)} cells")
        yield [own, group, target, shard.part, shard.file, str(number), *map(guarded, cells)]


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _limited(file: io.TextIOBase | Any) -> Iterator[str]:
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise csv.Error(f"a line of {MAX_LINE} characters")
        yield line


def _refuse(number: int, why: str) -> None:
    raise IntegrityError(f"data/index.csv: line {number} {why}")
