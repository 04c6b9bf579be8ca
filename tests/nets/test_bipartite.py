"""A bipartite network is one network, cut at the split point."""

import pytest
import torch

from dpkit.nets.bipartite import BIPARTITE, SPLITS, cnn, mlp, vgg19

SHAPES = {"mlp": (1, 28, 28), "cnn": (3, 28, 20), "vgg19": (3, 32, 32)}
ALL_SPLITS = [(name, split) for name, most in SPLITS.items() for split in range(1, most + 1)]


def small(name, split, **sizes):
    return BIPARTITE[name](shape=SHAPES[name], classes=5, split=split, width=4, **sizes)


@pytest.mark.parametrize(("name", "split"), ALL_SPLITS)
def test_every_split_point_gives_maps_and_then_logits(name, split):
    network = small(name, split).eval()
    values = network.local(torch.rand(3, *SHAPES[name]))
    assert values.ndim == 4
    assert network.remote(values).shape == (3, 5)


@pytest.mark.parametrize("name", BIPARTITE)
def test_the_split_point_changes_nothing_but_where_the_network_is_cut(name):
    images = torch.rand(2, *SHAPES[name])
    answers = []
    for split in range(1, SPLITS[name] + 1):
        torch.manual_seed(0)
        answers.append(small(name, split).eval()(images))
    assert all(torch.equal(answer, answers[0]) for answer in answers)


def test_the_perceptron_releases_values_without_a_place():
    assert mlp(shape=(1, 28, 28), classes=10).local(torch.rand(2, 1, 28, 28)).shape == (
        2,
        512,
        1,
        1,
    )


@pytest.mark.parametrize(
    ("split", "shape"), [(1, (64, 16, 16)), (2, (128, 8, 8)), (3, (256, 4, 4)), (5, (512, 1, 1))]
)
def test_vgg19_is_split_after_its_poolings(split, shape):
    with torch.device("meta"):
        network = vgg19(shape=(3, 32, 32), classes=10, split=split)
        assert network.local(torch.empty(2, 3, 32, 32)).shape == (2, *shape)


def test_vgg19_has_nineteen_layers_with_weights():
    with torch.device("meta"):
        network = vgg19(shape=(3, 224, 224), classes=10)
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 19


def test_pooling_leaves_a_place_of_the_smallest_images():
    assert cnn(shape=(1, 4, 12), classes=2, split=4).local(torch.rand(1, 1, 4, 12)).shape[2:] == (
        1,
        1,
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mlp(shape=(1, 8, 8), classes=2, split=4), "split 4 is not within 1 to 3"),
        (lambda: mlp(shape=(1, 8, 8), classes=2, split=0), "split 0 is not within 1 to 3"),
        (lambda: cnn(shape=(1, 8, 8), classes=0), "classes 0 is below 1"),
        (lambda: vgg19(shape=(3, 32, 31), classes=2), "a side of 31 is below 32"),
    ],
)
def test_impossible_networks_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
