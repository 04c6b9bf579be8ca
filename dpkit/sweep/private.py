"""A sweep's folder: new, and open to its owner alone, for what is in it was made of originals."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PRIVATE: Final = "it is made of your originals: keep it to yourself"


def refuse_existing(folder: Path) -> None:
    """Refuse a folder that exists, before anything is computed for it.

    Raises
    ------
    UsageError
        It does.
    """
    if folder.exists():
        raise UsageError(f"the output {folder} exists", remedy="name another with --out")


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder, 0700, and its files, 0600.

    Raises
    ------
    UsageError
        It exists.
    """
    refuse_existing(folder)
    folder.mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
