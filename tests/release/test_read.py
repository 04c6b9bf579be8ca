"""A release is opened after the check that was asked for."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dpkit.errors import IntegrityError, UsageError
from dpkit.release.inspect import grid, summary
from dpkit.release.read import Release

from .conftest import build, report


@pytest.mark.parametrize("check", ["none", "quick", "full"])
def test_an_intact_release_opens_under_every_check(built, check):
    release = Release.open(built, verify=check)
    assert release.manifest.release_id == "rel-1"


def test_shards_are_given_by_part(built):
    release = Release.open(str(built))
    assert [shard.rows for shard in release.shards("train")] == [40, 30]
    assert len(release.shards()) == 4
    assert len(release.columns(release.shards("test")[0])) == 9


def test_the_report_is_typed(built):
    release = Release.open(built)
    assert release.report == report(release.manifest)


def test_a_named_signer_is_insisted_on(built, key):
    assert Release.open(built, fingerprint=key.public.fingerprint).path == built
    with pytest.raises(IntegrityError, match="not by"):
        Release.open(built, fingerprint="0" * 16)


def test_a_changed_value_is_found_by_full_and_not_by_quick(release):
    path = next((release / "data").glob("train*"))
    content = bytearray(path.read_bytes())
    content[13_000] ^= 1
    path.write_bytes(content)
    assert Release.open(release, verify="quick").path == release
    with pytest.raises(IntegrityError, match="digest"):
        Release.open(release, verify="full")


@pytest.mark.parametrize("check", ["none", "quick"])
def test_a_folder_that_is_no_release_is_bad_usage(tmp_path, check):
    with pytest.raises(UsageError, match="no release folder"):
        Release.open(tmp_path, verify=check)


@pytest.mark.parametrize("check", ["none", "quick"])
def test_a_release_without_its_manifest_is_refused(release, check):
    (release / "manifest.json").unlink()
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        Release.open(release, verify=check)


def test_a_release_without_a_report_says_so(release):
    opened = Release.open(release)
    (release / "report.json").unlink()
    with pytest.raises(IntegrityError, match=r"report\.json"):
        _ = opened.report


def test_reading_and_verifying_load_no_heavy_library():
    code = "import dpkit.release.read, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "numba", "h5py", "PIL", "skimage", "matplotlib"}
    assert not loaded & {f"dpkit.{room}" for room in ("keystore", "sanitizers", "readers")}


def test_an_opened_release_can_be_pickled(built):
    release = Release.open(built)
    assert pickle.loads(pickle.dumps(release)) == release


def test_the_summary_says_what_is_there(built):
    said = summary(Release.open(built))
    assert said["images"] == {"train": 70, "validation": 12, "test": 9}
    assert said["classes"] == ["cat", "dog | <b>"]
    assert said["values"] == "float32 [3, 8, 6]"
    assert said["statement"].startswith("No attack was run")


@pytest.mark.parametrize(("n", "across", "down"), [(1, 1, 1), (16, 4, 4), (5, 3, 2), (500, 10, 10)])
def test_the_grid_shows_rows_side_by_side(built, tmp_path, n, across, down):
    (tmp_path / "grid.png").write_bytes(grid(Release.open(built), n))
    with Image.open(tmp_path / "grid.png") as picture:
        # 8 by 6 is enlarged 11 times, so that the shorter side reaches 64 pixels
        assert picture.size == (across * (66 + 2), down * (88 + 2))


def test_a_seed_fixes_the_rows(built):
    release = Release.open(built)
    assert grid(release, 4, seed=1) == grid(release, 4, seed=1)
    assert grid(release, 4, seed=1) != grid(release, 4, seed=2)


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_the_grid_spans_black_to_white(tmp_path, key, dtype):
    build(tmp_path / "release", key, "none", dtype)
    (tmp_path / "grid.png").write_bytes(grid(Release.open(tmp_path / "release"), 1, seed=0))
    with Image.open(tmp_path / "grid.png") as picture:
        pixels = np.asarray(picture)[:88, :66]
    assert (pixels.min(), pixels.max()) == (0, 255)
