"""Faces that come with scikit-image, and whether the extra `faces` is there to find them."""

import numpy as np
import pytest
import skimage.data
from PIL import Image

from dpkit.leakage.faces import are_available

needs_faces = pytest.mark.skipif(not are_available(), reason="the extra faces is not installed")


def crops(count=100, *, first=0, side=25):
    """Return pictures of LFW's subset, u8 [count,side,side,1]: the first 100 are faces."""
    pixels = (skimage.data.lfw_subset()[first : first + count] * 255).astype(np.uint8)
    pictures = [Image.fromarray(one).resize((side, side), Image.BICUBIC) for one in pixels]
    return np.stack([np.asarray(one) for one in pictures])[..., np.newaxis]
