"""Reconstructors trained against a frozen encoder, and what each is worth beside a guess.

The brute-force evaluation of the learnable obfuscator's paper (Table 3): whoever can ask the
encoder trains reconstructors of every kind on pictures of its own, and the best one counts. Each is
trained as every learned attack of the suite (`leakage.fitting`): three learning rates, the best
to convergence or to the end of its time. A kind that does not beat the mean image
learned nothing, and says nothing about the encoder: it is too weak to count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dpkit.kernels.ssim import ssim_mse_unstretched
from dpkit.leakage.attacks import learned, ridge_maps
from dpkit.leakage.attacks.attack import OutOfBudgetError
from dpkit.sweep.perceived import perceived, spaced
from dpkit.types.adversary import AdversaryView, PublicImages

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from dpkit.leakage.attacks.attack import Effort
    from dpkit.sweep.shown_faces import OriginalFaces
    from dpkit.types import Geometry, Json

LINEAR: Final = "ridge"
PAPERS: Final = ("simrec", "urec1", "urec2", "resrec")
GENERAL: Final = ("unet", "mlp", LINEAR)
TINY: Final = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Pictures u8 or u16 [n,h,w,c] and what an encoder made of them [n,c',h',w']."""

    pixels: NDArray[Any] = field(repr=False)
    values: NDArray[Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Quality:
    """Mean PSNR in decibels and mean SSIM of pictures beside their originals."""

    psnr: float
    ssim: float

    def to_json(self) -> dict[str, Json]:
        """Return both by name."""
        return {"psnr": self.psnr, "ssim": self.ssim}


@dataclass(frozen=True, slots=True, eq=False)
class Exam:
    """What an attacker learns from, and what it is scored on: targets' pixels are for that alone.

    Parameters
    ----------
    faces
        Those of the targets, where any are found.
    """

    pairs: Encoded
    targets: Encoded
    geometry: Geometry
    faces: OriginalFaces | None = None


def shown(pixels: NDArray[Any], peak: int) -> Tensor:
    """Return some pictures [n,h,w,c] of grey levels as they are shown, [k,c,h,w], 0 to 1."""
    seen = pixels[spaced(len(pixels))]
    levels = np.clip(seen / np.float64(peak), 0, 1).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(levels, -1, 1)))


def attacked(kind: str, exam: Exam, effort: Effort) -> dict[str, Json]:
    """Train one reconstructor on pairs and score what it makes of the targets.

    A training that ended before its first step scores nothing: `psnr` and all else are None.
    """
    pairs, targets, geometry = exam.pairs, exam.targets, exam.geometry
    view = AdversaryView(
        values=targets.values,
        geometry=geometry,
        sanitizer="obfuscate",
        parameters={},
        affine=np.array([[1.0] * geometry.channels, [0.0] * geometry.channels]),
        public=PublicImages(pairs.pixels, "same", None, pairs.values),
    )
    try:
        run = ridge_maps.run if kind == LINEAR else None
        found = run(view, effort) if run else learned.reconstructed(kind, view, effort)
    except OutOfBudgetError as error:
        return dict.fromkeys(("psnr", "ssim", "perceptual", "faces"), None) | {"said": str(error)}
    images = np.asarray(found.images)
    pictures = shown(images, geometry.peak)
    return {
        **found.figures,
        **quality(targets.pixels, images, geometry.peak).to_json(),
        "perceptual": perceived(pictures, shown(targets.pixels, geometry.peak)),
        "faces": exam.faces.shown(pictures) if exam.faces else None,
        "faces of originals": exam.faces.share if exam.faces else None,
        "said": found.sentence,
    }


def quality(originals: NDArray[Any], images: NDArray[Any], peak: int) -> Quality:
    """Score images [n,h,w,c] in grey levels as they are, without any fit."""
    values = np.moveaxis(images, -1, 1)
    ssim, mse = ssim_mse_unstretched(originals, np.ascontiguousarray(values), peak)
    decibels = 10 * np.log10(peak**2 / np.maximum(mse, TINY * peak**2))
    return Quality(float(decibels.mean()), float(ssim.mean()))


def guesses(known: NDArray[Any], targets: NDArray[Any], peak: int) -> dict[str, Quality]:
    """Return what no encoder is needed for: one colour, and the mean picture, of known pixels."""
    mean = known.mean(axis=0, dtype=np.float64)
    pictures = {"constant image": mean.mean(axis=(0, 1)), "mean image": mean}
    return {
        name: quality(targets, np.broadcast_to(picture, targets.shape), peak)
        for name, picture in pictures.items()
    }
