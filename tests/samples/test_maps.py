"""Feature maps at the developer's: training goes on from them, and encoded images are answered."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = ("--width", 2, "--epochs", 2, "--warmup", 1, "--split", "60/40/0")


def run(sample, *words):
    """Run a sample in a process of its own, and return what it said."""
    done = subprocess.run(
        [sys.executable, ROOT / "samples" / sample, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def released(invoke, images, tmp_path):
    keystore = ("--keystore", "keys.dpks", "--key-file", "unlock/key")
    invoke("obfuscate", images, *WORDS, *keystore, "--with-remote", "--out", "release")
    return tmp_path / "release"


@pytest.mark.slow
def test_training_goes_on_from_the_rest_of_the_network(released, tmp_path):
    said = run("train_on_maps.py", released, "--epochs", 1, "--out", tmp_path / "network.pt")
    assert "before training" in said
    assert (tmp_path / "network.pt").exists()


@pytest.mark.slow
def test_what_the_provider_encodes_is_answered_from_the_release_alone(released, images, tmp_path):
    maps, keys = tmp_path / "maps.npz", ("--keystore", "keys.dpks", "--key-file", "unlock/key")
    encoded = run("private_inference.py", "encode", released, images / "coffee", *keys, "-o", maps)
    assert encoded.startswith("8 images encoded")
    answers = run("private_inference.py", "answer", released, maps).splitlines()
    assert len(answers) == 8
    assert {line.split()[0] for line in answers} <= {"astronaut", "chelsea", "coffee"}


@pytest.mark.slow
def test_class_numbers_with_gaps_are_trained_on_and_a_batch_of_one_is_left_out(
    invoke, images, tmp_path
):
    names = sorted(file.relative_to(images) for file in images.rglob("*") if file.is_file())
    rows = [f"{name},{(1, 3, 7)[number % 3]}" for number, name in enumerate(names)]
    (tmp_path / "grades.csv").write_text("\n".join(["file,grade", *rows]))
    table = ("--labels", "grades.csv", "--file-column", "file", "--label-column", "grade")
    words = ("--width", 2, "--epochs", 2, "--warmup", 1, "--split", "none", *table)
    invoke("obfuscate", images, *words, "--with-remote", "--publish-classes", "--out", "graded")
    said = run("train_on_maps.py", tmp_path / "graded", "--epochs", 1, "--batch", len(names) - 1)
    assert "no part is held out" in said


@pytest.mark.slow
def test_nothing_to_answer_from_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "samples/private_inference.py", "answer", tmp_path, "maps.npz"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
