import numpy as np
import pytest
from PIL import Image

from dpkit import Keystore, Release, Sanitize
from dpkit.errors import UsageError
from dpkit.keystore.plans import require_plan
from dpkit.keystore.unlock import Unlock
from dpkit.restore import lookup


@pytest.fixture
def store(invoke, images, tmp_path):
    invoke("morph", images, "--kappa", 16, "--blocks", "patch")
    (found,) = (tmp_path / "home" / "data").rglob("*.dpks")
    return Keystore.open(found, Unlock())


def test_new_images_become_what_the_release_holds(store, images, tmp_path):
    release = Release.open(tmp_path / "release")
    sanitize = Sanitize.like(tmp_path / "release", store)
    shard = release.shards()[0]
    columns = release.columns(shard)
    (match,) = lookup(tmp_path / "release", store, id=columns.ids[0].decode())
    pixels = np.asarray(Image.open(images / match.file).convert("RGB"))[None]
    assert np.allclose(sanitize(pixels)[0], columns.values()[0], rtol=1e-5, atol=1e-5)


def test_other_shapes_are_refused(store, tmp_path):
    sanitize = Sanitize.like(tmp_path / "release", store)
    with pytest.raises(UsageError, match="are not uint8"):
        sanitize(np.zeros((1, 8, 16, 3), np.uint8))
    with pytest.raises(UsageError, match="are not uint8"):
        sanitize(np.zeros((1, 16, 16, 3), np.uint16))


def test_it_says_what_it_takes_and_hides_the_key(store, tmp_path):
    plan = require_plan(store, Release.open(tmp_path / "release").manifest.release_id)
    sanitize = Sanitize(store, plan.key_id)
    assert repr(sanitize).startswith("<Sanitize by morph: Geometry(channels=3, height=16")
    assert sanitize.geometry.width == 16


def test_a_mixing_key_takes_no_further_image(invoke, images, tmp_path):
    invoke("mix", images, "--Lb", 4, "--Wb", 4, "--Ns", 3)
    (found,) = (tmp_path / "home" / "data").rglob("*.dpks")
    with pytest.raises(UsageError, match="serves one release"):
        Sanitize.like(tmp_path / "release", Keystore.open(found, Unlock()))
