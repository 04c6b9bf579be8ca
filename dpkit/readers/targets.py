"""Raw labels to numbers: the class table, and one target a file.

    single       int64 [n]             integer labels keep their numbers, names are sorted
    multi        uint8 [n,classes]     1, 0, and 255 for what nobody has stated
    regression   float32 [n,columns]   finite
    none         int64 [n]             -1

A data key that is used again brings the classes it `known`s; their numbers never change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from dpkit.errors import UsageError
from dpkit.types import NO_LABEL, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from dpkit.readers.scan import Scan

Classes: TypeAlias = "tuple[tuple[int, str], ...]"

MAX_CLASSES: Final = 65536
MAX_CLASS_NUMBER: Final = 2**31 - 1
# Tables of floats write 3 as 3.0.
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}(\.0{1,9})?", re.ASCII)
_MAX_FLOAT32: Final = float(np.finfo(np.float32).max)
_FRACTION: Final = re.compile(r"[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?", re.ASCII)
_STATED: Final = {"1": 1, "0": 0, "-1": UNKNOWN, "": UNKNOWN, "u": UNKNOWN, "U": UNKNOWN}


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets of all files of a scan, in its order, and the classes as (number, name)."""

    values: NDArray[Any]
    classes: Classes


def encode_targets(scan: Scan, known: Classes = (), added: tuple[str, ...] = ()) -> Targets:
    """Return the targets of a scan.

    Parameters
    ----------
    known
        The classes of a data key that is used again.
    added
        Names that the user appends to them.

    Raises
    ------
    UsageError
        A label that its task does not admit, or a class that is neither known nor added.
    """
    if known and scan.task in ("none", "regression"):
        raise UsageError(
            f"the data key has {len(known)} classes, these images have task {scan.task}",
            remedy="give their labels, or encode them alone by `dpkit.Sanitize`, or use a new key",
        )
    if scan.task == "none" or scan.labels is None:
        return Targets(np.full(len(scan.paths), NO_LABEL, np.int64), ())
    if added and not known:
        raise UsageError("--add-class has nothing to add to", remedy="name a data key with --key")
    if scan.task == "regression":
        return Targets(_numbers(scan), ())
    if scan.task == "single":
        return _single(scan, known, added)
    if scan.label_sep is not None:
        return _multi_cells(scan, scan.label_sep, known, added)
    return _multi_columns(scan, known, added)


def are_stated(cells: Iterable[str]) -> bool:
    """Say whether all cells read as multi-label targets: 1, 0, -1, u or empty."""
    return all(_canonical(cell) in _STATED for cell in cells)


def are_measures(cells: Iterable[str]) -> bool:
    """Say whether all cells are numbers and some are no integers, so that they are no names."""
    fraction = False
    for cell in cells:
        if not _INTEGER.fullmatch(cell):
            if not _FRACTION.fullmatch(cell):
                return False
            fraction = True
    return fraction


def _single(scan: Scan, known: Classes, added: tuple[str, ...]) -> Targets:
    labels = [_canonical(column[0]) for column in scan.labels or ()]
    classes = _classes(set(labels), known, added)
    number = {name: n for n, name in classes}
    return Targets(np.array([number[label] for label in labels], np.int64), classes)


def _multi_cells(scan: Scan, separator: str, known: Classes, added: tuple[str, ...]) -> Targets:
    cells = [_split(row[0], separator) for row in scan.labels or ()]
    names = {name for cell in cells for name in cell}
    classes = _positions(_ordered(names), known, added)
    column = {name: n for n, name in classes}
    values = np.zeros((len(cells), len(classes)), np.uint8)
    for row, cell in zip(values, cells, strict=True):
        row[[column[name] for name in cell]] = 1
        if not cell:  # an empty cell states nothing, not that nothing is there
            row[:] = UNKNOWN
    return Targets(values, classes)


def _multi_columns(scan: Scan, known: Classes, added: tuple[str, ...]) -> Targets:
    classes = _positions(scan.label_names, known, added)
    column = {name: n for n, name in classes}
    where = [column[name] for name in scan.label_names]
    values = np.full((len(scan.paths), len(classes)), UNKNOWN, np.uint8)
    for row, cells, path in zip(values, scan.labels or (), scan.paths, strict=True):
        for n, cell, name in zip(where, cells, scan.label_names, strict=True):
            row[n] = _stated(cell, name, path)
    return Targets(values, classes)


def _stated(cell: str, name: str, path: str) -> int:
    stated = _STATED.get(_canonical(cell))
    if stated is None:
        raise UsageError(
            f"{cell!r} for {name!r} of {path} is not 1, 0, -1, u or empty",
            remedy="or say --task regression",
        )
    return stated


def _numbers(scan: Scan) -> NDArray[np.float32]:
    values = np.empty((len(scan.paths), len(scan.label_names)), np.float32)
    for row, cells, path in zip(values, scan.labels or (), scan.paths, strict=True):
        for n, (cell, name) in enumerate(zip(cells, scan.label_names, strict=True)):
            row[n] = _finite(cell, name, path)
    return values


def _finite(cell: str, name: str, path: str) -> float:
    try:
        number = float(cell) if "_" not in cell else np.nan  # Python reads 1_0 as ten
    except ValueError:
        number = np.nan
    if not abs(number) <= _MAX_FLOAT32:  # also false for what is no number
        raise UsageError(f"{cell!r} for {name!r} of {path} is not a finite number of 32 bits")
    return number


def _split(cell: str, separator: str) -> tuple[str, ...]:
    names = (_canonical(name.strip()) for name in cell.split(separator))
    return tuple(dict.fromkeys(name for name in names if name))


def _canonical(label: str) -> str:
    """Return `3` for `3.0`, and every other label as it is."""
    return label.partition(".")[0] if _INTEGER.fullmatch(label) else label


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Sort by number where all names are integers, else as strings."""
    if all(map(_INTEGER.fullmatch, names := tuple(names))):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _classes(names: set[str], known: Classes, added: tuple[str, ...]) -> Classes:
    if known:
        return _extended(names, known, added)
    ordered = _ordered(names)
    if not all(map(_INTEGER.fullmatch, ordered)):
        return _limited(enumerate(ordered))
    return _own_numbers(ordered)


def _own_numbers(names: Sequence[str]) -> Classes:
    numbered = [(int(name), name) for name in names]
    low, high = numbered[0], numbered[-1]
    if low[0] < 0 or high[0] > MAX_CLASS_NUMBER:
        name = low[1] if low[0] < 0 else high[1]
        raise UsageError(
            f"class {name} is not within 0 to {MAX_CLASS_NUMBER}",
            remedy="give the classes other numbers, or names",
        )
    for (one, first), (other, second) in pairwise(numbered):
        if one == other:
            raise UsageError(f"classes {first!r} and {second!r} have the same number {one}")
    return _limited(numbered)


def _positions(names: Sequence[str], known: Classes, added: tuple[str, ...]) -> Classes:
    """Return multi-label classes: the number is the column of the target."""
    classes = _extended(set(names), known, added, own=False) if known else tuple(enumerate(names))
    if [n for n, _ in classes] != list(range(len(classes))):
        raise UsageError("the data key's classes are no columns", remedy="use a new key")
    return _limited(classes)


def _extended(
    names: set[str], known: Classes, added: tuple[str, ...], *, own: bool = True
) -> Classes:
    """Return the known classes and, in the user's order, the added ones."""
    number = {name: n for n, name in known}
    integers = own and all(name == str(n) for n, name in known)
    for name in map(_canonical, added):
        if name not in number:
            number[name] = _next(name, number, integers=integers)
    unknown = _ordered(names - set(number))
    if unknown:
        raise UsageError(
            f"the data key does not know class {unknown[0]!r}"
            + (f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""),
            remedy=f"say --add-class {unknown[0]!r} to append it, or use a new key",
        )
    return _limited((n, name) for name, n in number.items())


def _next(name: str, number: Mapping[str, int], *, integers: bool) -> int:
    """Return an added class's number: its own where all classes are their numbers."""
    taken = set(number.values())
    if integers and name.isascii() and name.isdigit() and int(name) not in taken:
        return int(_own_numbers([name])[0][0])
    return max(taken) + 1


def _limited(classes: Iterable[tuple[int, str]]) -> Classes:
    listed = tuple(classes)
    if len(listed) > MAX_CLASSES:
        raise UsageError(f"{len(listed)} classes, above the limit of {MAX_CLASSES}")
    return listed
