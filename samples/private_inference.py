"""Ask a developer about images that the developer never sees: encode here, answer there.

    python samples/private_inference.py encode release scans --keystore K.dpks --key-file F.key
    python samples/private_inference.py answer release maps.npz

The provider needs the keystore and the key file; the developer needs the release alone, made with
`--with-remote`. Only `maps.npz` travels, and it is as safe as the release is: no safer.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dpkit import DpkitError, Keystore, Release, Sanitize
from dpkit.developer import remote_part
from dpkit.keystore.unlock import Unlock

if TYPE_CHECKING:
    from numpy.typing import NDArray


def encode(given: argparse.Namespace) -> None:
    """Encode a folder of images under the release's key, at its size."""
    store = Keystore.open(given.keystore, Unlock(key_file=given.key_file))
    sanitize = Sanitize.like(given.release, store)
    files = sorted(path for path in given.images.rglob("*") if path.is_file())
    if not files:
        raise SystemExit(f"{given.images} is no folder with files; give a folder of images")
    pixels = np.stack([_read(sanitize, file) for file in files])
    np.savez(given.out, maps=sanitize(pixels))
    print(f"{len(files)} images encoded into {given.out}; answers come in this order:")
    print("\n".join(str(file) for file in files))


def _read(sanitize: Sanitize, file: Path) -> NDArray[Any]:
    try:
        return sanitize.read(file)
    except DpkitError as error:
        raise SystemExit(f"{file}: {error}") from None


@torch.no_grad()
def answer(given: argparse.Namespace) -> None:
    """Say the class of each encoded image."""
    names = {c.index: c.name for c in Release.open(given.release, verify="quick").manifest.classes}
    classes = [names[index] for index in sorted(names)]
    with np.load(given.maps, allow_pickle=False) as file:
        maps = torch.from_numpy(file["maps"].astype(np.float32))
    for row in remote_part(given.release)(maps).softmax(dim=1):
        print(f"{classes[int(row.argmax())]}  {float(row.max()):.2f}")


def main() -> None:
    """Encode or answer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(required=True)
    encoding = steps.add_parser("encode")
    encoding.add_argument("release", type=Path)
    encoding.add_argument("images", type=Path)
    encoding.add_argument("--keystore", type=Path, required=True)
    encoding.add_argument("--key-file", type=Path, required=True)
    encoding.add_argument("--out", "-o", type=Path, default=Path("maps.npz"))
    encoding.set_defaults(run=encode)
    answering = steps.add_parser("answer")
    answering.add_argument("release", type=Path)
    answering.add_argument("maps", type=Path)
    answering.set_defaults(run=answer)
    given = parser.parse_args()
    try:
        given.run(given)
    except (DpkitError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
