"""The private scores of a shard's rows, kept in the state folder until the release is published."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from dpkit.errors import IntegrityError
from dpkit.keystore.ledger import MARK_BYTES
from dpkit.pipeline.state import write_private
from dpkit.release.selfcheck import TAG_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.pipeline.tile import Tile

_METRIC = "metric/"


def no_marks() -> NDArray[np.uint8]:
    """Return no mark, u8 [0,32]."""
    return np.empty((0, MARK_BYTES), np.uint8)


@dataclass(frozen=True, slots=True)
class ShardScores:
    """What was measured on one shard.

    `good` bool [planned rows]; `metrics` float [released rows] by name; `tags` u8 [released
    rows,16]; `sums` float64 [2,c]; `bad` the (file, reason) of rows that left the shard; `marks`
    u8 [mixed rows,32], what the ledger knows them by.
    """

    good: NDArray[np.bool_]
    metrics: Mapping[str, NDArray[Any]]
    tags: NDArray[np.uint8]
    sums: NDArray[np.float64]
    bad: tuple[tuple[str, str], ...]
    marks: NDArray[np.uint8] = field(default_factory=no_marks)

    @classmethod
    def of_nobody(
        cls, good: NDArray[np.bool_], bad: tuple[tuple[str, str], ...], channels: int
    ) -> ShardScores:
        """Return the scores of a shard that every row left."""
        return cls(good, {}, np.empty((0, TAG_BYTES), np.uint8), np.zeros((2, channels)), bad)

    @classmethod
    def gather(cls, tiles: Sequence[Tile]) -> ShardScores:
        """Join the measurements of a shard's tiles, in order."""
        good = [tile.good for tile in tiles]
        return cls(
            np.concatenate(good),
            {
                name: np.concatenate([tile.scores[name][tile.good] for tile in tiles])
                for name in tiles[0].scores
            },
            np.concatenate([tile.tags[tile.good] for tile in tiles]),
            np.sum([tile.sums for tile in tiles], axis=0),
            tuple(entry for tile in tiles for entry in tile.bad),
        )

    def save(self, path: Path) -> None:
        """Write the scores, privately."""
        bad = np.array([text for entry in self.bad for text in entry], dtype=str)
        columns = {f"{_METRIC}{name}": column for name, column in self.metrics.items()}
        columns |= {"good": self.good, "tags": self.tags, "sums": self.sums, "bad": bad}
        columns["marks"] = self.marks
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **columns)
        write_private(path, [file.getvalue()])

    @classmethod
    def load(cls, path: Path) -> ShardScores:
        """Read the scores back.

        Raises
        ------
        IntegrityError
            The file is gone or damaged.
        """
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                columns = {name: file[name] for name in file.files}
            texts = [str(text) for text in columns["bad"]]
            bad = tuple(zip(texts[::2], texts[1::2], strict=True))
            metrics = {
                name.removeprefix(_METRIC): column
                for name, column in columns.items()
                if name.startswith(_METRIC)
            }
            return cls(
                columns["good"], metrics, columns["tags"], columns["sums"], bad, columns["marks"]
            )
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise IntegrityError(
                f"the scores {path} cannot be read",
                remedy="delete the journal record of the same number; its shard is written again",
            ) from error
