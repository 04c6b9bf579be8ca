"""The sample trains on a hardened release, and on the originals beside it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import crop

ROOT = Path(__file__).parents[2]
CLASSES = {"cat": "chelsea", "coffee": "coffee"}


@pytest.fixture
def pictures(tmp_path):
    """Write two classes of 32x32."""
    for part, numbers in (("train", range(64)), ("test", range(64, 128))):
        for name, photograph in CLASSES.items():
            folder = tmp_path / "pictures" / part / name
            folder.mkdir(parents=True)
            for i in numbers:
                Image.fromarray(crop(photograph, i, 32)).save(folder / f"{i:04}.png")
    return tmp_path / "pictures"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_mixer_learns_from_a_hardened_release(pictures, tmp_path):
    program = ROOT / "samples/train_hardened.py"
    words = ("--train", "64", "--test", "64", "--epochs", "12", "--seeds", "1", "--dim", "32")
    done = subprocess.run(
        [sys.executable, program, pictures, *words], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("mean ")[-1]
    means = dict(re.findall(r"^(\S.*?) +(\d\.\d{3})\b", table, re.MULTILINE))
    assert len(means) == 5
    assert float(means["hardened release, mixer"]) > float(means["always one class"]) + 0.1
