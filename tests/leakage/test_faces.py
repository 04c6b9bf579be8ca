"""Where a face stands, and whose it is: on pictures that come with scikit-image."""

import hashlib

import numpy as np
import pytest
import skimage.data

from dpkit.errors import IntegrityError, UsageError
from dpkit.leakage import faces
from dpkit.leakage.faces import Faces, fitted_to, largest, usual_place
from tests.leakage.face_pictures import crops, needs_faces


@pytest.fixture(scope="module")
def small():
    return Faces.load()


@needs_faces
class TestDetection:
    def test_finds_the_one_face_of_the_astronaut_where_it_stands(self):
        found = Faces.load(512).detect(skimage.data.astronaut()[np.newaxis])
        assert [len(boxes) for boxes in found] == [1]
        left, top, right, bottom, sure = found[0][0]
        assert sure > 0
        assert left < 0.43 < right  # the nose stands at about 0.43, 0.25
        assert top < 0.25 < bottom

    def test_finds_no_face_in_a_cat_in_a_cup_or_in_noise(self, small):
        noise = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)
        for pictures in (skimage.data.chelsea()[np.newaxis], noise):
            assert not any(len(boxes) for boxes in small.detect(pictures))

    def test_finds_nine_in_ten_of_small_crops_of_faces_and_none_in_what_is_none(self, small):
        assert sum(len(boxes) > 0 for boxes in small.detect(crops(40))) >= 36
        assert sum(len(boxes) > 0 for boxes in small.detect(crops(40, first=100))) == 0

    def test_a_larger_side_is_taken_where_it_shows_more_faces(self):
        astronaut = skimage.data.astronaut()[np.newaxis]
        models, found = fitted_to(astronaut)
        assert (models.side, len(found[0])) == (512, 1)
        models, _ = fitted_to(crops(4))
        assert models.side == 256

    def test_sixteen_bits_and_grey_show_the_same_face(self, small):
        grey = crops(1)
        assert len(small.detect(grey)[0]) == 1
        for other in (grey.astype(np.uint16) * 257, np.repeat(grey, 3, axis=3)):
            assert np.array_equal(small.detect(other)[0], small.detect(grey)[0])


@needs_faces
class TestDescription:
    def test_a_darker_noisy_picture_of_a_face_lies_nearest_to_that_face(self, small):
        pictures = crops(6)
        boxes = largest(small.detect(pictures))
        known = small.describe(pictures, boxes)
        noise = np.random.default_rng(1).normal(0, 4, pictures.shape)
        seen = np.clip(pictures * 0.7 + noise, 0, 255).astype(np.uint8)
        found = small.describe(seen, boxes)
        has_face = ~np.isnan(boxes[:, 0])
        distances = np.linalg.norm(found[:, None] - known[None], axis=2)[has_face][:, has_face]
        assert (distances.argmin(axis=1) == np.arange(has_face.sum())).all()
        assert (np.diag(distances) < faces.SAME_PERSON).all()

    def test_is_128_values_and_not_a_number_without_a_face(self, small):
        boxes = np.array([[0, 0, 1, 1], [np.nan] * 4])
        found = small.describe(crops(2), boxes)
        assert found.shape == (2, 128)
        assert found.dtype == np.float64
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[1]).all()

    def test_of_a_picture_is_the_same_each_time(self, small):
        whole = np.array([[0.0, 0.0, 1.0, 1.0]])
        assert np.array_equal(small.describe(crops(1), whole), small.describe(crops(1), whole))


def test_crops_have_their_face_in_one_place_and_snapshots_do_not():
    rng = np.random.default_rng(2)
    crop = np.array([0.1, 0.1, 0.9, 0.9]) + rng.normal(0, 0.02, (20, 4))
    assert np.allclose(usual_place(crop), [0.1, 0.1, 0.9, 0.9], atol=0.05)
    corners = rng.uniform(0, 0.8, (20, 2))
    assert usual_place(np.concatenate([corners, corners + 0.2], axis=1)) is None


def test_the_largest_face_of_each_picture_is_taken():
    none, one = np.empty((0, 5)), np.array([[0.0, 0.0, 0.5, 0.5, 1.2]])
    found = largest([none, one])
    assert np.isnan(found[0]).all()
    assert np.array_equal(found[1], one[0])


class TestWhatIsMissing:
    def test_without_the_extra_the_remedy_is_said(self, monkeypatch):
        monkeypatch.setattr(faces, "find_spec", lambda _name: None)
        assert not faces.are_available()
        with pytest.raises(UsageError, match=r"pip install 'dpkit\[faces\]'"):
            Faces.load()

    def test_another_file_of_the_model_is_never_read(self, monkeypatch, tmp_path):
        name, content = "model.dat", b"known"
        (tmp_path / "models").mkdir()
        path = tmp_path / "models" / name
        path.write_bytes(content)
        spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
        monkeypatch.setattr(faces, "find_spec", lambda _name: spec)
        digest = hashlib.sha256(content).hexdigest()
        assert faces._checked(name, len(content), digest) == str(path)
        path.write_bytes(b"other")
        with pytest.raises(IntegrityError, match="not the model"):
            faces._checked(name, len(content), digest)
        with pytest.raises(UsageError, match="lacks gone"):
            faces._checked("gone", 1, digest)
