"""A run that is killed, or whose disk fills up: nothing published, nothing lost, the same bytes."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.conftest import PHOTOGRAPHS, crop

pytestmark = pytest.mark.slow
KILLS = 6
SHARDS = 14
ATTEMPTS = 10
JOBS = {
    "morph": ("morph", "--kappa", 36, "--shard-mb", 1),
    "mix": ("mix", "--Lb", 24, "--Wb", 24, "--min-pool", 12, "--shard-mb", 1),
    "pixelate": ("pixelate", "--cell", 7, "--epsilon", 2, "--shard-mb", 1),
}


@pytest.fixture
def many(tmp_path):
    """Write 120 pictures of 96x96: 14 shards of 1 MiB."""
    root = tmp_path / "images"
    for name in PHOTOGRAPHS:
        (root / name).mkdir(parents=True)
        for i in range(40):
            Image.fromarray(crop(name, i, 96)).save(root / name / f"{name}_{i:05}.png")
    return root


def command(images, *more, job="morph"):
    words = (*JOBS[job], images, "--workers", 1, *more)
    return [sys.executable, "-m", "cli", *map(str, words)]


def start(images, folder, job="morph"):
    return subprocess.Popen(
        command(images, job=job),
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("job", JOBS)
def test_killed_at_random_it_ends_with_the_same_bytes(job, invoke, many, tmp_path, contents):
    invoke("prepare", *JOBS[job], many)
    kept = [tmp_path / "home", tmp_path / "release.partial"]
    for folder in kept:
        shutil.copytree(folder, tmp_path / "kept" / folder.name)
    subprocess.run(command(many, job=job), cwd=tmp_path, check=True, capture_output=True)
    whole = contents(tmp_path / "release")

    for folder in (*kept, tmp_path / "release"):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in kept:
        shutil.copytree(tmp_path / "kept" / folder.name, folder)
    draw = random.Random(7)
    kills = 0
    while kills < KILLS:
        run = start(many, tmp_path, job)
        time.sleep(draw.uniform(0.6, 4.0))
        run.send_signal(signal.SIGKILL)
        run.communicate()
        if (tmp_path / "release").exists():
            break
        kills += 1
    if not (tmp_path / "release").exists():
        subprocess.run(command(many, job=job), cwd=tmp_path, check=True, capture_output=True)
    assert kills > 0
    assert contents(tmp_path / "release") == whole
    assert not (tmp_path / "release.partial").exists()


def stop_half_way(images, folder):
    """Start the command and halt it once shards stand there, but not all: it cannot outrun us."""
    for _ in range(ATTEMPTS):
        run = start(images, folder)
        while run.poll() is None:
            run.send_signal(signal.SIGSTOP)
            written = len(list((folder / "release.partial" / "data").glob("*.h5")))
            if 0 < written < SHARDS:
                return run
            run.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        run.communicate()
        shutil.rmtree(folder / "release", ignore_errors=True)
    raise AssertionError(f"in {ATTEMPTS} attempts no run was seen half-way")


def test_interrupted_by_the_keyboard_it_says_how_to_go_on(many, tmp_path):
    run = stop_half_way(many, tmp_path)
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGCONT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert said.strip().splitlines()[-1].startswith("dpkit: error: interrupted;")
    assert "Traceback" not in said
    assert not (tmp_path / "release").exists()
    subprocess.run(command(many), cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="needs a small file system of its own"
)
def test_on_a_full_disk_nothing_is_published_and_the_run_goes_on(many, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        out = ("--out", small / "release")
        run = subprocess.run(
            command(many, *out), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert run.returncode == 1
        assert "free" in run.stderr.splitlines()[-1]
        assert not (small / "release").exists()
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        subprocess.run(command(many, *out), cwd=tmp_path, check=True, capture_output=True)
        subprocess.run([sys.executable, "-m", "cli", "verify", str(small / "release")], check=True)
    finally:
        subprocess.run(["umount", str(small)], check=True)
