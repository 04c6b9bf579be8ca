"""What holds pixels or weights does not show them: a log may print any object."""

import numpy as np
import pytest
import torch

from dpkit.leakage.attacks.examples import Examples
from dpkit.sweep.attackers import Encoded
from dpkit.training.loop import Batch
from dpkit.types import ImageBatch
from dpkit.types.adversary import KnownPairs, PublicImages
from dpkit.types.supply import Supply, Weights

PIXELS = np.full((1, 2, 2, 1), 177, np.uint8)
FLOATS = np.full((1, 1, 2, 2), 177.0, np.float32)
IDS = np.zeros(1, "S26")


@pytest.mark.parametrize(
    "holder",
    [
        ImageBatch(PIXELS, np.array([177]), IDS, IDS),
        PublicImages(PIXELS, "same"),
        KnownPairs(PIXELS, FLOATS),
        Examples(FLOATS, FLOATS, FLOATS),
        Encoded(PIXELS, FLOATS),
        Batch(torch.from_numpy(FLOATS), torch.tensor([177]), 0, 0),
        Weights({"layer": FLOATS}, ""),
        Supply(Weights({"layer": FLOATS}, "")),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_neither_pixels_nor_weights_are_shown(holder):
    assert "177" not in repr(holder)
