"""Some images of a folder, drawn by a seed, as a network takes them; private."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import UnreadableImageError, UsageError
from dpkit.readers.choice import choose_rule
from dpkit.readers.folder import FolderSource
from dpkit.readers.scan import ScanOptions, scan
from dpkit.types import NO_LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.readers.choice import ReadOptions
    from dpkit.readers.scan import Scan
    from dpkit.types.voice import Voice

DEFAULT_SIZE: Final = (224, 224)  # where the images differ; most published networks' own


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Images float32 [n,c,h,w] of 0 to 1, and each one's class by name; () where none is known."""

    images: NDArray[np.float32]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def labels(self, names: Sequence[str], outputs: int) -> NDArray[np.int64]:
        """Return the classes by the network's numbers, int64 [n]; -1 where it has none.

        Parameters
        ----------
        names
            What the network calls its outputs; where it says nothing, the folder's own classes in
            their order, if there are as many as `outputs`.
        """
        own = sorted(set(self.classes))
        order = list(names) or (own if len(own) == outputs else [])
        number = {name: i for i, name in enumerate(order)}
        return np.array(
            [number.get(name, NO_LABEL) for name in self.classes or [""] * len(self)], np.int64
        )


def read_sample(
    source: Path, options: ReadOptions, *, count: int, seed: int, voice: Voice
) -> Sample:
    """Draw at most `count` images of a folder; one that cannot be read is left out, and said.

    Raises
    ------
    UsageError
        There is no image, or sizes, colours or depths need the user's word.
    """
    scanned = scan(
        source, ScanOptions(), progress=lambda done, total: voice.progress("reading", done, total)
    )
    rule, notices = choose_rule(
        scanned, options, default_size=DEFAULT_SIZE, admits=lambda _geometry: True
    )
    for notice in notices:
        voice.notice(notice)
    rows = np.random.default_rng(seed).permutation(len(scanned.paths))[:count]
    pixels, kept = _decoded(FolderSource(source, rule), scanned, np.sort(rows), voice)
    classes = _classes(scanned)
    values = pixels.astype(np.float32) / np.float32(rule.geometry.peak)
    return Sample(
        np.ascontiguousarray(np.moveaxis(values, -1, 1)),
        tuple(classes[row] for row in kept) if classes else (),
    )


def _decoded(
    source: FolderSource, scanned: Scan, rows: NDArray[np.int64], voice: Voice
) -> tuple[NDArray[Any], list[int]]:
    pixels, kept = [], []
    for row in rows.tolist():
        path = scanned.paths[row]
        try:
            pixels.append(source.decode(path, scanned.sha256[row].tobytes()))
            kept.append(row)
        except UnreadableImageError as error:
            voice.notice(f"left out: {path}: {error}")
    if not pixels:
        raise UsageError("no drawn image can be read", remedy="name another folder")
    return np.stack(pixels), kept


def _classes(scanned: Scan) -> tuple[str, ...]:
    if scanned.task != "single" or scanned.labels is None:
        return ()
    return tuple(label for (label,) in scanned.labels)
