"""An opened object: its settings, and its arrays one at a time.

`ExportableObject` is the type of those that may leave the keystore; `Keystore.get` gives it for
`augconv` alone, so a type checker refuses the export of anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dpkit.errors import UsageError
from dpkit.keystore.arrays import assemble, head_length, parse_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from dpkit.keystore.arrays import ArraySpec
    from dpkit.keystore.catalogue import Kind
    from dpkit.keystore.seal import SealedBytes
    from dpkit.types import Json


class SealedObject:
    """One object of a keystore; nothing of an array is in memory before it is asked for.

    Parameters
    ----------
    sealed
        The payload's bytes; their head is opened and checked here.
    """

    def __init__(self, sealed: SealedBytes) -> None:
        self._sealed = sealed
        where = f"object {self.object_id}"
        length = head_length(self._bytes(0, min(8, sealed.size)), sealed.size, where)
        self.settings: dict[str, Json]
        self.settings, self._specs = parse_head(self._bytes(8, 8 + length), sealed.size, where)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.object_id} ({self.kind}): hidden>"

    @property
    def object_id(self) -> str:
        """The object's id."""
        return self._sealed.header.object_id

    @property
    def kind(self) -> Kind:
        """The object's kind."""
        return self._sealed.header.kind

    def names(self) -> tuple[str, ...]:
        """Return the names of the arrays, sorted."""
        return tuple(sorted(self._specs))

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of one array."""
        return self._spec(name).shape

    def dtype(self, name: str) -> np.dtype[Any]:
        """Return the type of one array's items."""
        return self._spec(name).dtype

    def array(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return one array, or its rows `start` to `stop`; only their chunks are opened.

        Raises
        ------
        IntegrityError
            A chunk is not what was sealed.
        UsageError
            There is no such array.
        """
        spec = self._spec(name)
        if start or stop is not None:
            spec = spec.rows(start, stop)
        return assemble(spec, self._sealed.read(spec.start, spec.stop))

    def pieces(self, name: str) -> Iterator[memoryview]:
        """Yield one array's bytes (little-endian, C order), a chunk or less at a time."""
        spec = self._spec(name)
        return self._sealed.read(spec.start, spec.stop)

    def verify(self) -> None:
        """Open every chunk once."""
        self._sealed.verify()

    def _spec(self, name: str) -> ArraySpec:
        if name not in self._specs:
            raise UsageError(
                f"object {self.object_id} has no array {name!r}",
                remedy=f"it has {', '.join(self.names()[:20])}",
            )
        return self._specs[name]

    def _bytes(self, start: int, stop: int) -> bytes:
        return b"".join(self._sealed.read(start, stop))


class ExportableObject(SealedObject):
    """An object that may be handed over, as the safetensors file that its payload is."""

    def payload(self) -> Iterator[memoryview]:
        """Yield the whole payload, a chunk at a time."""
        return self._sealed.read(0, self._sealed.size)
