"""Each architecture has the published number of parameters and torchvision's names."""

import pytest
import torch

from dpkit.nets import CLASSIFIERS

PARAMETERS = {
    "alexnet": 61_100_840,
    "vgg11_bn": 132_868_840,
    "vgg13_bn": 133_053_736,
    "vgg16_bn": 138_365_992,
    "vgg19_bn": 143_678_248,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "densenet121": 7_978_856,
    "convnext_tiny": 28_589_128,
    "vit_b_16": 86_567_656,
}
FIRST_LAYERS = {
    "alexnet": ("features.0", (64, 3, 11, 11)),
    "vgg16_bn": ("features.0", (64, 3, 3, 3)),
    "resnet18": ("conv1", (64, 3, 7, 7)),
    "resnet50": ("conv1", (64, 3, 7, 7)),
    "densenet121": ("features.conv0", (64, 3, 7, 7)),
    "convnext_tiny": ("features.0.0", (96, 3, 4, 4)),
    "vit_b_16": ("conv_proj", (768, 3, 16, 16)),
}
STATE = {
    "alexnet": {
        "features.3.weight": (192, 64, 5, 5),
        "features.6.bias": (384,),
        "features.10.weight": (256, 256, 3, 3),
        "classifier.1.weight": (4096, 9216),
        "classifier.6.bias": (1000,),
    },
    "vgg16_bn": {
        "features.41.running_mean": (512,),
        "features.40.bias": (512,),
        "classifier.0.weight": (4096, 25088),
        "classifier.6.bias": (1000,),
    },
    "resnet18": {
        "bn1.num_batches_tracked": (),
        "layer1.1.conv2.weight": (64, 64, 3, 3),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.running_var": (128,),
        "fc.weight": (1000, 512),
    },
    "resnet50": {
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer3.5.conv3.weight": (1024, 256, 1, 1),
        "layer4.2.bn3.weight": (2048,),
    },
    "densenet121": {
        "features.norm0.weight": (64,),
        "features.denseblock1.denselayer6.conv2.weight": (32, 128, 3, 3),
        "features.denseblock4.denselayer16.norm1.bias": (992,),
        "features.transition3.conv.weight": (512, 1024, 1, 1),
        "features.norm5.running_mean": (1024,),
        "classifier.weight": (1000, 1024),
    },
    "convnext_tiny": {
        "features.0.1.weight": (96,),
        "features.1.0.layer_scale": (96, 1, 1),
        "features.1.2.block.0.weight": (96, 1, 7, 7),
        "features.5.8.block.2.bias": (384,),
        "features.5.8.block.3.weight": (1536, 384),
        "features.5.8.block.5.weight": (384, 1536),
        "features.6.1.weight": (768, 384, 2, 2),
        "classifier.0.weight": (768,),
        "classifier.2.weight": (1000, 768),
    },
    "vit_b_16": {
        "class_token": (1, 1, 768),
        "encoder.pos_embedding": (1, 197, 768),
        "encoder.layers.encoder_layer_0.ln_1.weight": (768,),
        "encoder.layers.encoder_layer_0.self_attention.in_proj_weight": (2304, 768),
        "encoder.layers.encoder_layer_0.self_attention.out_proj.bias": (768,),
        "encoder.layers.encoder_layer_11.mlp.0.weight": (3072, 768),
        "encoder.layers.encoder_layer_11.mlp.3.weight": (768, 3072),
        "encoder.ln.bias": (768,),
        "heads.head.weight": (1000, 768),
    },
}
ENTRIES = {  # of the whole state dict
    "alexnet": 16,
    "vgg16_bn": 97,
    "resnet18": 122,
    "resnet50": 320,
    "densenet121": 727,
    "convnext_tiny": 182,
    "vit_b_16": 152,
}


def weightless(name):
    """Build a network that has shapes and no numbers."""
    with torch.device("meta"):
        return CLASSIFIERS[name]()


def test_every_classifier_is_counted():
    assert set(PARAMETERS) == set(CLASSIFIERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_has_the_published_number_of_parameters(name):
    assert sum(p.numel() for p in weightless(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", FIRST_LAYERS)
def test_the_first_layer_bears_its_known_name(name):
    layer, shape = FIRST_LAYERS[name]
    network = weightless(name)
    assert network.get_submodule(layer).weight.shape == shape
    leaves = [
        path for path, module in network.named_modules() if isinstance(module, torch.nn.Conv2d)
    ]
    assert leaves[0] == layer


@pytest.mark.parametrize("name", STATE)
def test_a_state_dict_has_torchvisions_names_and_shapes(name):
    state = weightless(name).state_dict()
    assert {key: tuple(state[key].shape) for key in STATE[name]} == STATE[name]
    assert len(state) == ENTRIES[name]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_images_of_224_give_a_logit_for_each_class(name):
    with torch.device("meta"):
        assert CLASSIFIERS[name](classes=7)(torch.empty(2, 3, 224, 224)).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "layer", "side"),
    [
        ("resnet50", "layer2.0.conv2", 28),
        ("resnet50", "layer4", 7),
        ("densenet121", "features.transition2", 14),
        ("convnext_tiny", "features.5", 14),
        ("vgg16_bn", "features", 7),
    ],
)
def test_maps_have_the_sides_of_the_papers_tables(name, layer, side):
    seen = []
    network = weightless(name)
    network.get_submodule(layer).register_forward_hook(lambda *call: seen.append(call[2].shape))
    network(torch.empty(1, 3, 224, 224, device="meta"))
    assert seen[0][2:] == (side, side)
