"""Private files that are there whole or not at all.

Folders are made 0700 and files 0600. A write goes to `.NAME.partial`, is synced, renamed over
the old file, and the folder is synced. A file that others can read is refused before its content
is used.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from dpkit.errors import DpkitError, LockedError, UnlockError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
COPY_BYTES: Final = 1024 * 1024
_OTHERS: Final = 0o077  # any right of group or world
_POLL_SECONDS: Final = 0.05


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turn the system's refusal (disk full, no permission) into one line."""
    try:
        yield
    except OSError as error:
        raise DpkitError(
            f"{what}: {error.strerror or error}",
            remedy="look at its permissions and the free space",
        ) from error


def read_private(path: Path, limit: int) -> bytes:
    """Return a regular file that only its owner can read, at most `limit` + 1 bytes of it.

    The byte too many tells the caller that the file is longer than it may be.

    Raises
    ------
    UnlockError
        Others can read it, or it is no regular file.
    FileNotFoundError
        It is not there.
    """
    with open_regular(path) as file:
        refuse_readable_by_others(path, os.fstat(file.fileno()).st_mode)
        return file.read(limit + 1)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; anything else is an `UnlockError`."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not make us wait
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnlockError(f"{path} is not a regular file", remedy="name a regular file")
    return os.fdopen(descriptor, "rb")


def refuse_readable_by_others(path: Path, mode: int) -> None:
    """Raise `UnlockError` where group or world has any right, with the command that mends it."""
    if mode & _OTHERS:
        raise UnlockError(
            f"{path} is open to others (mode {stat.S_IMODE(mode):04o})",
            remedy=f"run `chmod go-rwx {path}`",
        )


def create_private(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet; its missing folders are made 0700."""
    with plain_errors(f"cannot write {path}"):
        make_folders(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            _sync(file)
        sync_folder(path.parent)


def make_folders(path: Path) -> None:
    """Make a folder and its missing parents, each 0700."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


@contextmanager
def aside(path: Path) -> Iterator[BinaryIO]:
    """Write `path` aside; it appears, or is replaced, when the block ends without an error."""
    partial = path.with_name(f".{path.name}.partial")
    with plain_errors(f"cannot write {path}"):
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                _sync(file)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that must not exist yet into anybody's folder; nothing there is followed.

    Its name aside cannot be guessed, its mode is 0600 whatever stood there, and it appears only
    where no other file has come meanwhile.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    with plain_errors(f"cannot write {path}"):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(partial, flags, FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                _sync(file)
            os.link(partial, path, follow_symlinks=False)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextmanager
def aside_folder(path: Path) -> Iterator[Path]:
    """Fill a folder aside; it appears as `path`, which must not exist, when the block ends."""
    partial = path.with_name(f".{path.name}.partial-{secrets.token_hex(4)}")
    with plain_errors(f"cannot write {path}"):
        make_folders(path.parent)
        partial.mkdir(mode=FOLDER_MODE)
        try:
            yield partial
            sync_folder(partial)
            partial.rename(path)  # fails on a folder that is not empty
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(lock: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the lock file alone, waiting at most `wait_seconds` for another run.

    Raises
    ------
    LockedError
        Another run still holds it.
    """
    with plain_errors(f"cannot lock {lock}"):
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"{lock.parent} is being written by another run for over {wait_seconds:g} s",
                    remedy="wait until it ends",
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)  # gives the lock back


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
