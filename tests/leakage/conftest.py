"""Two small releases: photographs of scikit-image, morphed by a random core, and block mixed."""

from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data

from dpkit.leakage.metrics import baseline_scores, score
from dpkit.leakage.summary import ReleaseFacts
from dpkit.types import Geometry
from dpkit.types.evidence import Count

SIDE, KAPPA = 32, 16
MIX = {
    "Lb": 8,
    "Wb": 8,
    "Ns": 3,
    "Nt": 1,
    "p_replace": 0.5,
    "min_pool": 20,
    "mix_parts": "all",
}


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


def mixed(originals, rng):
    """Mix by the rule of the paper, one block after the other: [n,h,w,c] to u8 [n,c,h,w]."""
    values = originals.copy()
    for i in range(len(values)):
        donors = rng.choice(np.delete(np.arange(len(values)), i), MIX["Ns"], replace=False)
        for y in range(0, SIDE, MIX["Lb"]):
            for x in range(0, SIDE, MIX["Wb"]):
                if rng.random() < MIX["p_replace"]:
                    place = np.s_[y : y + MIX["Lb"], x : x + MIX["Wb"]]
                    values[i][place] = originals[rng.choice(donors)][place]
    return np.ascontiguousarray(np.moveaxis(values, -1, 1))


@pytest.fixture(scope="session")
def mix_release():
    """Return 40 originals, their mixed values u8, scores and baselines, and the facts."""
    originals = crops(40)
    values = mixed(originals, np.random.default_rng(4))
    return SimpleNamespace(
        originals=originals,
        values=values,
        scores=score(originals, values, 255),
        baselines=baseline_scores(originals, 255, dtype="uint8"),
        facts=facts(40, sanitizer="mix", parameters=MIX, treatment=("Blocks are replaced.",)),
    )
