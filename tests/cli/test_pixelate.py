"""`dpkit pixelate` as a data officer runs it: released, verified, loaded; what is not, refused."""

import json

import h5py
import numpy as np
import pytest
from PIL import Image

from dpkit.developer import ReleaseDataset
from dpkit.release.read import Release

CELLS = ("--cell", 5, "--epsilon", 2)


def values_of(folder):
    """Return pixels [n,c,h,w] and ids of a release's training part, by id."""
    with h5py.File(next((folder / "data").glob("train-*.h5"))) as shard:
        return dict(zip(shard["ids"][:].tolist(), shard["images"][:], strict=True))


def test_a_release_has_its_cells_and_says_what_is_promised(invoke, images, tmp_path):
    done = invoke("pixelate", images, *CELLS)
    assert "do not divide 16x16" in done.err
    values = np.stack(list(values_of(tmp_path / "release").values()))
    assert (values.dtype, values.shape) == (np.uint8, (24, 3, 16, 16))
    cells = values[:, :, ::5, ::5]
    assert np.array_equal(values, cells.repeat(5, 2).repeat(5, 3)[:, :, :16, :16])
    manifest = Release.open(tmp_path / "release").manifest
    assert "is 2-differentially private in one release of it" in manifest.statement
    assert manifest.sanitizer.parameters == {
        "cell": 5, "epsilon": 2, "neighborhood": 16, "per_channel": False, "grid": False,
    }  # fmt: skip
    invoke("verify", "release")


def test_the_small_grid_is_released_and_loaded(invoke, images, tmp_path):
    invoke("pixelate", images, *CELLS, "--grid")
    invoke("verify", "release")
    assert Release.open(tmp_path / "release").manifest.map_shape == (3, 4, 4)
    rows = ReleaseDataset(tmp_path / "release", split="train")
    assert len(rows) == 24
    assert tuple(rows[0][0].shape) == (3, 4, 4)


@pytest.mark.slow
def test_two_releases_of_one_image_share_no_noise(invoke, images, tmp_path):
    """Flat images show the noise itself."""
    for path in images.rglob("*.png"):
        Image.fromarray(np.full((16, 16, 3), 128, np.uint8)).save(path)
    for name in ("one", "two"):
        invoke("pixelate", images, "--cell", 4, "--epsilon", 20, "--out", name)
    one, two = (
        np.stack(list(values_of(tmp_path / name).values())).astype(float) - 128
        for name in ("one", "two")
    )
    assert (one == two).mean() < 0.2  # clipped ends and middle levels agree by chance
    assert abs(np.corrcoef(one[:, :, ::4, ::4].ravel(), two[:, :, ::4, ::4].ravel())[0, 1]) < 0.15


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--key", "a" * 28), "no such option"),
        (("--epsilon", 0), "not within 0.001 to 10000"),
        (("--epsilon", "0.12345678"), "more than 6 decimals"),
        (("--epsilon", "nan"), "not within 0.001 to 10000"),
        (("--cell", 0), "not within 1 to 65535"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_made(
    options, words, invoke, images, tmp_path
):
    done = invoke("pixelate", images, *options, code=2)
    assert words in done.err.casefold()
    assert not list(tmp_path.glob("release*"))


def test_a_release_cannot_be_restored(invoke, images):
    invoke("pixelate", images, *CELLS)
    assert "cannot be restored" in invoke("restore", "release", "--out", "back", code=2).err


def test_the_report_judges_the_papers_scale(invoke, images, tmp_path):
    invoke("pixelate", images, *CELLS)
    report = json.loads((tmp_path / "release" / "report.json").read_text())
    assert [bound["holds"] for bound in report["bounds"]] == [True, True, False]
    assert "3 times ε" in report["bounds"][2]["reason"]
