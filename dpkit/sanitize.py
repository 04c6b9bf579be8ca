"""Sanitize arrays under a data key: what a release would hold, without plan, shards and bag.

For the provider, who has the key: a model that learned from a release classifies new images
that pass through here. The model travels to the provider. The developer's own images never
travel to the key: an image that the developer chose, with what it becomes, is a known pair.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.errors import UsageError
from dpkit.keystore.keys import open_key
from dpkit.keystore.plans import require_plan
from dpkit.readers.decode import decode_pixels
from dpkit.readers.files import read_bytes
from dpkit.readers.rule import ReadRule
from dpkit.release.read import Release
from dpkit.sanitizers import sanitizer_of
from dpkit.types import ImageBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.keystore.store import Keystore
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Geometry


class Sanitize:
    """What a data key does to images.

    Parameters
    ----------
    keystore
        An opened one.
    key_id
        A data key of it, active or retired.

    Raises
    ------
    KeystoreMissingError
        There is no such key.
    UsageError
        The key serves one release alone (block mixing), so nothing more may pass under it.
    """

    def __init__(self, keystore: Keystore, key_id: str) -> None:
        sealed = keystore.get(key_id, "key")
        settings: dict[str, Any] = dict(sealed.settings)
        sanitizer = sanitizer_of(settings["sanitizer"], settings["parameters"])
        if sanitizer.fresh_keys:
            raise UsageError(
                f"key {key_id} of {sanitizer.name} serves one release and no other image",
                remedy=f"release the new images by `dpkit {sanitizer.name}`",
            )
        self._sanitizer: Sanitizer = sanitizer
        self._rule = ReadRule.from_json(settings["rule"])
        self._key = open_key(sealed)

    @classmethod
    def like(cls, release: str | Path, keystore: Keystore) -> Sanitize:
        """Take the key that made a release.

        Raises
        ------
        UnlockError
            The keystore holds no key of it.
        """
        release_id = Release.open(release, verify="quick").manifest.release_id
        return cls(keystore, require_plan(keystore, release_id).key_id)

    def __repr__(self) -> str:
        return f"<Sanitize by {self._sanitizer.name}: {self.geometry}>"

    @property
    def geometry(self) -> Geometry:
        """The images that it takes."""
        return self._rule.geometry

    def read(self, path: str | Path) -> NDArray[Any]:
        """Return one image file as the release read its images, u8 or u16 [h,w,c].

        Raises
        ------
        UnreadableImageError
            It is no image, or one that the release's rule does not admit.
        """
        rule = self._rule
        content = read_bytes(os.fspath(Path(path).parent), Path(path).name)
        return rule.apply(decode_pixels(content, matte=rule.matte, reduce_deep=rule.reduces_deep))

    def __call__(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return what a release holds of images; dither alone is drawn anew, by their pixels.

        Parameters
        ----------
        pixels
            u8 or u16 [n,h,w,c], of `geometry`.

        Returns
        -------
        [n,c,h,w], the released values.

        Raises
        ------
        UsageError
            The images are of another shape or type.
        """
        geometry = self.geometry
        shape = (geometry.height, geometry.width, geometry.channels)
        if pixels.ndim != 4 or (pixels.shape[1:], pixels.dtype) != (shape, geometry.pixel_dtype):  # noqa: PLR2004 (n, h, w, c)
            raise UsageError(
                f"images {pixels.dtype} {pixels.shape} are not {geometry.pixel_dtype} [n,h,w,c] "
                f"of {shape}",
                remedy="bring them to the release's size and depth first",
            )
        names = np.zeros(len(pixels), "S26")
        batch = ImageBatch(pixels, np.zeros(len(pixels), np.int64), names, names)
        return self._sanitizer.apply(batch, self._key, geometry).values
