"""The folder in which a release grows, made for a beginning and taken away if that fails."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dpkit.errors import DpkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dpkit.pipeline.state import Output


@contextmanager
def partial_folder(output: Output) -> Iterator[None]:
    """Make the folder in which the release grows; a failed beginning takes it away again."""
    if output.partial.exists() and not _is_bare(output.partial):
        raise UsageError(
            f"{output.partial} exists and is no unfinished release of this user",
            remedy="move it away, or name another output with --out",
        )
    try:
        (output.partial / "data").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DpkitError(
            f"cannot write to {output.partial}: {error.strerror}", remedy="name another with --out"
        ) from error
    try:
        yield
    except BaseException:
        with suppress(OSError):
            (output.partial / "data").rmdir()
            output.partial.rmdir()
        raise


def _is_bare(folder: Path) -> bool:
    """Say whether a folder is as a run leaves it that was killed before its plan was sealed."""
    return all(
        entry.name == "data" and entry.is_dir() and not any(entry.iterdir())
        for entry in folder.iterdir()
    )
