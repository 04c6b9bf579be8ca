"""dpkit: sanitize a folder of images, keep the secrets, publish a release that says what it leaks.

The names below load on first use, so that importing dpkit stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpkit.errors import DpkitError
    from dpkit.keystore.store import Keystore
    from dpkit.pipeline import ReleaseRequest, make_release
    from dpkit.release.read import Release
    from dpkit.release.verify import verify
    from dpkit.restore import lookup, restore
    from dpkit.sanitize import Sanitize

__version__ = "0.1.0"
__all__ = [
    "DpkitError",
    "Keystore",
    "Release",
    "ReleaseRequest",
    "Sanitize",
    "__version__",
    "lookup",
    "make_release",
    "restore",
    "verify",
]

_HOME = {
    "DpkitError": "dpkit.errors",
    "Keystore": "dpkit.keystore.store",
    "Release": "dpkit.release.read",
    "ReleaseRequest": "dpkit.pipeline",
    "Sanitize": "dpkit.sanitize",
    "lookup": "dpkit.restore",
    "make_release": "dpkit.pipeline",
    "restore": "dpkit.restore",
    "verify": "dpkit.release.verify",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"dpkit has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)
