"""Feature maps of photographs under a small network that the adversary can ask, or knows."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from dpkit.types import Geometry
from dpkit.types.adversary import AdversaryView, PublicImages
from tests.leakage.attacks.setting import pictures

SIDE, PAIRS, WANTED = 16, 96, 8


@cache
def crops():
    return pictures(PAIRS + WANTED, SIDE, 3)


def halved():
    """Return a treatment that nobody should call a protection: each 2x2 pixels become one."""
    return nn.AvgPool2d(2)


def stage():
    """Return the first stage of a network, its weights drawn: [n,3,16,16] to [n,16,8,8]."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))


def released(encoder, images):
    with torch.no_grad():
        rows = torch.from_numpy(np.moveaxis(images, -1, 1) / np.float32(255))
        return encoder(rows).numpy().astype(np.float16)


def handed(encoder, *, seed=0, unrelated=False):
    """Return originals and a view with pairs and no encoder; or with targets of other pictures."""
    rng = np.random.default_rng(seed)
    every = crops()[rng.permutation(PAIRS + WANTED)]
    own, originals = every[WANTED:], every[:WANTED]
    values = released(encoder, every)
    if unrelated:
        values = rng.permutation(values)
    public = PublicImages(own, "same", values=values[WANTED:])
    view = AdversaryView(
        values[:WANTED],
        Geometry(3, SIDE, SIDE, 8),
        "hold",
        {},
        np.array([[1 / 255] * 3, [0.0] * 3]),
        public=public,
    )
    return SimpleNamespace(originals=originals, view=view)


def decibels(originals, images):
    errors = ((images - originals) ** 2).mean(axis=(1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / errors)))


def mean_guess(handed_over):
    """Return what the mean of the adversary's own pictures is worth, in decibels."""
    mean = handed_over.view.public.pixels.mean(axis=0, keepdims=True)
    return decibels(handed_over.originals, mean)
