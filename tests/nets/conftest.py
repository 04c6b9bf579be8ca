"""One small network of each architecture, for images of 32x32."""

import pytest
import torch

from dpkit.nets import VGG, AlexNet, Bottleneck, ConvNeXt, DenseNet, ResNet, VisionTransformer

SMALL = {
    "alexnet": lambda **sizes: AlexNet(
        width=4, hidden=32, pool=3, stem="small", dropout=0.0, **sizes
    ),
    "vgg": lambda **sizes: VGG(layers=11, width=8, hidden=32, pool=1, dropout=0.0, **sizes),
    "resnet": lambda **sizes: ResNet(layers=(1, 1), width=8, stem="small", **sizes),
    "resnet-imagenet": lambda **sizes: ResNet(layers=(1, 1), width=8, stem="imagenet", **sizes),
    "bottleneck": lambda **sizes: ResNet(block=Bottleneck, layers=(1, 2), width=4, **sizes),
    "densenet": lambda **sizes: DenseNet(growth=8, layers=(2, 2, 2, 2), **sizes),
    "convnext": lambda **sizes: ConvNeXt(layers=(1, 1), widths=(16, 32), patch=2, **sizes),
    "vit": lambda **sizes: VisionTransformer(
        image_size=32, patch=8, dim=32, layers=2, heads=4, hidden=64, **sizes
    ),
}


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Two workers and torch's own threads would fight for the cores."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_seed():
    torch.manual_seed(0)


@pytest.fixture(params=SMALL)
def make_small(request):
    return SMALL[request.param]
