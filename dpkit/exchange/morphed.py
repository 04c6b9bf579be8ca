"""A morphed release together with what its keystore holds of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from dpkit.errors import UsageError
from dpkit.keystore.keys import open_key
from dpkit.keystore.plans import require_plan
from dpkit.release.read import Release
from dpkit.rng import Stream, derive
from dpkit.sanitizers import SANITIZERS, sanitizer_of
from dpkit.sanitizers.forms import inverses
from dpkit.sanitizers.morph import Morph

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.keystore.store import Keystore
    from dpkit.types import Blocks, FirstConv, Geometry, Key

_SAMPLE_PURPOSE: Final = "augconv sample"
_ORDER_PURPOSE: Final = "augconv channel order"


@dataclass(frozen=True, slots=True)
class Morphed:
    """An opened release made by `morph`, with its key."""

    release: Release
    morph: Morph
    key: Key

    @classmethod
    def open(cls, path: Path, keystore: Keystore) -> Morphed:
        """Open a release and its key.

        Raises
        ------
        UsageError
            The folder is no release, or another sanitizer made it.
        UnlockError
            The keystore holds no key of it.
        IntegrityError
            The release is not what was signed.
        """
        release = Release.open(path, verify="quick")
        entry = release.manifest.sanitizer
        known = entry.name in SANITIZERS
        morph = sanitizer_of(entry.name, entry.parameters) if known else None
        if not isinstance(morph, Morph):
            raise UsageError(
                f"release {release.manifest.release_id} was made by {entry.name}: its values are "
                "not morphed, and an ordinary first layer learns from them",
                remedy="give the developer the release alone",
            )
        plan = require_plan(keystore, release.manifest.release_id)
        return cls(release, morph, open_key(keystore.get(plan.key_id, "key")))

    @property
    def release_id(self) -> str:
        """The release's name."""
        return self.release.manifest.release_id

    @property
    def geometry(self) -> Geometry:
        """The images' channels, size and depth."""
        return self.release.manifest.geometry

    @property
    def is_distinct(self) -> bool:
        """Whether every block has a core of its own."""
        return self.morph.cores == "distinct"

    @property
    def blocks(self) -> Blocks:
        """How an image is cut into blocks."""
        return cast("Blocks", self.morph.blocks)

    def inverses(self) -> NDArray[np.float64]:
        """Return M′⁻¹ of each core, float64 [1 or κ,q,q]."""
        return inverses(self.key, is_orthogonal=self.morph.core == "orthogonal")

    def channel_order(self, layer: FirstConv) -> NDArray[np.int64]:
        """Return the secret order of the output channels (rand), int64 [β].

        It follows from the key and the layer: asking again for the same layer gives the same.
        """
        arrays = (layer.weight,) if layer.bias is None else (layer.weight, layer.bias)
        content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
        geometry = repr((layer.stride, layer.padding, layer.dilation, layer.groups)).encode()
        context = (self.release_id.encode(), geometry, content)
        return Stream(derive(self.key.seed, _ORDER_PURPOSE, *context)).permutation(layer.maps)

    def sample(self, images: int) -> NDArray[np.float32]:
        """Return released values of images drawn at random, float32 [n,c,h,w]."""
        shards = self.release.shards()
        ends = np.cumsum([shard.rows for shard in shards])
        stream = Stream(derive(self.key.seed, _SAMPLE_PURPOSE, self.release_id.encode()))
        drawn = np.sort(stream.permutation(int(ends[-1]))[:images])
        found = []
        for shard, end in zip(shards, ends, strict=True):
            here = drawn[(drawn < end) & (drawn >= end - shard.rows)] - (end - shard.rows)
            if len(here):
                values = self.release.columns(shard).values()
                found.append(np.asarray(values[here], np.float32))
        return np.concatenate(found)

    def originals(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Return the pixels u8 or u16 [n,h,w,c] behind released values, by the key."""
        released = values.astype(self.morph.values_dtype(self.geometry))
        return self.morph.restore(released, self.key, self.geometry)
