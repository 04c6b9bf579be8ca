"""What every shard of a part says of itself: root attributes, datasets, types and shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.release.manifest import FORMAT
from dpkit.types import ID_CHARACTERS

if TYPE_CHECKING:
    from dpkit.release.manifest import Manifest
    from dpkit.types import Part

VERSION: Final = 1  # of the shard
ID_TYPE: Final = np.dtype(f"S{ID_CHARACTERS}")


@dataclass(frozen=True, slots=True)
class ShardHeader:
    """What a shard says of itself, and the types and shapes of its rows.

    Parameters
    ----------
    image_shape
        Channels, height, width of a released row.
    target_shape
        () where a target is one number, (k,) where it is k.
    """

    release_id: str
    part: Part
    sanitizer: str
    dtype: str
    image_shape: tuple[int, int, int]
    target_dtype: str
    target_shape: tuple[int, ...]

    @classmethod
    def of(cls, manifest: Manifest, part: Part) -> ShardHeader:
        """Return the header that every shard of a part carries."""
        return cls(
            release_id=manifest.release_id,
            part=part,
            sanitizer=manifest.sanitizer.name,
            dtype=manifest.dtype,
            image_shape=manifest.image_shape,
            target_dtype=manifest.target_dtype,
            target_shape=manifest.target_shape,
        )

    def attributes(self) -> dict[str, str]:
        """Return the root attributes, in their order in the file."""
        return {
            "format": FORMAT,
            "version": str(VERSION),
            "release_id": self.release_id,
            "part": self.part,
            "sanitizer": self.sanitizer,
        }

    def datasets(self, rows: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
        """Return type and shape of each dataset, in their order in the file."""
        return {
            "images": (np.dtype(self.dtype).newbyteorder("<"), (rows, *self.image_shape)),
            "labels": (np.dtype(self.target_dtype).newbyteorder("<"), (rows, *self.target_shape)),
            "ids": (ID_TYPE, (rows,)),
            "groups": (ID_TYPE, (rows,)),
        }
