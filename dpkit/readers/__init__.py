"""Readers turn the provider's images into pixels; each kind of source is one line of the table.

| file | idea |
|---|---|
| `listing.py` | which files a folder holds, and what its sub-folders say |
| `labels.py`, `matching.py` | the table of labels; its rows and the files |
| `statements.py`, `targets.py` | what both say of each file; raw labels to numbers |
| `scan.py` | one pass over every file: `Scan` |
| `files.py`, `formats.py` | bytes of one file; which bytes are an image, by their header |
| `decode.py`, `jpeg.py`, `orientation.py` | bytes to pixels as the file means them |
| `rule.py`, `choice.py`, `resize.py` | how pixels become one geometry, and who chooses it |
| `folder.py` | all of it for one planned file: `FolderSource` |
| `network.py` | no image: the weights of a network that a sanitizer needs |
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from dpkit.types import ImageSource

READERS: Final[dict[str, str]] = {"folder": "dpkit.readers.folder:FolderSource"}


def reader(name: str) -> type[ImageSource]:
    """Return the class that reads one kind of source; only now is its module imported."""
    module, _, attribute = READERS[name].partition(":")
    return cast("type[ImageSource]", getattr(import_module(module), attribute))
