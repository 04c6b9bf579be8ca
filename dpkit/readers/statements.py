"""What folders and table together say of each file: label, part, group, further columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from dpkit.errors import UsageError
from dpkit.readers.labels import read_rows
from dpkit.readers.listing import PART_NAMES, folder_classes, folder_parts
from dpkit.readers.matching import listed, match
from dpkit.readers.targets import are_measures, are_stated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dpkit.readers.labels import LabelTable
    from dpkit.types import Part, Task

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Statements:
    """Columns by file, in the order of `paths`; `bad` and `notices` as in `Scan`."""

    paths: tuple[str, ...]
    task: Task
    labels: tuple[tuple[str, ...], ...] | None
    label_names: tuple[str, ...]
    parts: tuple[Part, ...] | None = None
    groups: tuple[str, ...] | None = None
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label_sep: str | None = None
    bad: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    strata: tuple[str, ...] | None = None

    def take(self, mask: NDArray[np.bool_]) -> Statements:
        """Return the rows where `mask` [n] is true."""
        if mask.all():
            return self
        chosen = mask.tolist()
        return replace(
            self,
            paths=_where(self.paths, chosen),
            labels=None if self.labels is None else _where(self.labels, chosen),
            parts=None if self.parts is None else _where(self.parts, chosen),
            groups=None if self.groups is None else _where(self.groups, chosen),
            strata=None if self.strata is None else _where(self.strata, chosen),
            kept={name: _where(column, chosen) for name, column in self.kept.items()},
        )


def read_statements(
    paths: tuple[str, ...], table: LabelTable | None, *, folders_are_parts: bool
) -> Statements:
    """Return what is said of `paths`; with a table, only of those that it names.

    Raises
    ------
    UsageError
        The table cannot be read, names no file, or says what its column does not admit.
    """
    if table is None:
        return _of_folders(paths, folders_are_parts=folders_are_parts)
    rows = read_rows(table)
    matches = match(rows, paths, table_name=table.path.name)
    if not matches.rows and not matches.conflicts:
        example = f", such as {rows.files[0]}" if rows.files else ""
        raise UsageError(
            f"no row of {table.path.name} names a file of the source{example}",
            remedy=f"the source has {paths[0]}; which column has the names says --file-column",
        )
    chosen, bare = _labelled(table, rows.columns, matches.rows)
    numbers = [matches.rows[path] for path in chosen]
    columns = {name: tuple(map(cells.__getitem__, numbers)) for name, cells in rows.columns.items()}
    said = _of_folders(chosen, folders_are_parts=folders_are_parts, labels=not table.label_columns)
    said = replace(
        said,
        groups=_filled(chosen, columns, table.group_column, "group"),
        strata=_filled(chosen, columns, table.mix_column, "label to mix by"),
        kept={name: columns[name] for name in table.keep_columns},
        bad=matches.conflicts,
        notices=(*matches.notices, bare),
    )
    if table.part_column is not None:
        said = replace(said, parts=_parts(chosen, columns[table.part_column], table.part_column))
    return _with_labels(said, table, columns) if table.label_columns else said


def _of_folders(
    paths: tuple[str, ...], *, folders_are_parts: bool, labels: bool = True
) -> Statements:
    parts = folder_parts(paths) if folders_are_parts else None
    classes = folder_classes(paths, below_parts=parts is not None) if labels else None
    if classes is None:
        return Statements(paths, "none", None, (), parts)
    one = {name: (name,) for name in set(classes)}  # equal labels share one tuple
    return Statements(paths, "single", tuple(one[c] for c in classes), ("class",), parts)


def _labelled(
    table: LabelTable, columns: Mapping[str, list[str]], rows: Mapping[str, int]
) -> tuple[tuple[str, ...], str]:
    """Return the files whose row has a label, and a notice of the others (single only)."""
    if _task(table, ()) != "single" or not table.label_columns:
        return tuple(rows), ""
    cells = columns[table.label_columns[0]]
    bare = [path for path, row in rows.items() if not cells[row]]
    if len(bare) == len(rows):
        raise UsageError(f"column {table.label_columns[0]!r} is empty for every file")
    notice = listed(bare, f"files have an empty label in {table.path.name} and are not released")
    return tuple(path for path, row in rows.items() if cells[row]), notice


def _with_labels(
    said: Statements, table: LabelTable, columns: Mapping[str, tuple[str, ...]]
) -> Statements:
    labels = tuple(zip(*(columns[name] for name in table.label_columns), strict=True))
    return replace(
        said,
        task=_task(table, labels),
        labels=labels,
        label_names=table.label_columns,
        label_sep=table.label_sep,
    )


def _task(table: LabelTable, labels: Sequence[tuple[str, ...]]) -> Task:
    """Return the task that the user named, or that the columns show without a doubt."""
    if table.task is not None:
        return table.task
    if table.label_sep is not None:
        return "multi"
    if len(table.label_columns) > 1:
        if all(map(are_stated, labels)):
            return "multi"
        raise UsageError(
            "the label columns hold more than 1, 0, -1, u and empty cells",
            remedy="say --task multi or --task regression",
        )
    if are_measures([row[0] for row in labels]):
        raise UsageError(
            f"column {table.label_columns[0]!r} holds fractions: classes, or numbers?",
            remedy="say --task single or --task regression",
        )
    return "single"


def _filled(
    paths: Sequence[str], columns: Mapping[str, tuple[str, ...]], name: str | None, what: str
) -> tuple[str, ...] | None:
    """Return a column whose every cell must say something."""
    if name is None:
        return None
    bare = [path for path, cell in zip(paths, columns[name], strict=True) if not cell]
    if bare:
        raise UsageError(
            f"{len(bare)} files have no {what} in column {name!r}, such as {bare[0]}",
            remedy="fill them in: it decides which images may meet",
        )
    return columns[name]


def _parts(paths: Sequence[str], cells: Sequence[str], name: str) -> tuple[Part, ...]:
    for path, cell in zip(paths, cells, strict=True):
        if cell.lower() not in PART_NAMES:
            raise UsageError(
                f"{cell!r} in column {name!r} for {path} is no part",
                remedy=f"the parts are {', '.join(PART_NAMES)}",
            )
    return tuple(PART_NAMES[cell.lower()] for cell in cells)


def _where(column: tuple[_T, ...], mask: list[bool]) -> tuple[_T, ...]:
    return tuple(item for item, chosen in zip(column, mask, strict=True) if chosen)
