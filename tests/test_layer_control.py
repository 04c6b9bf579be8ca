"""A layer made for a control: fresh core, random kernels, C^ac by the provider's own functions.

Attacks on C^ac have no weaker key to be tried on: the layer is the break. Their positive control
is a layer of the release's geometry, blocks and type under a key that is drawn for it; the null is
the same layer with released values of another key.
"""

from dataclasses import replace

import numpy as np
import pytest

from dpkit.augconv import plan_augconv, shuffled, ungrouped, whole_matrix
from dpkit.leakage.attacks import ATTACKS
from dpkit.leakage.attacks.attack import Effort
from dpkit.leakage.scoring import score_images, score_views
from dpkit.types import AugConv, Geometry, block_places
from dpkit.types.adversary import AdversaryView
from tests.leakage.attacks.setting import first_conv, he, pictures

ON_THE_LAYER = ("features", "channel-order", "intersection", "one-channel", "decode")
PARAMETERS = {"blocks": "raster", "kappa": 4, "cores": "shared", "core": "gaussian"}


def control(originals, parameters, dtype, seed):
    """Return a view of fresh values and a fresh layer, for pictures [n,h,w,c]."""
    rng = np.random.default_rng(seed)
    blocks, kappa = parameters["blocks"], parameters["kappa"]
    side, channels = originals.shape[1], originals.shape[3]
    places = block_places(blocks, kappa, (channels, side, side))
    is_distinct = parameters["cores"] == "distinct"
    q = places.shape[1]
    cores = rng.standard_normal((kappa if is_distinct else 1, q, q)) / np.sqrt(q)
    layer = first_conv(he(rng, 40, channels, 3), side, padding=1)
    made = shuffled(ungrouped(layer), rng.permutation(layer.maps))
    plan = plan_augconv(made, blocks, kappa, is_distinct=is_distinct)
    inverses = np.linalg.inv(cores)
    matrices = tuple(
        whole_matrix(plan, number, inverses).astype(dtype) for number in range(len(plan.reaches))
    )
    augconv = AugConv(
        matrices, plan.matrix_of, plan.windows, made.bias, blocks, layer.input_shape,
        layer.output_shape, "control", {},
    )  # fmt: skip
    rows = np.moveaxis(originals, -1, 1).reshape(len(originals), -1) / 255
    values = np.empty_like(rows)
    for block, of_block in enumerate(places):
        values[:, of_block] = rows[:, of_block] @ cores[block % len(cores)]
    return AdversaryView(
        values.astype(dtype).reshape(-1, *layer.input_shape),
        Geometry(channels, side, side, 8),
        "morph",
        parameters,
        np.array([[1 / 255] * channels, [0.0] * channels]),
        augconv=augconv,
        first_conv=layer,
    )


def best_ssim(originals, found):
    if found.candidates is not None:
        return score_views(originals, found.candidates, 255)[0].mean
    return 0.0 if found.images is None else score_images(originals, found.images, 255)[1].mean


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("cores", ["shared", "distinct"])
@pytest.mark.parametrize("name", ON_THE_LAYER)
def test_every_attack_on_the_layer_has_power_on_a_fresh_one(name, cores, dtype):
    originals = pictures(4, 12, 3)
    view = control(originals, {**PARAMETERS, "kappa": 9, "cores": cores}, dtype, 0)
    found = ATTACKS[name].run(view, Effort(is_full=False))
    if name == "channel-order":
        assert found.figures["found"] == 1
    else:
        assert best_ssim(originals, found) > 0.7


@pytest.mark.parametrize("name", [n for n in ON_THE_LAYER if n != "channel-order"])
def test_and_none_on_values_of_another_key(name):
    originals = pictures(4, 12, 3)
    view, other = (control(originals, PARAMETERS, np.float32, seed) for seed in (0, 1))
    unrelated = replace(view, values=other.values)
    found = ATTACKS[name].run(unrelated, Effort(is_full=False))
    assert best_ssim(originals, found) < 0.5
