"""Secrets that cannot be printed, pickled or compared by accident."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


class _Hidden:
    """Refuses every road by which a value usually leaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: hidden>"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied")


class Secret(_Hidden):
    """Secret bytes; only `reveal` gives them out.

    Examples
    --------
    >>> Secret(b"sixteen bytes!!!")
    <Secret: hidden>
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """Return the bytes, at the place that needs them."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key


class Key(_Hidden):
    """The secret state of one sanitizer and one parameter set, as named arrays.

    Parameters
    ----------
    seed
        The data key: ids, groups, splits and draws derive from it.
    arrays
        What the sanitizer's `fit` made, by name (for morph: `core`).
    """

    __slots__ = ("__weakref__", "_arrays", "seed")  # what is made of a key dies with it

    def __init__(self, seed: Secret, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.seed = seed
        self._arrays = dict(arrays)

    def array(self, name: str) -> NDArray[Any]:
        """Return one named array."""
        return self._arrays[name]

    def names(self) -> tuple[str, ...]:
        """Return the names of the arrays; names are not secret."""
        return tuple(self._arrays)

    def with_arrays(self, arrays: Mapping[str, NDArray[np.generic]]) -> Key:
        """Return a key of the same seed that also holds `arrays`."""
        return Key(self.seed, {**self._arrays, **arrays})
