"""The other side of the wall: what a developer needs to train on a release, and nothing secret.

Torch loads when a name is used, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpkit.developer.dataset import ReleaseDataset
    from dpkit.developer.firstlayer import BlockLinear, first_layer

__all__ = ["BlockLinear", "ReleaseDataset", "first_layer"]

_HOME = {
    "BlockLinear": "dpkit.developer.firstlayer",
    "ReleaseDataset": "dpkit.developer.dataset",
    "first_layer": "dpkit.developer.firstlayer",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"dpkit.developer has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)
