"""`Partition`: what its parameters may be, what it releases, what its training keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dpkit.errors import DpkitError, UsageError
from dpkit.nets.bipartite import BIPARTITE, WIDTHS
from dpkit.nets.bipartite import SPLITS as STAGES
from dpkit.sanitizers.partition import SPLITS, Partition
from dpkit.types import Geometry, Secret
from dpkit.types.supply import Supply
from dpkit.types.voice import Voice
from tests.contract import a_batch
from tests.supplies import KeptCheckpoints, LabelledImages, striped

GEOMETRY = Geometry(1, 8, 8, 8)
SEED = Secret(bytes(range(32)))


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def small(**other):
    chosen = {"network": "mlp", "split_point": 2, "width": 2, "defenders": 2, "epochs": 4}
    return Partition(**chosen | other)


def supplied(n=48, **other):
    return Supply(images=striped(GEOMETRY, n), **other)


def equal(one, two):
    assert one.names() == two.names()
    return all(np.array_equal(one.array(name), two.array(name)) for name in one.names())


@pytest.mark.parametrize("network", BIPARTITE)
@pytest.mark.parametrize("split", [1, 2, 3])
def test_the_announced_shape_is_that_of_the_networks_own_values(network, split):
    geometry = Geometry(3, 32, 48, 8)
    made = BIPARTITE[network](shape=(3, 32, 48), classes=2, split=split, width=4).eval()
    expected = made.local(torch.zeros(1, 3, 32, 48)).shape[1:]
    assert Partition(network=network, split_point=split, width=4).values_shape(geometry) == expected


def test_the_sanitizer_knows_the_networks_split_points():
    assert SPLITS == STAGES
    assert SPLITS.keys() == WIDTHS.keys() == BIPARTITE.keys()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"network": "vgg16"}, "--network 'vgg16' is not one of"),
        ({"network": "mlp", "split_point": 4}, "--split-point 4 is not within 1 to 3"),
        ({"network": "vgg19", "split_point": 0}, "--split-point 0 is not within 1 to 5"),
        ({"defenders": 5}, "--defenders 5 is not within 0 to 4"),
        ({"lambda_": -1.0}, "--lambda -1 is not within 0 to"),
        ({"lambda_": float("nan")}, "--lambda nan is not within 0 to"),
        ({"epochs": 0}, "--epochs 0 is not within 1 to"),
        ({"width": 2000}, "--width 2000 is not within 0 to 1024"),
    ],
)
def test_parameters_outside_their_range_are_refused(given, message):
    with pytest.raises(UsageError, match=message):
        Partition(**given)


def test_images_too_small_for_the_network_are_refused():
    with pytest.raises(UsageError, match="a side of 8 pixels is below 32"):
        Partition(network="vgg19").check(GEOMETRY)


def test_images_without_structure_are_refused_for_ssim():
    with pytest.raises(UsageError, match="SSIM needs 3 pixels a side, and these images have 2"):
        small(distance="ssim").check(Geometry(1, 2, 8, 8))


def test_without_labelled_images_nothing_is_trained():
    with pytest.raises(UsageError, match="labelled images, and there are none at hand"):
        small().fit(GEOMETRY, SEED)


def test_one_class_cannot_be_told_from_itself():
    images = striped(GEOMETRY)
    images.labels[:] = 0
    with pytest.raises(UsageError, match="there must be 2 or more"):
        small().completed(GEOMETRY, Supply(images=images))


def test_the_test_part_is_never_looked_at():
    images = striped(GEOMETRY, 40, ("train",) * 24 + ("validation",) * 8 + ("test",) * 8)
    small().fit(GEOMETRY, SEED, Supply(images=images))
    assert set(images.asked) == set(range(32))


def test_the_key_holds_both_parts_and_the_curve():
    key = small().fit(GEOMETRY, SEED, supplied())
    parts = {name.split("/")[0] for name in key.names()}
    assert parts == {"local", "remote", "curve", "kept"}
    assert key.array("curve").shape == (4, 5)
    assert np.isfinite(key.array("curve")).all()


def test_a_training_that_was_killed_ends_as_if_it_had_not_been():
    """It is stopped once in the middle of an epoch, and once between two."""

    class Stopping:
        def __init__(self, steps):
            self.left = steps

        def __call__(self):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    whole = small().fit(GEOMETRY, SEED, supplied(200))
    checkpoints = KeptCheckpoints()
    for steps in (2, 4):
        stopped = supplied(200, checkpoints=checkpoints, voice=Voice(safe_point=Stopping(steps)))
        with pytest.raises(KeyboardInterrupt):
            small().fit(GEOMETRY, SEED, stopped)
    resumed = small().fit(GEOMETRY, SEED, supplied(200, checkpoints=checkpoints))
    assert equal(resumed, whole)


def test_without_lambda_the_defenders_change_nothing():
    none = small(defenders=0, lambda_=70.0).fit(GEOMETRY, SEED, supplied())
    unweighed = small(defenders=2, lambda_=0.0).fit(GEOMETRY, SEED, supplied())
    assert equal(none, unweighed)
    assert not equal(none, small(lambda_=70.0).fit(GEOMETRY, SEED, supplied()))


def blended(n=160):
    """Images that are blends of two waves: the label is in one share, the other is the secret."""
    rng = np.random.default_rng(0)
    shares = rng.uniform(size=(n, 2, 1, 1, 1))
    down, across = np.mgrid[:8, :8] / 8
    waves = np.stack([np.sin(6.28 * down), np.sin(6.28 * across)])[None, ..., None]
    pixels = np.rint(127 + 60 * (shares * waves).sum(axis=1)).astype(np.uint8)
    labels = (shares[:, 0, 0, 0, 0] > 0.5).astype(np.int64)
    return LabelledImages(pixels, labels, ("train",) * n, np.arange(n))


@pytest.mark.parametrize(("distance", "strength"), [("mse", 100.0), ("ssim", 5.0)])
@pytest.mark.slow
def test_the_distance_of_the_best_defender_grows_with_lambda(distance, strength):
    reached = []
    for weight in (1e-6, strength):
        sanitizer = small(split_point=1, lambda_=weight, distance=distance, epochs=60)
        curve = sanitizer.fit(GEOMETRY, SEED, Supply(images=blended())).array("curve")
        reached.append(curve[-1, 4])
    assert reached[1] > 1.2 * reached[0]


def test_maps_beyond_the_released_type_end_the_fit_before_anything_is_written(monkeypatch):
    train = Partition.train

    def exploded(self, *given):
        made, weights = train(self, *given)
        return made, {name: 1e5 * array for name, array in weights.items()}

    monkeypatch.setattr(Partition, "train", exploded)
    with pytest.raises(DpkitError, match="use --dtype float32"):
        small(epochs=1).fit(GEOMETRY, SEED, supplied())
    small(epochs=1, dtype="float32").fit(GEOMETRY, SEED, supplied())


def test_the_network_learns_its_task():
    curve = small(lambda_=0.0, width=8, epochs=20).fit(GEOMETRY, SEED, supplied(240)).array("curve")
    assert curve[:, 3].max() > 0.9


def test_the_encoder_makes_what_is_released_and_can_be_differentiated():
    sanitizer = small(network="cnn", dtype="float32")
    key = sanitizer.fit(GEOMETRY, SEED, supplied())
    batch = a_batch(GEOMETRY)
    images = torch.from_numpy(np.moveaxis(batch.pixels, -1, 1) / np.float32(255)).requires_grad_()
    made = sanitizer.encoder(key, GEOMETRY)(images)
    made.sum().backward()
    values = sanitizer.apply(batch, key, GEOMETRY).values
    assert np.allclose(values, made.detach().numpy(), atol=1e-5)
    assert images.grad.abs().sum() > 0


def test_a_perceptrons_values_have_no_place_and_maps_have():
    assert small().training(GEOMETRY)["convolutions_learn"] is False
    assert small(network="cnn").training(GEOMETRY)["convolutions_learn"] is True


def test_a_network_that_is_not_defended_is_said_to_be_so():
    assert "nothing is defended" in small(lambda_=0.0).notices(GEOMETRY)[0]
    assert "nothing is defended" in small(defenders=0).describe(GEOMETRY)[-1]
