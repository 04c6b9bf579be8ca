"""The names in a release folder, and reading what stands there as a stranger's.

A release holds plain files and the one folder `data/`; nothing is a link.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from dpkit.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BAGIT: Final = "bagit.txt"
BAG_INFO: Final = "bag-info.txt"
DIGESTS: Final = "manifest-sha256.txt"
TAG_DIGESTS: Final = "tagmanifest-sha256.txt"
SIGNATURE: Final = "tagmanifest-sha256.txt.minisig"
MANIFEST: Final = "manifest.json"
CARD: Final = "README.md"
REPORT_PAGE: Final = "report.html"
REPORT: Final = "report.json"
REMOTE: Final = "remote.safetensors"  # only where the provider gave the rest of the network
PAYLOAD: Final = "data"
INDEX: Final = "data/index.csv"

NEEDED: Final = (BAGIT, BAG_INFO, DIGESTS, TAG_DIGESTS, SIGNATURE, MANIFEST)
MAX_TAG_FILE: Final = 256 << 20  # 256 MiB; the page of a report takes a few
MAX_ENTRIES: Final = 400_000
_BLOCK: Final = 4 << 20  # 4 MiB


def sizes_of(folder: Path) -> dict[str, int]:
    """Return the size of every file of a release by its path.

    Raises
    ------
    UsageError
        The folder is no release at all.
    IntegrityError
        A link, a device or a further folder stands there.
    """
    if not folder.exists():
        raise UsageError(f"{folder} does not exist", remedy="name a release folder")
    if not folder.is_dir() or not any((folder / name).exists() for name in NEEDED):
        raise UsageError(
            f"{folder} is no release folder", remedy="name the folder that holds manifest.json"
        )
    return _sizes(folder, "") | _sizes(folder / PAYLOAD, f"{PAYLOAD}/")


def size_of(folder: Path, name: str) -> int:
    """Return the size of one top-level file."""
    try:
        return (folder / name).stat().st_size
    except OSError as error:
        raise IntegrityError(f"{name}: cannot be read ({error.strerror})") from error


def read_tag(folder: Path, name: str, size: int) -> bytes:
    """Read one small top-level file of a known size."""
    if size > MAX_TAG_FILE:
        raise IntegrityError(f"{name}: {size} bytes are more than {MAX_TAG_FILE}")
    with (folder / name).open("rb") as file:
        content = file.read(size + 1)
    if len(content) != size:
        raise IntegrityError(f"{name}: its size changes while it is read")
    return content


def read_text(folder: Path, name: str, size: int) -> str:
    """Read one small top-level text."""
    try:
        return read_tag(folder, name, size).decode("utf-8")
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{name}: no UTF-8 text") from error


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of a file in lower-case hex, reading 4 MiB at a time."""
    digest = hashlib.sha256()
    block = memoryview(bytearray(_BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(block[:count])
            if progress:
                progress(count)
    return digest.hexdigest()


def _sizes(folder: Path, prefix: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    sizes[prefix + entry.name] = entry.stat(follow_symlinks=False).st_size
                elif prefix or entry.name != PAYLOAD or not entry.is_dir(follow_symlinks=False):
                    raise IntegrityError(f"{prefix}{entry.name}: neither file nor data folder")
                if len(sizes) > MAX_ENTRIES:
                    raise IntegrityError(f"{folder.name}: more than {MAX_ENTRIES} files")
    except OSError as error:
        raise IntegrityError(f"{prefix or '.'}: cannot be listed ({error.strerror})") from error
    return sizes
