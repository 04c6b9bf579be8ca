"""A sweep's images: which ones count, and what makes another sweep of them."""

import numpy as np
import pytest
from PIL import Image

from dpkit.errors import UsageError
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.sanitizers.partition import Partition
from dpkit.sweep.cells import Cells
from dpkit.sweep.obfuscate import ObfuscateSweep, sweep_obfuscate
from dpkit.sweep.partitioning import partition_folder
from dpkit.sweep.partitionplan import PartitionPlan, PartitionRequest
from dpkit.sweep.source import provided
from dpkit.types import PARTS
from dpkit.types.voice import Voice

SPLIT = Split("60/10/30")
READINGS = (
    ReadOptions(size="8"),
    ReadOptions(size="6"),
    ReadOptions(size="8x6"),
    ReadOptions(size="6", fit="crop"),
    ReadOptions(size="8", channels="rgb"),
    ReadOptions(size="8", depth="16"),
    ReadOptions(size="8", matte=0),
)


@pytest.fixture
def folder(tmp_path):
    """Write 100 small grey images of two classes."""
    rng = np.random.default_rng(0)
    for number in range(100):
        place = tmp_path / "images" / f"class{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(place / f"{number}.png")
    return tmp_path / "images"


def test_every_other_reading_is_another_sweep(folder):
    asked = [str(provided(folder, SPLIT, read, 0, Voice()).asked()) for read in READINGS]
    assert len(set(asked)) == len(READINGS)


def test_the_same_files_under_other_classes_are_another_sweep(folder):
    before = provided(folder, SPLIT, READINGS[0], 0, Voice())
    moved = sorted((folder / "class1").iterdir())[-5:]
    for number, path in enumerate(moved):
        path.rename(folder / "class0" / f"0{number}.png")
    after = provided(folder, SPLIT, READINGS[0], 0, Voice())
    assert before.images.labels.sum() != after.images.labels.sum()
    assert before.asked() != after.asked()


def test_a_partition_sweep_of_another_size_does_not_get_the_first_ones_figures(
    folder, tmp_path, monkeypatch
):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dpkit.sweep.partitionnetworks.partitioned", stopped)
    for read in READINGS[:2]:
        request = PartitionRequest(folder, tmp_path / "out", PartitionPlan(), read, SPLIT)
        expected = KeyboardInterrupt if read is READINGS[0] else UsageError
        with pytest.raises(expected) as error:
            partition_folder(request, Voice())
    assert "other images or options" in str(error.value)


def test_an_obfuscator_sweep_of_another_depth_does_not_get_the_first_ones_figures(
    folder, tmp_path, monkeypatch
):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dpkit.sweep.obfuscate.trained", stopped)
    for read, expected in ((READINGS[0], KeyboardInterrupt), (READINGS[5], UsageError)):
        sweep = ObfuscateSweep(folder, tmp_path / "out", (0.1,), split=SPLIT, read=read)
        with pytest.raises(expected):
            sweep_obfuscate(sweep, Voice())


def test_sides_too_small_for_the_network_are_refused_before_anything_is_made(folder, tmp_path):
    plan = PartitionPlan(Partition(network="vgg19"))
    request = PartitionRequest(folder, tmp_path / "out", plan, READINGS[0], SPLIT)
    with pytest.raises(UsageError, match="a side of 8 pixels is below 32"):
        partition_folder(request, Voice())
    assert not (tmp_path / "out").exists()


def test_sides_too_small_to_compare_are_refused_before_anything_is_made(folder, tmp_path):
    request = PartitionRequest(
        folder, tmp_path / "out", PartitionPlan(), ReadOptions(size="2"), SPLIT
    )
    with pytest.raises(UsageError, match="SSIM needs 3 pixels a side, and these images have 2"):
        partition_folder(request, Voice())
    assert not (tmp_path / "out").exists()


def test_images_that_cannot_be_read_are_left_out_of_every_part(folder):
    damaged = sorted(folder.rglob("*.png"))[:5]
    for path in damaged:
        content = path.read_bytes()
        data = content.index(b"IDAT") + 4
        path.write_bytes(content[:data] + b"\0" * (len(content) - data))
    heard = []
    source = provided(folder, SPLIT, ReadOptions(size="8"), 0, Voice(notice=heard.append))
    rows = source.rows(*PARTS)
    assert len(rows) == 95
    assert source.pixels(rows).reshape(95, -1).any(axis=1).all()
    assert any("5 of 100 labelled images cannot be read" in text for text in heard)


def test_numbers_that_are_none_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        Cells(tmp_path / "sweep", {}).put("one", {"psnr": float("nan")})
