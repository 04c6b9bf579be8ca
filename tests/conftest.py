"""Fixtures of the whole house: a home of its own for each test, real photographs, the command."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers beside each other would only spin

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

from cli.main import main

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Give data, configuration and state folders that no other test and no user sees."""
    for name in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))
    for name in ("DPKIT_KEYSTORE", "DPKIT_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DPKIT_AUDIT", "none")  # what is not about attacks need not wait for them
    return tmp_path / "home"


def crop(name, i, side=16):
    """Return crop `i` of a photograph that ships with scikit-image, u8 [side,side,3]."""
    photograph = getattr(skimage.data, name)()
    y = (37 * i) % (photograph.shape[0] - 64)
    x = (61 * i) % (photograph.shape[1] - 64)
    piece = Image.fromarray(photograph[y : y + 64, x : x + 64])
    return np.asarray(piece.resize((side, side)))


@pytest.fixture
def images(tmp_path):
    """Write 8 crops of each of three photographs as class folders of 16x16 PNGs."""
    root = tmp_path / "images"
    for name in PHOTOGRAPHS:
        (root / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(crop(name, i)).save(root / name / f"picture_{name[:3]}{i:04}.png")
    return root


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Run the real command in a temporary folder; a failure must be expected by its code."""
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0, **extra):
        result = CliRunner().invoke(main, [str(word) for word in words], **extra)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}"
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def contents():
    """Return a function that maps every file below a folder to its bytes."""

    def read(folder: Path):
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read
