"""Finished cells of a sweep: one private file each, so that a killed sweep goes on."""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.pipeline.state import held, private_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.types import Json

    Arrays = dict[str, NDArray[Any]]

FIGURES: Final = 3  # how networks and attackers are trained: others are another sweep's
ASKED: Final = "asked.json"
LOCK: Final = ".lock"


class Cells:
    """The folder of one sweep.

    Parameters
    ----------
    folder
        Made where it is missing, for its owner alone.
    asked
        What the sweep's figures depend on; a folder of other figures is refused.

    Raises
    ------
    UsageError
        The folder holds another sweep, or something else.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Json]) -> None:
        text = json.dumps({"figures": FIGURES, **asked}, sort_keys=True, indent=1, allow_nan=False)
        note = folder / ASKED
        if folder.exists() and not note.exists() and any(map(_is_foreign, folder.iterdir())):
            raise UsageError(f"{folder} holds no sweep", remedy="name another folder with --out")
        if note.exists() and note.read_text(encoding="utf-8") != text:
            raise UsageError(
                f"{folder} holds a sweep of other images or options",
                remedy="name another folder with --out, or repeat its options",
            )
        self.folder = private_folder(folder)
        if not note.exists():
            write_private(note, [text.encode()])
        self._cells = private_folder(folder / "cells")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against every other sweep; processes of this one need not ask.

        Raises
        ------
        LockedError
            Another sweep is writing it.
        """
        with held(self.folder / LOCK, f"the sweep in {self.folder}"):
            yield

    def figures(self, name: str, make: Callable[[], dict[str, Json]]) -> dict[str, Json]:
        """Return the figures of a cell, made only where they are not there yet."""
        found = self.done(name)
        if found is None:
            found = make()
            self.put(name, found)
        return found

    def done(self, name: str) -> dict[str, Json] | None:
        """Return the figures of a cell, None where they are not there yet."""
        path = self._path(name, "json")
        if not path.exists():
            return None
        found: dict[str, Json] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def put(self, name: str, figures: Mapping[str, Json]) -> None:
        """Keep the figures of a cell, in the place of what was there."""
        text = json.dumps(figures, indent=1, allow_nan=False)
        write_private(self._path(name, "json"), [text.encode()])

    def arrays(self, name: str) -> Arrays | None:
        """Return the arrays that were kept under a name, None where there are none."""
        path = self._path(name, "npz")
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def keep(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays under a name, in the place of what was there."""
        content = io.BytesIO()
        np.savez(content, **arrays)  # type: ignore[arg-type]  # numpy's stub forgets its names
        write_private(self._path(name, "npz"), [content.getvalue()])

    def drop(self, name: str) -> None:
        """Remove the arrays of a name."""
        self._path(name, "npz").unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> Path:
        """Write a file of the sweep's results."""
        path = self.folder / name
        write_private(path, [content])
        return path

    def _path(self, name: str, ending: str) -> Path:
        return self._cells / f"{name}.{ending}"


class CellCheckpoints:
    """Where the training of one cell leaves its state (`types.Checkpoints`)."""

    def __init__(self, cells: Cells, name: str) -> None:
        self._cells, self._name = cells, f"{name}-unfinished"

    def load(self) -> tuple[Mapping[str, Json], Mapping[str, NDArray[Any]]] | None:
        """Return settings and arrays of the last checkpoint, None where there is none."""
        arrays = self._cells.arrays(self._name)
        if arrays is None:
            return None
        settings: dict[str, Json] = json.loads(arrays.pop("settings").tobytes())
        return settings, arrays

    def save(self, settings: Mapping[str, Json], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Replace the checkpoint."""
        text = np.frombuffer(json.dumps(settings, allow_nan=False).encode(), np.uint8)
        self._cells.keep(self._name, {**arrays, "settings": text})

    def end(self) -> None:
        """Remove the checkpoint."""
        self._cells.drop(self._name)


def _is_foreign(path: Path) -> bool:
    """Say whether a file is none that a killed sweep leaves behind before its note is there."""
    return path.name not in {f".{ASKED}.partial", LOCK}


def number_name(number: float) -> str:
    """Return a number as a cell's name has it; two numbers never share a name."""
    return repr(float(number)).removesuffix(".0")


def digest(*columns: bytes) -> str:
    """Return a short digest of what a sweep reads."""
    found = hashlib.sha256()
    for column in columns:
        found.update(len(column).to_bytes(8, "big") + column)
    return found.hexdigest()[:32]
