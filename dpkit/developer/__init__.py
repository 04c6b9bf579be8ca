"""The other side of the wall: what a developer needs to train on a release, and nothing secret.

Torch loads when a name is used, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpkit.developer.augconv import AugConvLayer, load_augconv, replace_first_conv
    from dpkit.developer.dataset import ReleaseDataset
    from dpkit.developer.firstconv import export_first_conv, find_first_conv
    from dpkit.developer.firstlayer import BlockLinear, first_layer
    from dpkit.developer.geometry import ConvOptions
    from dpkit.developer.remote import remote_part
    from dpkit.developer.saved import export_saved

__all__ = [
    "AugConvLayer",
    "BlockLinear",
    "ConvOptions",
    "ReleaseDataset",
    "export_first_conv",
    "export_saved",
    "find_first_conv",
    "first_layer",
    "load_augconv",
    "remote_part",
    "replace_first_conv",
]

_HOME = {
    "AugConvLayer": "dpkit.developer.augconv",
    "BlockLinear": "dpkit.developer.firstlayer",
    "ConvOptions": "dpkit.developer.geometry",
    "ReleaseDataset": "dpkit.developer.dataset",
    "export_first_conv": "dpkit.developer.firstconv",
    "export_saved": "dpkit.developer.saved",
    "find_first_conv": "dpkit.developer.firstconv",
    "first_layer": "dpkit.developer.firstlayer",
    "load_augconv": "dpkit.developer.augconv",
    "remote_part": "dpkit.developer.remote",
    "replace_first_conv": "dpkit.developer.augconv",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"dpkit.developer has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)
