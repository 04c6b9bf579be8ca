"""The provider's state folder: runs, journals, scores and private reports; never the release.

    outputs/<digest of the output's path>.json   which run writes that output
    outputs/<digest of the output's path>.lock   held while a run writes or publishes
    releases/<release id>/journal/00003.json     one finished shard: file, rows, bytes, sha256, plan
    releases/<release id>/scores/00003.npz       its private scores and row tags
    releases/<release id>/report.html …          the private report

A journal record names a plan and a digest, no input. All folders are 0700, all files 0600.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import platformdirs

from dpkit.errors import IntegrityError, LockedError
from dpkit.release.manifest_entries import Shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def state_root() -> Path:
    """Return the user's state folder for dpkit."""
    return private_folder(platformdirs.user_state_path("dpkit"))


def private_folder(path: Path) -> Path:
    """Make a folder, and its missing parents, that only its owner may enter; return it."""
    if not path.parent.exists():
        private_folder(path.parent)
    path.mkdir(exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def write_private(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file of mode 0600 aside, piece by piece, sync it and rename it into place."""
    aside = path.with_name(f".{path.name}.partial")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Which run writes an output folder."""

    release_id: str
    plan_object: str
    keystore_uuid: str
    request: str  # the request's digest


@dataclass(frozen=True, slots=True)
class Output:
    """The state kept for one output folder, whether or not it exists yet."""

    out: Path

    @property
    def partial(self) -> Path:
        """Where the release grows until it is whole."""
        return self.out.with_name(f"{self.out.name}.partial")

    def record(self) -> RunRecord | None:
        """Return the unfinished run of this output, None where there is none."""
        try:
            return RunRecord(**json.loads(self._file("json").read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise IntegrityError(
                f"the run record {self._file('json')} cannot be read",
                remedy="delete it to begin the release anew",
            ) from error

    def begin(self, record: RunRecord) -> None:
        """Record the run that from now on owns the output."""
        write_private(self._file("json"), [json.dumps(asdict(record)).encode()])

    def end(self) -> None:
        """Forget the run: its release is published, or can never be."""
        self._file("json").unlink(missing_ok=True)

    def discard(self) -> None:
        """Throw an unfinished release away."""
        shutil.rmtree(self.partial, ignore_errors=True)
        self.end()

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the output: alone, or with other writers of parts.

        Raises
        ------
        LockedError
            Another run holds it.
        """
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        with held(self._file("lock"), str(self.out), mode):
            yield

    def _file(self, suffix: str) -> Path:
        name = hashlib.sha256(os.fsencode(self.out.resolve())).hexdigest()[:32]
        return private_folder(state_root() / "outputs") / f"{name}.{suffix}"


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """The private folder of one release."""

    release_id: str

    @property
    def folder(self) -> Path:
        """`releases/<release id>` in the state folder."""
        return private_folder(state_root() / "releases" / self.release_id)

    def scores(self, number: int) -> Path:
        """Return the score file of shard `number`."""
        return private_folder(self.folder / "scores") / f"{number:05d}.npz"

    def enter(self, number: int, shard: Shard, plan_object: str) -> None:
        """Journal a finished shard."""
        record = {**asdict(shard), "plan": plan_object}
        write_private(self._journal(number), [json.dumps(record, sort_keys=True).encode()])

    def finished(self, number: int, plan_object: str) -> Shard | None:
        """Return the journalled shard of this plan, None where it is not finished."""
        try:
            record = json.loads(self._journal(number).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        if record.pop("plan", None) != plan_object or not self.scores(number).exists():
            return None
        return Shard(**record)

    @contextmanager
    def lock_shard(self, number: int) -> Iterator[None]:
        """Hold one shard, so that two workers never write the same one."""
        with held(self._journal(number).with_suffix(".lock"), f"shard {number}"):
            yield

    def _journal(self, number: int) -> Path:
        return private_folder(self.folder / "journal") / f"{number:05d}.json"


@contextmanager
def held(path: Path, what: str, mode: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a file's lock while the block runs.

    Raises
    ------
    LockedError
        Another run holds it; `what` says what of.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle, mode, what)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, mode: int, what: str) -> None:
    try:
        fcntl.flock(handle, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(
            f"another run is writing {what}", remedy="wait for it, or stop it, then try again"
        ) from None
