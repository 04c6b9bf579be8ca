"""A small real release: photographs of scikit-image, morphed by a random core."""

from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data

from dpkit.leakage.metrics import baseline_scores, score
from dpkit.leakage.summary import ReleaseFacts
from dpkit.types import Geometry
from dpkit.types.evidence import Count

SIDE, KAPPA = 32, 16


def crops(n):
    photographs = (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea())
    return np.stack(
        [photographs[i % 3][7 * i : 7 * i + SIDE, 5 * i : 5 * i + SIDE] for i in range(n)]
    )


def facts(images, **changes):
    given = {
        "release_id": "r-4f7a",
        "created": "2026-01-02",
        "tool": "dpkit 0.1.0",
        "sanitizer": "morph",
        "parameters": {"kappa": KAPPA, "core": "gaussian", "cores": "shared", "mean": [0.5, 0.5]},
        "geometry": Geometry(3, SIDE, SIDE, 8),
        "images": images,
        "treatment": ("Each block is multiplied by the core.",),
        "counts": (Count("train", "", images, 9), Count("train", "cat", images, 9)),
        "notices": ("Sizes differed.",),
    }
    return ReleaseFacts(**{**given, **changes})


@pytest.fixture(scope="session")
def release():
    """Return 40 originals, their values, scores and baselines, and the facts."""
    originals = crops(40)
    q = originals[0].size // KAPPA
    core = np.random.default_rng(3).standard_normal((q, q)) / np.sqrt(q)
    rows = np.moveaxis(originals, -1, 1).reshape(-1, q) / 255
    values = (rows @ core).astype(np.float32).reshape(40, 3, SIDE, SIDE)
    return SimpleNamespace(
        originals=originals,
        values=values,
        scores=score(originals, values, 255),
        baselines=baseline_scores(originals, 255),
        facts=facts(40),
    )
