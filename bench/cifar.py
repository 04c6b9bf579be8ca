"""CIFAR-10 as pictures in class folders, from a folder or a packed one; the first of each class.

Looked for in the folder that the environment variable DPKIT_BENCH_IMAGES names, then in
`shared/data/cifar10-images.tar.gz` beside the repository. Both hold `train/CLASS/NAME` and
`test/CLASS/NAME`.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

VARIABLE = "DPKIT_BENCH_IMAGES"
PACKED = Path(__file__).parents[1] / "../shared/data/cifar10-images.tar.gz"


@dataclass(frozen=True)
class Pictures:
    """Pictures u8 [n,h,w,3] and their classes int64 [n]."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


def cifar(of_a_class: dict[str, int]) -> dict[str, Pictures] | None:
    """Return the first pictures of each class in each part, by name; None where there are none."""
    source = _source()
    if source is None:
        return None
    files = _packed(source, of_a_class) if source.is_file() else _unpacked(source, of_a_class)
    chosen = _first(files, of_a_class)
    return {part: _decoded(chosen[part]) for part in of_a_class}


def cifar_folder(folder: Path, of_a_class: dict[str, int]) -> Path | None:
    """Write the first pictures of each class as `folder/PART/CLASS/NAME`; None where are none.

    A folder that is there is taken as it is.
    """
    source = _source()
    if source is None or folder.exists():
        return None if source is None else folder
    files = _packed(source, of_a_class) if source.is_file() else _unpacked(source, of_a_class)
    aside = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    for path, packed in chain.from_iterable(_first(files, of_a_class).values()):
        place = aside / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(packed)
    aside.rename(folder)
    return folder


def _source() -> Path | None:
    named = os.environ.get(VARIABLE)
    found = Path(named) if named else PACKED
    return found if found.exists() else None


def _unpacked(folder: Path, parts: dict[str, int]) -> dict[PurePosixPath, bytes]:
    paths = (path for part in parts for path in _of_part(folder / part, parts[part]))
    return {PurePosixPath(path.relative_to(folder).as_posix()): path.read_bytes() for path in paths}


def _of_part(folder: Path, count: int) -> Iterator[Path]:
    for of_class in folder.iterdir():
        yield from sorted(of_class.iterdir())[:count]


def _packed(archive: Path, parts: dict[str, int]) -> dict[PurePosixPath, bytes]:
    with tarfile.open(archive) as opened:
        return {
            PurePosixPath(member.name): opened.extractfile(member).read()
            for member in opened
            if member.isfile() and PurePosixPath(member.name).parts[0] in parts
        }


def _first(
    files: dict[PurePosixPath, bytes], parts: dict[str, int]
) -> dict[str, list[tuple[PurePosixPath, bytes]]]:
    """Return (path, file) by part: of each class those whose names come first."""
    chosen: dict[str, list[tuple[PurePosixPath, bytes]]] = {part: [] for part in parts}
    taken: dict[PurePosixPath, int] = {}
    for path in sorted(files):
        part = path.parts[0]
        taken[path.parent] = taken.get(path.parent, 0) + 1
        if taken[path.parent] <= parts[part]:
            chosen[part].append((path, files[path]))
    return chosen


def _decoded(files: list[tuple[PurePosixPath, bytes]]) -> Pictures:
    pixels = [np.asarray(Image.open(io.BytesIO(packed)).convert("RGB")) for _, packed in files]
    labels = np.unique([path.parent.name for path, _ in files], return_inverse=True)[1]
    return Pictures(np.stack(pixels), labels.astype(np.int64))
