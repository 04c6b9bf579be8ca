"""A network by code that the user names, `module:factory`; whatever it raises is said to be theirs.

The module may lie in the current folder, whose place on Python's path lasts as long as the import
and the factory's call.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from torch import nn

from dpkit.errors import DpkitError, UsageError
from dpkit.nets.cut import UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Code = Callable[..., Any]

MOST_SAID: Final = 200  # characters of a stranger's error


def users_network(name: str) -> nn.Module:
    """Import a module and call its factory without arguments.

    What the network itself raises, when it is asked, becomes a `UsageError`.

    Parameters
    ----------
    name
        `module:factory`, both not empty.

    Raises
    ------
    ValueError
        The module cannot be imported, the factory fails, or what it makes is no torch module.
    """
    module, _, attribute = name.partition(":")
    with _current_folder():
        factory = _imported(module, attribute, name)
        try:
            made = factory()
        except (Exception, SystemExit) as error:  # noqa: BLE001 (a stranger's code raises anything)
            raise ValueError(f"your code of network {name!r} fails: {_said(error)}") from None
    if not isinstance(made, nn.Module):
        raise ValueError(f"network {name!r} makes a {type(made).__name__}, no torch module")  # noqa: TRY004 (as of every network)
    made.forward = _answering_for(made.forward, name)
    return made


def _imported(module: str, attribute: str, name: str) -> Code:
    try:
        found: Code = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (a stranger's code raises anything)
        raise ValueError(f"network {name!r} cannot be imported: {_said(error)}") from None
    return found


@contextmanager
def _current_folder() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)


def _answering_for(forward: Code, name: str) -> Code:
    @wraps(forward)
    def answered(*given: Any, **named: Any) -> Any:
        try:
            return forward(*given, **named)
        except (DpkitError, UnfitError):
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 (a stranger's code raises anything)
            shapes = ", ".join("x".join(map(str, x.shape)) for x in given if hasattr(x, "shape"))
            raise UsageError(
                f"your code of network {name!r} fails at images of {shapes}: {_said(error)}",
                remedy="see --size, --channels and --normalize, or mend it",
            ) from None

    return answered


def _said(error: BaseException) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:MOST_SAID]}"
