"""A sample is drawn by its seed, and its classes get the network's numbers."""

import numpy as np
import pytest
from PIL import Image

from dpkit.errors import UsageError
from dpkit.readers.choice import ReadOptions
from dpkit.sweep.sample import Sample, read_sample
from dpkit.types.voice import Voice
from tests.conftest import PHOTOGRAPHS, crop


def read(folder, count=100, seed=0, said=None, **options):
    voice = Voice(notice=(said if said is not None else []).append)
    return read_sample(folder, ReadOptions(**options), count=count, seed=seed, voice=voice)


def test_all_images_are_what_the_files_hold(images):
    sample = read(images)
    assert sample.images.dtype == np.float32
    expected = np.moveaxis(crop("astronaut", 0), -1, 0).astype(np.float32) / 255
    np.testing.assert_array_equal(sample.images[0], expected)
    assert sample.classes == tuple(name for name in PHOTOGRAPHS for _ in range(8))


def test_same_seed_draws_the_same_images_and_another_others(images):
    first, again, other = (read(images, 5, seed).images for seed in (1, 1, 2))
    assert len(first) == 5
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_damaged_image_is_left_out_and_named(images):
    path = images / "coffee" / "picture_cof0003.png"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    said = []
    assert len(read(images, said=said)) == 23
    assert any("picture_cof0003.png" in line for line in said)


def test_images_of_other_sizes_are_brought_to_one(images):
    Image.fromarray(crop("coffee", 1, 40)).save(images / "coffee" / "large.png")
    assert read(images, 3, size="32").images.shape == (3, 3, 32, 32)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError):
        read(tmp_path / "none")


class TestLabels:
    sample = Sample(np.zeros((3, 1, 1, 1), np.float32), ("dog", "cat", "dog"))

    def test_are_the_numbers_that_the_network_gives(self):
        assert self.sample.labels(("dog", "frog", "cat"), 3).tolist() == [0, 2, 0]

    def test_are_unknown_where_the_network_has_no_such_class(self):
        assert self.sample.labels(("dog", "frog"), 2).tolist() == [0, -1, 0]

    def test_are_the_folder_s_own_where_the_network_names_none_and_has_as_many(self):
        assert self.sample.labels((), 2).tolist() == [1, 0, 1]
        assert self.sample.labels((), 10).tolist() == [-1, -1, -1]

    def test_are_unknown_where_the_folder_has_no_classes(self):
        assert Sample(self.sample.images, ()).labels(("dog",), 1).tolist() == [-1] * 3
