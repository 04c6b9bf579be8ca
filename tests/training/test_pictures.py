"""Who decides, and what a batch holds."""

import numpy as np
import pytest
import torch

from dpkit.errors import UsageError
from dpkit.training.augment import augmented
from dpkit.training.pictures import Pictures, Split, beside_guess, images_of, remarks, split
from dpkit.types import Geometry
from dpkit.types.supply import Supply
from tests.supplies import LabelledImages, striped

GEOMETRY = Geometry(3, 8, 6, 16)
CPU = torch.device("cpu")


def test_the_validation_part_decides_and_the_test_part_is_in_neither():
    parts = ("train",) * 16 + ("validation",) * 5 + ("test",) * 3
    rows = split(striped(GEOMETRY, 24, parts), seed=0)
    assert rows.learned.tolist() == list(range(16))
    assert rows.deciding.tolist() == list(range(16, 21))
    assert rows.deciding_from == "validation part"


def test_without_one_a_tenth_of_the_groups_decides_and_no_group_is_in_both():
    images = striped(GEOMETRY, 60, ("train",) * 50 + ("test",) * 10)
    images.groups = np.arange(60) // 2
    rows = split(images, seed=0)
    assert rows.deciding_from == "a tenth of the training part"
    assert len(rows.deciding) == 4
    assert not set(images.groups[rows.learned]) & set(images.groups[rows.deciding])
    assert max(*rows.learned, *rows.deciding) < 50


def test_an_image_without_a_label_neither_learns_nor_decides():
    images = striped(GEOMETRY)
    images.labels[:10] = -1
    rows = split(images, seed=0)
    assert min(*rows.learned, *rows.deciding) == 10


def test_an_image_that_cannot_be_read_neither_learns_nor_decides():
    parts = ("train",) * 16 + ("validation",) * 8
    images = striped(GEOMETRY, 24, parts)
    images.damaged = (0, 5, 20)
    rows = split(images, seed=0)
    assert not {0, 5, 20} & {*rows.learned.tolist(), *rows.deciding.tolist()}
    assert (len(rows.learned), len(rows.deciding)) == (14, 7)


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        ([0] * 24, 1, "all images have the same one"),
        ([-1] * 24, 2, "several labels"),
        ([-1] * 24, 0, "no classes"),
    ],
)
def test_what_was_found_instead_of_one_label_each_is_said(monkeypatch, labels, classes, words):
    images = striped(GEOMETRY, 24)
    images.labels[:] = labels
    monkeypatch.setattr(LabelledImages, "classes", classes)
    with pytest.raises(UsageError, match=words):
        images_of(Supply(images=images))


def test_a_class_that_is_not_learned_or_not_judged_is_remarked():
    images = striped(GEOMETRY, 24)
    images.labels[:] = [0] * 12 + [1] * 12
    first, last = np.arange(12), np.arange(12, 24)
    assert remarks(images, split(images, seed=0)) == []
    assert "1 of 2 classes have no image" in remarks(images, Split(first, last, ""))[0]
    both = Split(np.arange(2, 24), np.arange(2), "validation part")
    assert "1 of 2 classes are not among the 2" in remarks(images, both)[0]


def test_an_accuracy_stands_beside_what_one_class_would_reach():
    images = striped(GEOMETRY, 24)
    images.labels[:] = [0] * 21 + [1] * 3
    rows = Split(np.arange(14), np.arange(14, 24), "validation part")
    assert beside_guess(images, rows).endswith("the largest class alone would reach 0.700)")


def test_too_few_images_are_refused():
    with pytest.raises(UsageError, match="too few"):
        split(striped(GEOMETRY, 4), seed=0)


def test_batches_are_planes_of_0_to_1():
    images = striped(GEOMETRY)
    found = Pictures(images, GEOMETRY.peak, CPU).images(np.array([3, 5, 3]))
    expected = np.moveaxis(images.stack[[3, 5, 3]], -1, 1) / GEOMETRY.peak
    assert found.dtype == torch.float32
    assert np.allclose(found.numpy(), expected, atol=1e-6)


def test_an_augmented_image_is_a_shift_of_it_or_of_its_mirror_image():
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(image, (2, 2, 2, 2))[0]
    shifts = [padded[:, y : y + 16, x : x + 16] for y in range(5) for x in range(5)]
    mirrored = torch.nn.functional.pad(image.flip(3), (2, 2, 2, 2))[0]
    shifts += [mirrored[:, y : y + 16, x : x + 16] for y in range(5) for x in range(5)]
    found = augmented(image.expand(200, -1, -1, -1), np.random.default_rng(0))
    seen = {next(i for i, s in enumerate(shifts) if torch.equal(s, one)) for one in found}
    assert len(seen) > 40
