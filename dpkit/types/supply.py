"""What a sanitizer may need besides parameters and a seed: a network, labelled images; private."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dpkit.types.images import Json, Part

Need: TypeAlias = Literal["network", "images"]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights of a network by name, as its file holds them, and the file's own digest.

    `metadata` is what the file says of itself, as text.
    """

    arrays: Mapping[str, NDArray[Any]] = field(repr=False)
    sha256: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class TrainingImages(Protocol):
    """The provider's images, decoded when they are asked for.

    `labels` int64 [n], -1 where an image has not one label; `classes` is how many there are.
    `parts` [n] and `groups` int64 [n] are the release's: whoever chooses by a score chooses by the
    validation part, or by groups of the training part, never by the test part.
    """

    labels: NDArray[np.int64]
    classes: int
    parts: tuple[Part, ...]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        """Return n."""

    def pixels(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return images u8 or u16 [k,h,w,c]; one that cannot be read is black."""

    def readable(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which images can be read, [k]: a black one must not be learned from."""


class Checkpoints(Protocol):
    """Where a long fit leaves its state, so that a killed one goes on; sealed, never in the clear.

    A checkpoint belongs to one request: same source, parameters and options.
    """

    def load(self) -> tuple[Mapping[str, Json], Mapping[str, NDArray[Any]]] | None:
        """Return settings and arrays of the last checkpoint, None where there is none."""

    def save(self, settings: Mapping[str, Json], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Replace the checkpoint."""


class NoCheckpoints:
    """Keeps nothing."""

    def load(self) -> tuple[Mapping[str, Json], Mapping[str, NDArray[Any]]] | None:
        """Return None."""
        return None

    def save(self, settings: Mapping[str, Json], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Supply:
    """What is at hand when a sanitizer is completed and fitted; private.

    Parameters
    ----------
    weights
        Of the file that `--model` names, for a sanitizer that needs a network.
    images
        Of the source, for one that learns or measures.
    """

    weights: Weights | None = None
    images: TrainingImages | None = None
    checkpoints: Checkpoints = field(default_factory=NoCheckpoints)
    voice: Voice = field(default_factory=Voice)
