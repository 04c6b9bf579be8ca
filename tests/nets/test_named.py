"""A network is built from its weights' file: by the file's words, by shapes, or by the user's."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from dpkit.nets import CLASSIFIERS, AlexNet
from dpkit.nets.inferred import inferred_sizes
from dpkit.nets.named import build_network, class_names

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
NAMES = {  # of tests/nets/conftest.py → of CLASSIFIERS, and what no shape says
    "alexnet": ("alexnet", {}),
    "vgg": ("vgg11_bn", {}),
    "resnet": ("resnet18", {"layers": [1, 1]}),
    "resnet-imagenet": ("resnet18", {"layers": [1, 1]}),
    "bottleneck": ("resnet50", {"layers": [1, 2]}),
    "densenet": ("densenet121", {"layers": [2, 2, 2, 2]}),
    "convnext": ("convnext_tiny", {"layers": [1, 1], "widths": [16, 32]}),
    "vit": ("vit_b_16", {"layers": 2, "heads": 4}),
}


def arrays_of(network):
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def alexnet(**sizes):
    sizes = {"width": 4, "hidden": 8, "pool": 3, "stem": "small", "classes": 5} | sizes
    return AlexNet(**sizes)


class Users(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3 * 32 * 32, 4)

    def forward(self, images):
        return self.fc(images.flatten(1))


class TestBuilt:
    def test_says_what_the_network_said(self, make_small, request):
        name, arguments = NAMES[request.node.callspec.params["make_small"]]
        network = make_small(classes=7).eval()
        metadata = {"network": name, "arguments": json.dumps(arguments)}
        built = build_network(arrays_of(network), metadata)
        assert torch.allclose(built(IMAGES), network(IMAGES), atol=1e-5)
        assert not built.training
        assert not any(weight.requires_grad for weight in built.parameters())

    @pytest.mark.parametrize("channels", [1, 3])
    def test_from_shapes_alone_where_the_user_names_it(self, channels):
        network = alexnet(in_channels=channels).eval()
        built = build_network(arrays_of(network), {}, network="alexnet")
        images = IMAGES[:, :channels]
        assert torch.equal(built(images), network(images))

    def test_by_code_that_the_user_names(self):
        network = Users().eval()
        built = build_network(arrays_of(network), {}, network=f"{__name__}:Users")
        assert torch.equal(built(IMAGES), network(IMAGES))

    @pytest.mark.parametrize("where", ["file", "user"])
    @pytest.mark.parametrize(
        ("text", "mean", "deviation"),
        [
            ("0.5,0.25", 0.5, 0.25),
            ("imagenet", torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])),
        ],
    )
    def test_normalizes_by_itself(self, where, text, mean, deviation):
        network = alexnet().eval()
        metadata = {"network": "alexnet", "arguments": '{"pool": 3}'}
        given = text if where == "user" else None
        metadata |= {"normalize": text} if where == "file" else {"normalize": "0.1,1"}
        built = build_network(arrays_of(network), metadata, normalize=given)
        shown = (IMAGES.movedim(1, -1) - mean) / deviation
        assert torch.allclose(built(IMAGES), network(shown.movedim(-1, 1)), atol=1e-6)

    def test_shares_no_memory_with_the_arrays(self):
        arrays = arrays_of(alexnet())
        built = build_network(arrays, {}, network="alexnet")
        before = built(IMAGES)
        arrays["features.0.weight"][:] = 0
        assert torch.equal(built(IMAGES), before)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_published_shapes_give_the_published_network(name):
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in CLASSIFIERS[name](classes=7).state_dict().items()}
        sizes = inferred_sizes(CLASSIFIERS[name].func, shapes)
        again = CLASSIFIERS[name](**sizes).state_dict()
    assert sizes["classes"] == 7
    assert {k: tuple(v.shape) for k, v in again.items()} == shapes


class TestRefused:
    def refuse(self, message, metadata, **given):
        with pytest.raises(ValueError, match=message):
            build_network(arrays_of(alexnet()), metadata, **given)

    def test_where_nobody_says_which_it_is(self):
        self.refuse("does not say which network it is; name one of alexnet, vgg11_bn", {})

    @pytest.mark.parametrize(
        ("metadata", "message"),
        [
            ({"network": "alexnett"}, "'alexnett' is not one of alexnet"),
            ({"network": "os:abort"}, "'os:abort' is not one of"),
            ({"network": "vgg11_bn"}, "shapes|weights"),
            ({"network": "alexnet", "arguments": "{"}, "arguments are no JSON"),
            ({"network": "alexnet", "arguments": "[1]"}, "no JSON object"),
            ({"network": "alexnet", "arguments": '{"width": 65537}'}, "'width' is no size"),
            ({"network": "alexnet", "arguments": '{"width": true}'}, "'width' is no size"),
            ({"network": "alexnet", "arguments": '{"width": null}'}, "'width' is no size"),
            ({"network": "alexnet", "arguments": '{"hidden": 8.5}'}, r"\['hidden'\] are not those"),
            ({"network": "alexnet", "arguments": '{"colour": 3}'}, r"\['colour'\] are not those"),
            ({"network": "alexnet", "arguments": '{"stem": "x"}'}, "stem 'x' is not one of"),
            ({"network": "alexnet", "arguments": '{"hidden": 9}'}, "is .* not "),
            ({"network": "resnet18", "arguments": '{"layers": [65536]}'}, "conv1.weight"),
            ({"network": "alexnet", "arguments": '{"layers": [99]}'}, "more layers than its 16"),
            ({"network": "alexnet", "normalize": "1"}, "'1' is no mean,std"),
            ({"network": "alexnet", "normalize": "0.5,0"}, "'0.5,0' is no mean,std"),
            ({"network": "alexnet", "normalize": "0.5,nan"}, "is no mean,std"),
            ({"network": "alexnet", "normalize": "a,b"}, "is no mean,std"),
        ],
    )
    def test_where_the_files_words_are_a_strangers(self, metadata, message):
        self.refuse(message, metadata)

    @pytest.mark.parametrize(
        ("network", "message"),
        [
            ("nowhere:Users", "cannot be imported"),
            (f"{__name__}:nobody", "cannot be imported"),
            ("builtins:dict", "makes a dict, no torch module"),
            (f"{__name__}:Users", "2 missing .fc.bias, fc.weight., 16 unknown"),
        ],
    )
    def test_where_the_users_word_leads_nowhere(self, network, message):
        self.refuse(message, {}, network=network)

    def test_where_the_images_have_other_channels(self):
        arrays = arrays_of(alexnet(in_channels=1))
        built = build_network(arrays, {}, network="alexnet", normalize="imagenet")
        with pytest.raises(ValueError, match="normalisation of 3 channels, images have 1"):
            built(IMAGES[:, :1])


def test_classes_are_named_by_the_file_or_not_at_all():
    assert class_names({"classes": '["cat", "dog"]'}) == ("cat", "dog")
    assert class_names({}) == ()
    for wrong in ("3", "[3]", "{"):
        with pytest.raises(ValueError, match="classes"):
            class_names({"classes": wrong})


def test_float16_would_be_widened_by_the_reader_and_whole_numbers_fit_anyway():
    arrays = arrays_of(alexnet())
    arrays["features.0.bias"] = np.zeros(4, np.int64)
    assert build_network(arrays, {}, network="alexnet")(IMAGES).dtype == torch.float32
