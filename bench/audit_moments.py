"""What morphed crops lose to the moments of other photographs: second-order and chained.

Originals are crops of astronaut, chelsea and coffee at full resolution, 32x32; the adversary has
12,000 crops of rocket, motorcycle, retina and immunohistochemistry. Each seed has crops and a key
of its own. Scored are 100 images, or their mirror images, whichever are nearer as a set. Takes
many minutes: one of the long benches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import skimage.data
import torch
from PIL import Image
from threadpoolctl import threadpool_limits

from bench.harness import Figure
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.metrics import score
from dpkit.sanitizers.morph import Morph
from dpkit.types import Geometry, ImageBatch, Secret
from dpkit.types.adversary import AdversaryView, PublicImages

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.types.adversary import Reconstruction

SIDE, WANTED, PUBLIC_CROPS = 32, 100, 12_000
SEEDS = (20, 21, 22)  # no constant was tuned on them
SECONDS = 3600.0
PRIVATE = ("astronaut", "chelsea", "coffee")
PUBLIC = ("rocket", "stereo_motorcycle", "retina", "immunohistochemistry")
CASES: Final = (  # attack, channels, q, private crops, SSIM to reach
    ("second-order", 1, 32, 4000, 0.93),
    ("second-order", 1, 32, 200, 0.66),
    ("second-order", 3, 96, 4000, 0.93),
    ("second-order", 3, 192, 4000, 0.80),
    ("chained", 1, 32, 1000, 0.60),
    ("chained", 1, 32, 20_000, 0.83),
)


def run(folder: Path) -> list[Figure]:  # noqa: ARG001 (it draws nothing)
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        return [_figure(*case) for case in CASES]


def _figure(attack: str, channels: int, q: int, images: int, least: float) -> Figure:
    found = [_attacked(attack, channels, q, images, seed) for seed in SEEDS]
    values = [ssim for ssim, _ in found]
    return Figure(
        "audit-moments",
        f"{attack}, {'grey' if channels == 1 else 'RGB'}, q {q}, {images} images, worst of 3",
        min(values),
        "SSIM",
        least,
        detail=f"{', '.join(f'{v:.3f}' for v in values)}; {max(s for _, s in found):.0f} s CPU",
    )


def _attacked(attack: str, channels: int, q: int, images: int, seed: int) -> tuple[float, float]:
    originals = crops(PRIVATE, images, channels, seed)
    public = PublicImages(crops(PUBLIC, PUBLIC_CROPS, channels, 100 + seed), "other")
    cores = "shared" if attack == "second-order" else "distinct"
    scheme = Morph(kappa=originals[0].size // q, cores=cores)
    view = _view(originals, public, scheme, Secret(bytes([seed]) * 32))
    found = ATTACKS[attack].run(view, Effort(seconds=SECONDS, seed=seed))
    return _ssim(originals[:WANTED], found), found.seconds


def crops(names: tuple[str, ...], images: int, channels: int, seed: int) -> NDArray[np.uint8]:
    """Return crops of photographs at full resolution, u8 [n,32,32,channels]."""
    rng = np.random.default_rng(seed)
    whole = [_photograph(name, channels) for name in names]
    found = np.empty((images, SIDE, SIDE, channels), np.uint8)
    for i in range(images):
        picture = whole[i % len(whole)]
        y, x = rng.integers(0, np.array(picture.shape[:2]) - SIDE + 1)
        found[i] = picture[y : y + SIDE, x : x + SIDE]
    return found


def _photograph(name: str, channels: int) -> NDArray[np.uint8]:
    found: Any = getattr(skimage.data, name)()
    colour = Image.fromarray(found[0] if isinstance(found, tuple) else found)
    picture = np.asarray(colour.convert("L" if channels == 1 else "RGB"))
    return picture.reshape(*picture.shape[:2], channels)


def _view(
    originals: NDArray[np.uint8], public: PublicImages, scheme: Morph, secret: Secret
) -> AdversaryView:
    count, height, width, channels = originals.shape
    geometry, names = Geometry(channels, height, width, 8), np.full(count, b"-" * 26)
    batch = ImageBatch(originals, np.zeros(count, np.int64), names, names)
    return AdversaryView(
        scheme.apply(batch, scheme.fit(geometry, secret), geometry).values,
        geometry,
        "morph",
        {
            "kappa": scheme.kappa,
            "blocks": scheme.blocks,
            "cores": scheme.cores,
            "core": scheme.core,
        },
        np.array([[1 / 255] * channels, [0.0] * channels]),
        wanted=WANTED,
        public=public,
    )


def _ssim(originals: NDArray[np.uint8], found: Reconstruction) -> float:
    """Return the mean SSIM of all images, or of all their mirror images."""
    if found.images is None:
        return 0.0
    images = np.moveaxis(found.images, -1, 1).astype(np.float32)
    either = (score(originals, i, 255, stretch=False)["ssim"] for i in (images, images[..., ::-1]))
    return max(float(ssim.mean()) for ssim in either)
