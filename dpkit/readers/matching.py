"""Which row of the table belongs to which file.

A row names a file by its relative path, with slashes of either kind; else by the path without
its leading folders (tables often carry the folder of another machine); else by the end of a
path, if only one file has that base name. Where the row has no extension, the same holds
without extensions. Folders that contradict each other never match: `p2/1.png` is not the
`1.png` that lies in `p1`.
Rows that say the same of one file count once; rows that differ put the file in quarantine.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dpkit.readers.labels import Rows

_Named: TypeAlias = "tuple[str, str | None]"  # a file's comparable key, and its path
_NOBODY: Final[_Named] = ("", None)

LISTED: Final = 20  # names in a notice; the count is always whole


@dataclass(frozen=True, slots=True)
class Matches:
    """Files and rows brought together.

    Parameters
    ----------
    rows
        Row number by file, in the order of the files; files without a row are absent.
    conflicts
        Files whose rows differ, with the reason.
    notices
        What the provider should know: counts and the first names.
    """

    rows: Mapping[str, int]
    conflicts: Mapping[str, str]
    notices: tuple[str, ...]


def match(rows: Rows, paths: Sequence[str], *, table_name: str) -> Matches:
    """Bring the rows of a table and the files of a folder together."""
    named, stems = _Index(paths, extensions=True), _Index(paths, extensions=False)
    found: dict[str, list[int]] = {}
    lost: list[str] = []
    for number, name in enumerate(rows.files):
        key = _key(name.replace("\\", "/"))
        path = named.find(key) or stems.find(key)
        if path is None:
            lost.append(name)
        else:
            found.setdefault(path, []).append(number)
    conflicts = _conflicts(rows, found)
    kept = {p: found[p][0] for p in paths if p in found and p not in conflicts}
    bare = [p for p in paths if p not in found]
    double = [p for p in paths if len(found.get(p, ())) > 1 and p not in conflicts]
    notices = (
        listed(lost, f"rows of {table_name} have no file"),
        listed(bare, f"files have no row in {table_name} and are not released"),
        listed(double, f"files have equal rows in {table_name} more than once"),
    )
    return Matches(kept, conflicts, tuple(n for n in notices if n))


def _conflicts(rows: Rows, found: Mapping[str, list[int]]) -> dict[str, str]:
    conflicts = {}
    for path, numbers in found.items():
        if len(numbers) > 1 and len({_said(rows, n) for n in numbers}) > 1:
            lines = ", ".join(str(rows.lines[n]) for n in numbers[:LISTED])
            conflicts[path] = f"lines {lines} of the table say different things of it"
    return conflicts


def _said(rows: Rows, number: int) -> tuple[str, ...]:
    return tuple(column[number] for column in rows.columns.values())


def listed(names: Sequence[str], what: str) -> str:
    """Return a notice with the whole count and the first names; empty for none."""
    if not names:
        return ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{len(names)} {what}: {', '.join(names[:LISTED])}{more}"


class _Index:
    """Files by path and by unique base name, with extensions or without."""

    def __init__(self, paths: Sequence[str], *, extensions: bool) -> None:
        keys = [_key(path) if extensions else _stem(_key(path)) for path in paths]
        self._exact = _unique(zip(keys, zip(keys, paths, strict=True), strict=True))
        bases = (key.rpartition("/")[2] for key in keys)
        self._base = _unique(zip(bases, zip(keys, paths, strict=True), strict=True))

    def find(self, key: str) -> str | None:
        rest = key
        while rest:
            if rest in self._exact:
                return self._exact[rest][1]
            rest = rest.partition("/")[2]
        candidate, path = self._base.get(key.rpartition("/")[2], _NOBODY)
        return path if candidate.endswith("/" + key) else None


def _unique(pairs: Iterable[tuple[str, _Named]]) -> dict[str, _Named]:
    """Return what each key stands for, and nobody where it stands for two."""
    found: dict[str, _Named] = {}
    for key, named in pairs:
        found[key] = _NOBODY if key in found else named
    return found


def _key(path: str) -> str:
    """Return a path as it is compared: composed letters, no leading `./` or `/`."""
    text = path if path.isascii() else unicodedata.normalize("NFC", path)
    while text.startswith(("./", "/")):
        text = text[text.index("/") + 1 :]
    return text


def _stem(key: str) -> str:
    folder, slash, base = key.rpartition("/")
    name, dot, _ = base.rpartition(".")
    return folder + slash + (name if dot and name else base)
