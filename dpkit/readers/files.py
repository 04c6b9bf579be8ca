"""Reading one file of the source: regular, inside the folder, of a bounded size, once."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from dpkit.errors import UnreadableImageError

MAX_FILE_BYTES: Final = 1 << 30  # 1 GiB: more than any image under the pixel limit needs

# Without waiting for a named pipe's writer, without a terminal, and not through a link.
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def read_bytes(root: str, path: str) -> bytes:
    """Return the bytes of `path` (relative, with slashes) under the resolved folder `root`.

    Raises
    ------
    UnreadableImageError
        The path leaves `root`, or is no regular file, is empty, too large or cannot be read.
    """
    if path.startswith("/") or ".." in path.split("/"):
        raise UnreadableImageError("its path leaves the source folder")
    try:
        descriptor = _open(root, path)
        try:
            return _read(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableImageError(f"cannot be read ({os.strerror(error.errno or 0)})") from None


def inside(root: str, resolved: str) -> bool:
    """Say whether a resolved path lies under the resolved folder `root`."""
    return resolved.startswith(root.rstrip(os.sep) + os.sep)


def _open(root: str, path: str) -> int:
    full = os.path.join(root, path)  # noqa: PTH118 (a Path a file is a third of the time of the read)
    try:
        return os.open(full, _FLAGS)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    resolved = os.path.realpath(full)
    if not inside(root, resolved):
        raise UnreadableImageError("a symbolic link that leaves the source folder")
    return os.open(resolved, _FLAGS)


def _read(descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImageError("not a regular file")
    if status.st_size == 0:
        raise UnreadableImageError("empty file")
    if status.st_size > MAX_FILE_BYTES:
        raise UnreadableImageError(f"{status.st_size} bytes, above the limit of {MAX_FILE_BYTES}")
    content = os.read(descriptor, status.st_size)
    if len(content) != status.st_size:
        raise UnreadableImageError("cannot be read whole")
    return content
