"""Writing a file of a release: aside, to disk, then under its name.

A reader sees a whole file or none. `.NAME.partial` lies in the same folder, is made anew
(never opened through a link that waits there), is synced, renamed, and the folder is synced.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dpkit.errors import DpkitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Sink:
    """A file that is written from its start to its end and hashed on the way."""

    def __init__(self, path: Path, size: int, descriptor: int) -> None:
        self._path = path
        self._size = size
        self._descriptor = descriptor
        self._sha256 = hashlib.sha256()
        self.position = 0

    def write(self, content: bytes | memoryview) -> None:
        """Append bytes, without copying them."""
        view = memoryview(content)
        self._sha256.update(view)
        self.position += len(view)
        with _named_failure(self._path, self._size):
            while view:
                view = view[os.write(self._descriptor, view) :]

    def pad_to(self, offset: int) -> None:
        """Append zeros up to `offset`."""
        self.write(bytes(offset - self.position))

    def sha256(self) -> str:
        """Return the digest of what was written, in lower-case hex."""
        return self._sha256.hexdigest()


@contextmanager
def written_aside(path: Path, size: int) -> Iterator[Sink]:
    """Give a `Sink` for `path`; it appears under that name when the block ends well.

    Parameters
    ----------
    path
        The final name; a file that stands there is replaced.
    size
        The bytes that will come, for the disk check and its message.

    Raises
    ------
    DpkitError
        The disk is too small, or the system refuses; nothing is left behind.
    """
    partial = path.with_name(f".{path.name}.partial")
    with _named_failure(path, size):
        descriptor = _open_new(partial, size)
    try:
        try:
            yield Sink(path, size, descriptor)
            with _named_failure(path, size):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with _named_failure(path, size):
            partial.replace(path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):  # after a good end the partial name is gone
            partial.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> str:
    """Write a whole file aside and return its SHA-256 in lower-case hex."""
    with written_aside(path, len(content)) as sink:
        sink.write(content)
    return sink.sha256()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_new(partial: Path, size: int) -> int:
    if size > shutil.disk_usage(partial.parent).free:
        raise OSError("not enough free disk space")
    partial.unlink(missing_ok=True)  # what a killed run of ours has left
    return os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)


@contextmanager
def _named_failure(path: Path, size: int) -> Iterator[None]:
    """Turn what the system says into one line with the file and the room it needs."""
    try:
        yield
    except OSError as error:
        free = "unknown"
        with suppress(OSError):
            free = str(shutil.disk_usage(path.parent).free)
        raise DpkitError(
            f"cannot write {path}: {error.strerror or error} ({size} bytes needed, {free} free)",
            remedy="make room or choose another output folder, then run the same command again",
        ) from error
