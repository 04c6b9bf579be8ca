"""Real photographs: nothing is bad, and the pixels are Pillow's own."""

import numpy as np
import pytest
from PIL import Image

from dpkit.readers.choice import ReadOptions, choose_rule
from dpkit.readers.folder import FolderSource
from dpkit.readers.scan import ScanOptions, scan


@pytest.mark.parametrize(
    ("archive", "beginning", "size"),
    [
        ("cifar10-images.tar.gz", "train/", (32, 32)),
        ("bccd-cells.tar.gz", "bccd-cells/", (128, 128)),
    ],
)
def test_real_photographs_decode_to_pillows_bytes(real_images, archive, beginning, size):
    root = real_images(archive, beginning, 60)
    found = scan(root, ScanOptions(), workers=2)
    assert (len(found.paths), found.bad) == (60, ())
    rule, _ = choose_rule(found, ReadOptions(), default_size=(128, 128), admits=lambda _: True)
    assert (rule.geometry.height, rule.geometry.width) == size
    source = FolderSource(root, rule)
    for path, digest, stored in zip(found.paths, found.sha256, found.sizes, strict=True):
        image = Image.open(root / path).convert("RGB")
        assert image.size == (stored[1], stored[0])
        if image.size != (size[1], size[0]):
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)  # all are square
        np.testing.assert_array_equal(source.decode(path, digest.tobytes()), np.asarray(image))
