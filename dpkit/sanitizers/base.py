"""What every sanitizer is: public parameters, a secret key, a pure `apply`."""

from __future__ import annotations

from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from dpkit.types import Company, Geometry, ImageBatch, Json, Key, Part, SanitizedBatch, Secret

Presets: TypeAlias = "Mapping[str, Mapping[str, Json]]"


def param(default: Any, *, help: str, symbol: str = "", choices: tuple[str, ...] = ()) -> Any:  # noqa: A002 (click's word)
    """Declare one public parameter, said once for command line, manifest and docs."""
    metadata = {"help": help, "symbol": symbol, "choices": choices}
    return field(default=default, metadata=metadata, kw_only=True)


class Sanitizer(Protocol):
    """One scheme of one paper, as a frozen dataclass of public parameters made with `param`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    example: ClassVar[str]  # a command line that shows it at work
    default_size: ClassVar[tuple[int, int]]  # the paper's own [height, width]
    fresh_keys: ClassVar[bool]  # whether a data key must never serve two releases
    restorable: ClassVar[bool]  # whether the key gives the originals back
    presets: ClassVar[Presets]  # parameters that go together, by one word; often none

    @property
    def least_company(self) -> int:
        """Rows of a label that stand together in a shard; 0 where each image stands alone."""

    @property
    def donors(self) -> int:
        """Images of another group that an image needs to be mixed with; 0 where it needs none."""

    def check(self, geometry: Geometry) -> None:
        """Raise `UsageError`, with what would work, where these parameters cannot."""

    def notices(self, geometry: Geometry) -> list[str]:
        """Return what the user should know before the run, one sentence each; often none."""

    def key_bytes(self, geometry: Geometry) -> int:
        """Return the bytes of the largest secret array that `fit` must hold in memory."""

    def fit(self, geometry: Geometry, seed: Secret) -> Key:
        """Make the key: a function of parameters, geometry and `seed` alone."""

    def values_dtype(self, geometry: Geometry) -> np.dtype[Any]:
        """Return the type of the released values."""

    def tile_images(self, geometry: Geometry) -> int:
        """Return how many images one call of `apply` should get, from geometry alone."""

    def apply(
        self, batch: ImageBatch, key: Key, geometry: Geometry, out: NDArray[Any] | None = None
    ) -> SanitizedBatch:
        """Sanitize a batch of any length.

        Parameters
        ----------
        out
            [n,c,h,w] of `values_dtype`, C-contiguous; where given, it receives the values.
        """

    def lonely(self, company: Company) -> NDArray[np.int64]:
        """Return the places of images that must leave the shard for want of company, int64."""

    def plain(self, pixels: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
        """Return pixels [n,h,w,c] in the released type and layout [n,c,h,w], not sanitized."""

    def leaves_plain(self, part: Part) -> bool:
        """Say whether the images of this part are released as they are, by the user's wish."""

    def restore(self, values: NDArray[Any], key: Key, geometry: Geometry) -> NDArray[Any]:
        """Return the pixels u8 or u16 [n,h,w,c] of released values [n,c,h,w].

        Raises
        ------
        UsageError
            What was done to the images cannot be undone, by anybody.
        """

    def training(self, geometry: Geometry) -> dict[str, Json]:
        """Say what can learn from the values: the static part of the manifest's training block."""

    def describe(self, geometry: Geometry) -> list[str]:
        """Say in sentences what is done to an image."""


def parameters(sanitizer: Sanitizer) -> dict[str, Json]:
    """Return the public parameters of a sanitizer by name, JSON-able."""
    return {f.name: getattr(sanitizer, f.name) for f in fields(sanitizer)}  # type: ignore[arg-type]  # every sanitizer is a dataclass
