"""What a manifest says that can learn from the values."""

import pytest

from dpkit.errors import IntegrityError
from dpkit.release.training import read_training

from .conftest import TRAINING


def test_the_training_block_is_typed():
    training = read_training(TRAINING)
    assert training.first_layer.tokens == 16
    assert training.mean == (0.0, 0.1, -0.1)
    assert read_training({**TRAINING, "first_layer": None}).first_layer is None


def test_the_first_layer_says_how_blocks_are_cut_and_older_releases_need_not():
    layer = {"kind": "block_linear", "tokens": 16, "block": 9, "cores": 1}
    assert read_training({**TRAINING, "first_layer": layer}).first_layer.blocks == "raster"
    patches = {**layer, "blocks": "patch"}
    assert read_training({**TRAINING, "first_layer": patches}).first_layer.blocks == "patch"


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": ["0"]},
        {"mean": [0.0] * 4},
        {"convolutions_learn": "no"},
        {"first_layer": {"kind": "other", "tokens": 1, "block": 1, "cores": 1}},
        {"first_layer": {**TRAINING["first_layer"], "blocks": "spiral"}},
        {"first_layer": {"kind": "block_linear", "tokens": 0, "block": 1, "cores": 1}},
        {"more": 1},
    ],
)
def test_a_wrong_training_block_is_refused(wrong):
    with pytest.raises(IntegrityError, match="training"):
        read_training({**TRAINING, **wrong})
