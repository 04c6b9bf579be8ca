"""What the attacks on block mixing reach: owners found, what survives, versions, seams.

Faces are 100 crops of 24x24 of scikit-image's part of LFW, in one class; crops are the photographs
of bench/folders.py, a class each. Figures are means over three seeds of the mixing.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import skimage.data

from bench.folders import jpeg_crops
from bench.harness import Figure
from bench.owners import mixed
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.linkage import score_links
from dpkit.leakage.scoring import score_images
from dpkit.sanitizers.mix import Mix
from dpkit.types import Geometry
from dpkit.types.adversary import AdversaryView

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SEEDS = range(3)
BLOCKS = {4: 12, 16: 6, 36: 4, 144: 2}
FOUND = {(36, 1): 0.99}  # the figures to reach
VERSIONS = (2, 3, 5)


def run(_folder: Path) -> list[Figure]:
    faces = np.rint(255 * skimage.data.lfw_subset()[:100, :24, :24]).astype(np.uint8)[..., None]
    crops, classes = jpeg_crops(40, 48)
    one = np.zeros(len(faces), np.int64)
    figures = [_owners(faces, one, n, rounds) for rounds in (1, 3) for n in BLOCKS]
    figures += [_versions(faces, one, count) for count in VERSIONS]
    for name, images, labels, side in (("faces", faces, one, 6), ("crops", crops, classes, 8)):
        for attack in ("view", "donor-outlier", "jigsaw"):
            figures.append(_seams(f"{name}, blocks of {side}: {attack}", attack, images, labels,
                                  Mix(Lb=side, Wb=side)))  # fmt: skip
    return figures


def _owners(
    faces: NDArray[np.uint8], labels: NDArray[np.int64], blocks: int, rounds: int
) -> Figure:
    mix, found, standing = Mix(Lb=BLOCKS[blocks], Wb=BLOCKS[blocks], Nt=rounds), [], []
    for seed in SEEDS:
        view, truth = _view(faces, labels, mix, seed)
        found.append(score_links(ATTACKS["owner"].run(view, Effort()).links, truth))
        standing.append(ATTACKS["survivors"].run(view, Effort()).figures["survives"])
    low = [f.tpr_1.value for f in found if f.tpr_1]
    return Figure(
        "audit-mixing", f"owner of {blocks} blocks, N_t {rounds}",
        float(np.mean([f.top1.value for f in found])), "found", FOUND.get((blocks, rounds)),
        detail=f"TPR at 1 % FPR {np.mean(low):.2f}; of all blocks {np.mean(standing):.2f} survive",
    )  # fmt: skip


def _versions(faces: NDArray[np.uint8], labels: NDArray[np.int64], count: int) -> Figure:
    mix, scores = Mix(Lb=4, Wb=4), []
    for seed in SEEDS:
        view, _ = _view(faces, labels, mix, seed, copies=count - 1)
        images = ATTACKS["versions"].run(view, Effort()).images
        scores.append((images == faces).reshape(len(faces), 6, 4, 6, 4).all(axis=(2, 4)).mean())
    return Figure(
        "audit-mixing", f"{count} versions, 36 blocks", float(np.mean(scores)), "own blocks"
    )


def _seams(
    case: str, attack: str, images: NDArray[np.uint8], labels: NDArray[np.int64], mix: Mix
) -> Figure:
    scores, seconds = [], []
    for seed in SEEDS:
        view, _ = _view(images, labels, mix, seed)
        found = ATTACKS[attack].run(view, Effort())
        psnr, ssim = score_images(images, found.images, 255)
        scores.append((ssim.mean, ssim.worst, psnr.mean))
        seconds.append(found.seconds)
    mean, worst, decibels = np.mean(scores, axis=0)
    return Figure(
        "audit-mixing", case, float(mean), "SSIM",
        detail=f"worst {worst:.2f}; {decibels:.1f} dB; {np.mean(seconds):.1f} s",
    )  # fmt: skip


def _view(
    images: NDArray[np.uint8], labels: NDArray[np.int64], mix: Mix, seed: int, copies: int = 0
) -> tuple[AdversaryView, NDArray[np.int64]]:
    """Return what an adversary with a shuffled gallery holds, and each row's place in it."""
    order = np.random.default_rng(seed).permutation(len(images))
    values = [mixed(images, labels, mix, bytes([seed, copy] * 16)) for copy in range(copies + 1)]
    _, height, width, channels = images.shape
    view = AdversaryView(
        values[0],
        Geometry(channels, height, width, 8),
        "mix",
        asdict(mix),
        np.array([[1 / 255] * channels, [0.0] * channels]),
        labels=labels,
        gallery=images[order],
        versions=tuple(values[1:]),
    )
    return view, np.argsort(order)
