"""Faces are counted where they can be found, and nowhere else."""

import numpy as np
import pytest
import torch
from skimage.data import lfw_subset

from dpkit.leakage.faces import are_available
from dpkit.sweep import shown_faces
from dpkit.sweep.shown_faces import original_faces


def noise(side):
    return torch.rand((3, 1, side, side), generator=torch.Generator().manual_seed(0))


def test_pictures_that_are_too_small_are_not_looked_at():
    assert original_faces(noise(15)) is None


def test_without_the_extra_nothing_is_counted(monkeypatch):
    monkeypatch.setattr(shown_faces, "are_available", lambda: False)
    assert original_faces(noise(25)) is None


@pytest.mark.slow
@pytest.mark.skipif(not are_available(), reason="needs the extra faces")
def test_faces_are_found_in_pictures_of_them_and_none_in_noise_or_where_originals_have_none():
    truth = torch.from_numpy(lfw_subset()[:6].astype(np.float32))[:, None]
    found = original_faces(truth)
    assert found.share > 0.8
    assert found.shown(truth.clone()) == found.share
    assert found.shown(noise(25)) == 0
    assert original_faces(noise(25)) is None
