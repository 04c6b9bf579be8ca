"""Impossible sizes are refused by name, with the value and the limit."""

import pytest
import torch

from dpkit.nets import VGG, AlexNet, ConvNeXt, DenseNet, ResNet, VisionTransformer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AlexNet(width=0), "width 0 is below 1"),
        (lambda: AlexNet(stem="large"), "stem 'large' is not one of imagenet, small"),
        (lambda: VGG(layers=12), "VGG of 12 layers is not one of 11, 13, 16, 19"),
        (lambda: VGG(classes=0), "classes 0 is below 1"),
        (lambda: VGG(pool=0), "pool 0 is below 1"),
        (lambda: VGG(dropout=1.0), "dropout 1.0 is not within 0 to 1"),
        (lambda: ResNet(layers=()), "0 stages are not within 1 to 4"),
        (lambda: ResNet(layers=(1, 1, 1, 1, 1)), "5 stages are not within 1 to 4"),
        (lambda: ResNet(layers=(1, 0)), "layers of stage 2 0 is below 1"),
        (lambda: ResNet(width=-1), "width -1 is below 1"),
        (lambda: ResNet(stem="large"), "stem 'large' is not one of imagenet, small"),
        (lambda: DenseNet(growth=0), "growth 0 is below 1"),
        (lambda: DenseNet(layers=()), "blocks 0 is below 1"),
        (lambda: ConvNeXt(layers=(1, 1)), "2 stages have 4 widths"),
        (lambda: ConvNeXt(patch=0), "patch 0 is below 1"),
        (lambda: VisionTransformer(patch=15), "patch 15 does not divide image_size 224"),
        (lambda: VisionTransformer(heads=7), "heads 7 does not divide dim 768"),
        (lambda: VisionTransformer(dropout=-0.1), "dropout -0.1 is not within 0 to 1"),
    ],
)
def test_that_are_impossible_are_refused(make, message):
    with torch.device("meta"), pytest.raises(ValueError, match=f"^{message}"):
        make()


def test_an_image_of_another_size_than_the_positions_is_refused():
    network = VisionTransformer(image_size=32, patch=8, dim=8, layers=1, heads=1, hidden=8)
    with pytest.raises(ValueError, match="images of 32x16 are not of side 32"):
        network(torch.zeros(1, 3, 32, 16))


@pytest.mark.parametrize("layers", [(1,), (1, 1), (1, 1, 1, 1)])
def test_a_residual_network_has_as_many_stages_as_it_is_given(layers):
    network = ResNet(layers=layers, width=4, stem="small", classes=2)
    assert network.fc.in_features == 4 * 2 ** (len(layers) - 1)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 2)
