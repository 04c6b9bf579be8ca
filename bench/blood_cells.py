"""Crops of blood cells in class folders, from a folder or a packed one; the first of each class.

Looked for in the folder that the environment variable DPKIT_BENCH_CELLS names, then in
`shared/data/bccd-cells.tar.gz` beside the repository. Both hold `CLASS/NAME`.
"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from bench.cifar import Pictures

VARIABLE = "DPKIT_BENCH_CELLS"
PACKED = Path(__file__).parents[1] / "../shared/data/bccd-cells.tar.gz"
SIDE = 64  # pixels, to which the crops are shrunk


def blood_cells(of_a_class: dict[str, int]) -> dict[str, Pictures] | None:
    """Return so many pictures of each class for each part; None where there are none."""
    named = os.environ.get(VARIABLE)
    source = Path(named) if named else PACKED
    if not source.exists():
        return None
    files = _packed(source) if source.is_file() else _unpacked(source)
    parts: dict[str, list[tuple[str, bytes]]] = {part: [] for part in of_a_class}
    for name, found in files.items():
        start = 0
        for part, count in of_a_class.items():
            parts[part] += [(name, content) for content in found[start : start + count]]
            start += count
    return {part: _decoded(chosen) for part, chosen in parts.items()}


def _unpacked(folder: Path) -> dict[str, list[bytes]]:
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    return {one.name: [path.read_bytes() for path in sorted(one.iterdir())] for one in classes}


def _packed(archive: Path) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    with tarfile.open(archive) as opened:
        for member in sorted(opened, key=lambda one: one.name):
            if member.isfile():
                name = PurePosixPath(member.name).parent.name
                found.setdefault(name, []).append(opened.extractfile(member).read())
    return found


def _decoded(files: list[tuple[str, bytes]]) -> Pictures:
    pictures = (Image.open(io.BytesIO(packed)).convert("RGB") for _, packed in files)
    pixels = [np.asarray(one.resize((SIDE, SIDE), Image.Resampling.LANCZOS)) for one in pictures]
    labels = np.unique([name for name, _ in files], return_inverse=True)[1]
    return Pictures(np.stack(pixels), labels.astype(np.int64))
