"""The sample trains a network and writes a file that says all that is needed to use it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from dpkit.nets.named import build_network, class_names
from dpkit.readers.network import read_weights
from tests.conftest import crop

ROOT = Path(__file__).parents[2]
CLASSES = {"cat": "chelsea", "coffee": "coffee", "eye": "retina"}


@pytest.fixture
def pictures(tmp_path):
    for name, photograph in CLASSES.items():
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(60):
            Image.fromarray(crop(photograph, i, 32)).save(tmp_path / f"pictures/{name}/{i:03}.png")
    return tmp_path / "pictures"


def train(pictures, out, *words):
    return subprocess.run(
        [sys.executable, ROOT / "samples/train_network.py", pictures, "-o", out, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_file_names_its_network_its_sizes_and_its_classes(pictures, tmp_path):
    out = tmp_path / "net.safetensors"
    done = train(pictures, out, "--epochs", "1", "--images", "10")
    assert done.returncode == 0, done.stderr
    weights = read_weights(out)
    assert class_names(weights.metadata) == tuple(sorted(CLASSES))
    built = build_network(weights.arrays, weights.metadata)
    assert built(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "epochs"), [("alexnet", 40), ("vgg11_bn", 10), ("resnet18", 10)]
)
def test_the_network_has_learnt(pictures, tmp_path, network, epochs):
    out = tmp_path / "net.safetensors"
    done = train(pictures, out, "--network", network, "--epochs", str(epochs))
    assert done.returncode == 0, done.stderr
    weights = read_weights(out)
    built = build_network(weights.arrays, weights.metadata)
    for target, name in enumerate(sorted(CLASSES)):
        shown = torch.stack([torch.tensor(crop(CLASSES[name], i, 32)) for i in range(20)])
        right = built(shown.movedim(-1, 1) / 255).argmax(dim=1) == target
        assert right.float().mean() > 0.7


@pytest.mark.slow
def test_a_file_that_exists_is_left_alone(pictures, tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"mine")
    done = train(pictures, tmp_path / "net.safetensors", "--epochs", "1")
    assert done.returncode == 1
    assert "exists; name another file" in done.stderr
    assert (tmp_path / "net.safetensors").read_bytes() == b"mine"
