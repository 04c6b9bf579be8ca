"""A VGG in two, and the reconstructors of the obfuscator's paper."""

import pytest
import torch

from dpkit.nets import VGG, SimRec, URec
from dpkit.nets.obfuscator import maps_shape, obfuscator_and_classifier

SIZES = {"layers": 16, "classes": 10, "in_channels": 3}


def test_maps_of_the_papers_size_are_a_quarter_of_the_image_with_128_channels():
    encoder, classifier = obfuscator_and_classifier(stacks=2, width=64, **SIZES)
    maps = encoder(torch.rand(2, 3, 32, 32))
    assert maps.shape == (2, 128, 8, 8)
    assert classifier(maps).shape == (2, 10)


@pytest.mark.parametrize("stacks", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(16, 16), (21, 40), (64, 48)])
def test_maps_have_the_announced_shape_and_can_be_classified(stacks, size):
    encoder, classifier = obfuscator_and_classifier(stacks=stacks, width=4, **SIZES)
    maps = encoder(torch.rand(2, 3, *size))
    assert maps.shape == (2, *maps_shape(stacks, 4, *size))
    assert classifier(maps).shape == (2, 10)


def test_the_two_parts_have_the_parameters_of_a_whole_vgg_under_its_names():
    encoder, classifier = obfuscator_and_classifier(stacks=2, width=4, **SIZES)
    whole = VGG(layers=16, classes=10, width=4, hidden=32, pool=1)
    whole.load_state_dict({**encoder.state_dict(), **classifier.state_dict()})
    images = torch.rand(2, 3, 32, 32)
    assert torch.allclose(
        whole.eval()(images), classifier.eval()(encoder.eval()(images)), atol=1e-6
    )


def test_weights_are_within_xaviers_bound_and_biases_are_zero():
    encoder, _ = obfuscator_and_classifier(stacks=2, width=4, **SIZES)
    first = encoder.features[0]
    bound = (6 / (3 * 9 + 4 * 9)) ** 0.5
    assert 0.8 * bound < first.weight.abs().max() <= bound
    assert not first.bias.any()


@pytest.mark.parametrize("stacks", [0, 5])
def test_a_cut_outside_of_the_network_is_refused(stacks):
    with pytest.raises(ValueError, match=f"stacks {stacks} is not within 1 to 4"):
        obfuscator_and_classifier(stacks=stacks, width=4, **SIZES)


def test_the_second_urec_is_deeper_than_the_first():
    shapes = {"in_shape": (128, 8, 8), "out_shape": (3, 32, 32)}
    first, second = (URec(depth=depth, **shapes) for depth in (1, 2))
    assert (len(first.down), len(second.down)) == (2, 3)
    with pytest.raises(ValueError, match="depth 0 is below 1"):
        URec(depth=0, **shapes)


def test_a_narrow_reconstructor_is_small():
    network = SimRec(in_shape=(8, 4, 4), out_shape=(3, 16, 16), width=4)
    assert sum(parameter.numel() for parameter in network.parameters()) < 1_000
