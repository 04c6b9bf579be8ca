"""The sample plays the whole exchange through, from first layer to new images."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import crop

ROOT = Path(__file__).parents[2]
CLASSES = {"bird": "astronaut", "cat": "chelsea", "coffee": "coffee", "rocket": "rocket"}


@pytest.fixture
def pictures(tmp_path):
    """Write four classes of 32x32: two for either side."""
    for part, numbers in (("train", range(160)), ("test", range(160, 180))):
        for name, photograph in CLASSES.items():
            folder = tmp_path / "pictures" / part / name
            folder.mkdir(parents=True)
            for i in numbers:
                Image.fromarray(crop(photograph, i, 32)).save(folder / f"{i:04}.png")
    return tmp_path / "pictures"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("network", ["vgg", "resnet", "vit"])
def test_the_quick_experiment_runs_from_end_to_end(pictures, tmp_path, network):
    program = ROOT / "samples/mole_cifar10.py"
    done = subprocess.run(
        [sys.executable, program, pictures, "--quick", "--network", network, "--folder",
         tmp_path / "both"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    accuracies = dict(re.findall(r"^ +(.+?) +(\d\.\d{3})\b", done.stdout, re.MULTILINE))
    assert float(accuracies["morphed, Aug-Conv"]) > float(accuracies["always one class"])
    assert re.search(r"rocket +is called (coffee|rocket)", done.stdout)
    assert not list((tmp_path / "both" / "developer").rglob("*.dpks"))
    assert not (tmp_path / "both" / "developer" / "images" / "train" / "rocket").exists()
