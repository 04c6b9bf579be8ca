import tarfile
from pathlib import Path

import pytest

from dpkit.readers.scan import ScanOptions, scan

from .zoo import photograph, save

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def folder(tmp_path):
    """An empty source; call it with relative names to put small photographs there."""
    root = tmp_path / "images"
    root.mkdir()

    def fill(*names, **options):
        for number, name in enumerate(names):
            save(root / name, photograph(6, 8, seed=number), **options)
        return root

    return fill


@pytest.fixture
def scanned(folder):
    """Put photographs into a folder and scan it."""

    def run(*names, **options):
        return scan(folder(*names), ScanOptions(**options))

    return run


@pytest.fixture
def table(tmp_path):
    """Write a CSV beside the source."""

    def write(text, encoding="utf-8", name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture(scope="session")
def real_images(tmp_path_factory):
    """Unpack the first `count` matching images of an archive beside the repository, or skip."""

    def unpack(archive, beginning, count):
        if not (SHARED / archive).exists():
            pytest.skip(f"no {archive} beside the repository (shared/data)")
        root = tmp_path_factory.mktemp("real")
        with tarfile.open(SHARED / archive) as packed:
            for member in packed:
                if member.isfile() and member.name.lstrip("./").startswith(beginning):
                    target = root / Path(member.name).name
                    target.write_bytes(packed.extractfile(member).read())
                    count -= 1
                if count == 0:
                    break
        return root

    return unpack
