"""How every kernel is compiled: without the interpreter lock, kept on disk where that is possible.

On a read-only installation without a writable cache folder numba would refuse to import the
module; there the kernels are compiled anew in each process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

    F = TypeVar("F", bound=Callable[..., Any])

# Sums may be reordered and fused for SIMD; NaN and infinity keep their meaning.
FAST: Final = frozenset({"reassoc", "contract", "nsz", "arcp"})


def compiled(function: F) -> F:
    """Compile with IEEE arithmetic as written; a division by zero is no exception."""
    return _compile(function, fastmath=False)


def compiled_fast(function: F) -> F:
    """Compile so that sums may be reordered and fused; last bits differ between processors."""
    return _compile(function, fastmath=set(FAST))


def _compile(function: F, *, fastmath: bool | set[str]) -> F:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        return njit(cache=True, **options)(function)  # type: ignore[no-any-return]  # numba is untyped
    except RuntimeError:  # numba: "no locator available"
        return njit(**options)(function)  # type: ignore[no-any-return]  # numba is untyped
