"""Which files a folder holds, in which order, and what its sub-folders say.

The order is that of the relative paths with slashes, as strings. Hidden names, names that are
no images' and links that leave the folder are skipped and counted; links to folders are never
entered, since they can go in circles. A top folder named train, val, valid, validation or
test is a part; the next folder is the class; what lies deeper belongs to that class.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError
from dpkit.readers.files import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from dpkit.types import Part

PART_NAMES: Final[dict[str, Part]] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_PART_FOLDERS: Final = frozenset({"train", "val", "valid", "validation", "test"})
_SKIPPED_NAMES: Final = frozenset(
    {"thumbs.db", "desktop.ini", "__macosx", "license", "readme", "makefile"}
)
_SKIPPED_SUFFIXES: Final = (
    *(".csv", ".tsv", ".txt", ".md", ".rst", ".rtf", ".log", ".json", ".jsonl", ".xml", ".html"),
    *(".htm", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".lock", ".py", ".ipynb", ".sh", ".ps1"),
    *(".pdf", ".doc", ".docx", ".xls", ".xlsx", ".parquet", ".db", ".sqlite", ".md5", ".sha256"),
    *(".zip", ".tar", ".gz", ".tgz", ".bz2", ".npy", ".npz", ".mat", ".pkl", ".pt", ".h5", ".hdf5"),
)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder.

    Parameters
    ----------
    paths
        Relative, with slashes, sorted: every file that may be an image.
    special
        Pipes, devices and sockets, which are not opened; and names that are not UTF-8.
    skipped
        How many names were passed over.
    outside
        Links that leave the folder, lead to folders, or lead nowhere.
    """

    paths: tuple[str, ...]
    special: tuple[tuple[str, str], ...]
    skipped: int
    outside: tuple[str, ...]


def source_folder(root: Path) -> Path:
    """Return `root` resolved.

    Raises
    ------
    UsageError
        It is missing, or not a folder.
    """
    if not root.exists():
        raise UsageError(f"{root} does not exist", remedy="name the folder that holds the images")
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder", remedy="name the folder that holds the images")
    return root.resolve()


def list_files(root: Path, excluded: Iterable[Path] = ()) -> Listing:
    """List the files under a resolved folder, without `excluded` (such as the label table)."""
    names: dict[str, list[str]] = {"image": [], "special": [], "skipped": [], "outside": []}
    kept_out = {os.path.realpath(path) for path in excluded}
    for path, kind in _walk(str(root), kept_out):
        names[kind].append(path)
    named = [p for p in names["image"] if _is_utf8(p)]
    unnamed = [_printable(p) for p in names["image"] if not _is_utf8(p)]
    special = [(_printable(p), "not a regular file") for p in names["special"]]
    special += [(p, "its name is not valid UTF-8") for p in unnamed]
    outside = tuple(sorted(map(_printable, names["outside"])))
    skipped = len(names["skipped"]) + len(outside)
    return Listing(tuple(sorted(named)), tuple(sorted(special)), skipped, outside)


def _walk(root: str, excluded: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (relative path, kind) of every file; a stack, because depth is the user's."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = os.scandir(root + os.sep + folder)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise UsageError(
                f"folder {_printable(folder) or root} cannot be read ({reason})",
                remedy="give dpkit the right to read it, or move it out of the source",
            ) from None
        with entries:
            for entry in entries:
                path = folder + entry.name
                if _is_skipped(entry.name):
                    yield path, "skipped"
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(path + "/")
                else:
                    yield path, _kind(entry, root, excluded)


def _kind(entry: os.DirEntry[str], root: str, excluded: set[str]) -> str:
    if entry.is_symlink():
        resolved = os.path.realpath(entry.path)
        if not inside(root, resolved) or not os.path.isfile(resolved):  # noqa: PTH113 (false for links in a circle, where the entry raises)
            return "outside"
        return "skipped" if resolved in excluded else "image"
    if not entry.is_file(follow_symlinks=False):
        return "special"
    if excluded and os.path.realpath(entry.path) in excluded:
        return "skipped"
    return "image"


def _is_skipped(name: str) -> bool:
    lowered = name.lower()
    return name.startswith(".") or lowered in _SKIPPED_NAMES or lowered.endswith(_SKIPPED_SUFFIXES)


def _is_utf8(path: str) -> bool:
    """Say whether a name read from the system is text: Python marks other bytes by surrogates."""
    return path.isascii() or not any("\ud800" <= c <= "\udfff" for c in path)


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def folder_parts(paths: Sequence[str]) -> tuple[Part, ...] | None:
    """Return the part that the top folder of each path names; None if no top folder does.

    Raises
    ------
    UsageError
        Some paths lie in a part and others beside it.
    """
    tops = [path.partition("/")[0].lower() if "/" in path else "" for path in paths]
    outside = [p for p, top in zip(paths, tops, strict=True) if top not in _PART_FOLDERS]
    if len(outside) == len(paths):
        return None
    if outside:
        raise UsageError(
            f"some images lie in part folders and {len(outside)} do not, such as {outside[0]}",
            remedy="move them, or say --split none if those folder names are classes",
        )
    return tuple(PART_NAMES[top] for top in tops)


def folder_classes(paths: Sequence[str], *, below_parts: bool) -> tuple[str, ...] | None:
    """Return the class folder of each path, the first below its part; None for a flat folder.

    Raises
    ------
    UsageError
        Some paths lie in class folders and others beside them.
    """
    depth = 1 if below_parts else 0
    folders = [path.split("/")[depth:-1] for path in paths]
    beside = [path for path, folder in zip(paths, folders, strict=True) if not folder]
    if len(beside) == len(paths):
        return None
    if beside:
        raise UsageError(
            f"{len(beside)} images lie beside the class folders, such as {beside[0]}",
            remedy="move them into a class folder, or give the labels with --labels",
        )
    names = {folder[0]: unicodedata.normalize("NFC", folder[0]) for folder in folders}
    return tuple(names[folder[0]] for folder in folders)
