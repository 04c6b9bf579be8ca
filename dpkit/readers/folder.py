"""A folder of images as a source: one planned file in, pixels of the release's geometry out."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from dpkit.errors import UnreadableImageError
from dpkit.readers.decode import decode_pixels
from dpkit.readers.files import read_bytes
from dpkit.readers.listing import source_folder
from dpkit.readers.narrow import narrowed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.readers.rule import ReadRule
    from dpkit.types import Geometry, Json

_WHITE: Final = 255


class FolderSource:
    """The images under `root`, read by one rule; holds no open file, any thread may call it.

    Parameters
    ----------
    root
        The folder that was scanned.
    rule
        How its files become one geometry.
    """

    def __init__(self, root: Path, rule: ReadRule) -> None:
        self._root = str(source_folder(root))
        self._rule = rule

    @property
    def geometry(self) -> Geometry:
        """The shape and depth of every decoded image."""
        return self._rule.geometry

    def decode(self, path: str, sha256: bytes) -> NDArray[Any]:
        """Return one image, u8 or u16 [h,w,c], contiguous.

        Parameters
        ----------
        path
            Relative to the folder, with slashes.
        sha256
            The 32 bytes that the plan has of the file's content.

        Raises
        ------
        UnreadableImageError
            The file is gone, is not the planned bytes any more, does not decode, or is not
            what the rule admits.
        """
        content, rule = self._read(path, sha256), self._rule
        return rule.apply(decode_pixels(content, matte=rule.matte, reduce_deep=rule.reduces_deep))

    def native(self, path: str, sha256: bytes) -> NDArray[Any]:
        """Return one image as the file has it, upright, u8 or u16 [h,w,c], whatever the rule is.

        It lies over white, colour of 16 bits is its high bytes, and it has the fewest channels
        and bits that hold it (`narrowed`): what an image is known by over releases.

        Raises
        ------
        UnreadableImageError
            As `decode`, but that the rule has no say.
        """
        content = self._read(path, sha256)
        return narrowed(decode_pixels(content, matte=_WHITE, reduce_deep=True))

    def _read(self, path: str, sha256: bytes) -> bytes:
        """Return the bytes of a file if they are those that the plan has the digest of."""
        content = read_bytes(self._root, path)
        if not hmac.compare_digest(hashlib.sha256(content).digest(), sha256):
            raise UnreadableImageError("changed since the plan was made")
        return content

    def describe(self) -> dict[str, Json]:
        """Return the public reading rules, for the manifest."""
        return self._rule.describe()
