"""The table of labels: a CSV of the provider's, read once, only the columns that were named.

UTF-8 (with or without its mark) or UTF-16 with a mark; the delimiter is the one of comma,
semicolon, tab and bar under which the header has the named columns, else the most columns.
Nothing in it is ever opened as a path.
"""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from typing import TYPE_CHECKING, Final, Literal

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

MAX_ROWS: Final = 10_000_000
MAX_COLUMNS: Final = 4096
_MAX_HEADER_CHARACTERS: Final = 1 << 20
_DELIMITERS: Final = (",", ";", "\t", "|")
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FILE_COLUMNS: Final = frozenset(
    {"file", "filename", "filepath", "path"}
    | {"image", "imagefile", "imageid", "imageindex", "imagename", "imagepath"}
)


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Which columns of which CSV say what.

    Parameters
    ----------
    file_column
        The column of file names; None takes the one of a usual name (`file`, `Image Index`, …).
    label_columns
        None of them: the folders give the classes. Several: a multi-label or regression task.
    label_sep
        What separates the labels of one cell, such as `|`: a multi-label task.
    task
        None infers it: one column is `single`, several or a separator are `multi`.
    group_column, part_column, keep_columns
        Who belongs together, into which part, and what else travels with the release.
    mix_column
        Within what images are mixed, where that is not their label.
    """

    path: Path
    file_column: str | None = None
    label_columns: tuple[str, ...] = ()
    label_sep: str | None = None
    task: Literal["single", "multi", "regression"] | None = None
    group_column: str | None = None
    part_column: str | None = None
    keep_columns: tuple[str, ...] = ()
    mix_column: str | None = None

    def __post_init__(self) -> None:
        if self.label_sep is not None and (not self.label_sep or len(self.label_columns) != 1):
            raise UsageError("--label-sep needs one --label-column and at least one character")
        if self.task and not self.label_columns:
            raise UsageError(f"--task {self.task} needs --label-column")
        if self.task == "single" and len(self.label_columns) > 1:
            raise UsageError("--task single takes one --label-column", remedy="or --task multi")
        if self.label_sep is not None and self.task not in (None, "multi"):
            raise UsageError(f"--label-sep belongs to --task multi, not {self.task}")

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that the user named, but for the file's, each once."""
        single = (self.group_column, self.part_column, self.mix_column)
        wanted = (*single, *self.label_columns, *self.keep_columns)
        return tuple(dict.fromkeys(name for name in wanted if name is not None))


@dataclass(frozen=True, slots=True)
class Rows:
    """The named columns of a table: `files` and `columns` by name, `lines` where each row ends."""

    files: list[str]
    columns: Mapping[str, list[str]]
    lines: list[int]


def read_rows(table: LabelTable) -> Rows:
    """Read the columns that `table` names.

    Raises
    ------
    UsageError
        The file is missing, no text, ragged, too large, or lacks a column.
    """
    name = table.path.name
    try:
        with table.path.open(encoding=_encoding(table.path), newline="") as text:
            return _read(text, table)
    except UnicodeError:
        raise UsageError(f"{name} is not UTF-8 text", remedy="save it as UTF-8 CSV") from None
    except csv.Error as error:
        raise UsageError(f"{name} is no CSV that can be read: {error}") from None
    except OSError as error:
        raise UsageError(f"{table.path} cannot be read: {error.strerror}") from None


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def _read(text: TextIO, table: LabelTable) -> Rows:
    delimiter = _delimiter(text, table)
    reader = csv.reader(text, delimiter=delimiter, strict=True, skipinitialspace=True)
    header = [cell.strip() for cell in next(reader, [])]
    if len(header) > MAX_COLUMNS:
        raise UsageError(f"{table.path.name} has {len(header)} columns, above {MAX_COLUMNS}")
    where = {name: _index(header, name, table) for name in table.named}
    file_index = _file_index(header, table)
    files: list[str] = []
    lines: list[int] = []
    columns: dict[str, list[str]] = {name: [] for name in where}
    seen: dict[str, str] = {}  # equal cells share one string: a million rows, a few labels
    for cells in _records(reader, len(header), table):
        files.append(cells[file_index].strip())
        lines.append(reader.line_num)
        for name, index in where.items():
            cell = cells[index].strip()
            columns[name].append(seen.setdefault(cell, cell))
    return Rows(files, columns, lines)


def _records(reader: Iterator[list[str]], width: int, table: LabelTable) -> Iterator[list[str]]:
    for number, cells in enumerate(reader, start=1):
        if number > MAX_ROWS:
            raise UsageError(f"{table.path.name} has more than {MAX_ROWS} rows")
        if not any(cells):
            continue
        if len(cells) != width:
            raise UsageError(
                f"row {number} of {table.path.name} has {len(cells)} cells, its header {width}"
            )
        yield cells


def _delimiter(text: TextIO, table: LabelTable) -> str:
    """Return the delimiter of the header; `text` stands at its start again after that."""
    start = text.read(_MAX_HEADER_CHARACTERS)
    text.seek(0)
    if not start.strip() or start[0] in "\r\n":
        raise UsageError(f"{table.path.name} has no header", remedy="name its columns in line 1")
    wanted = {*table.named, table.file_column}
    return max(_DELIMITERS, key=lambda d: _fitness(start, d, wanted))


def _fitness(start: str, delimiter: str, wanted: set[str | None]) -> tuple[int, int]:
    """Return how many wanted columns, and how many at all, a delimiter gives the first record."""
    reader = csv.reader(StringIO(start, newline=""), delimiter=delimiter, skipinitialspace=True)
    names = [cell.strip() for cell in next(reader)]  # several lines, where a name is quoted
    return len(wanted & set(names)), len(names)


def _index(header: list[str], name: str, table: LabelTable) -> int:
    if header.count(name) > 1:
        raise UsageError(f"{table.path.name} has {header.count(name)} columns {name!r}")
    if name in header:
        return header.index(name)
    close = get_close_matches(name, header, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UsageError(
        f"{table.path.name} has no column {name!r}", remedy=f"{hint}it has {_listed(header)}"
    )


def _file_index(header: list[str], table: LabelTable) -> int:
    if table.file_column is not None:
        return _index(header, table.file_column, table)
    usual = [i for i, name in enumerate(header) if _plain(name) in _FILE_COLUMNS]
    if len(usual) == 1:
        return usual[0]
    raise UsageError(
        f"which column of {table.path.name} holds the file names?",
        remedy=f"say --file-column; it has {_listed(header)}",
    )


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _listed(header: list[str]) -> str:
    more = f" and {len(header) - 20} more" if len(header) > 20 else ""  # noqa: PLR2004 (a line's worth)
    return ", ".join(header[:20]) + more
