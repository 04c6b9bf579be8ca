"""Results of long work in a file of JSON lines, so that a killed run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dpkit.types import Json

Result = dict[str, float]


class Notebook:
    """What was computed before, by a digest of everything that determines it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[str, Result] = {}
        if path.exists():
            self._read()

    def once(self, subject: Mapping[str, Json], work: Callable[[], Result]) -> Result:
        """Return the result on a subject; work it out and write it down where it is new."""
        text = json.dumps(subject, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        if key not in self._results:
            self._results[key] = work()
            line = {"key": key, "subject": subject, "result": self._results[key]}
            with self._path.open("a") as lines:
                lines.write(json.dumps(line) + "\n")
        return self._results[key]

    def _read(self) -> None:
        """Read the whole lines, and cut off one that a killed run has left unfinished."""
        text = self._path.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self._path.write_text(whole)
        for line in whole.splitlines():
            entry = json.loads(line)
            self._results[entry["key"]] = entry["result"]
