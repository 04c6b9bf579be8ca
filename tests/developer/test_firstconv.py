"""A convolution is exported with what torch does with it, or refused by the name of what it is."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from dpkit.developer import ConvOptions, export_first_conv, find_first_conv
from dpkit.developer.geometry import pair
from dpkit.errors import UsageError
from dpkit.release.first_conv import read_first_conv


def run(layer, images):
    """A first layer as its file describes it: pad with zeros, then convolve."""
    top, bottom, left, right = layer.padding
    bias = None if layer.bias is None else torch.from_numpy(layer.bias)
    return functional.conv2d(
        functional.pad(images, (left, right, top, bottom)), torch.from_numpy(layer.weight), bias,
        layer.stride, 0, layer.dilation, layer.groups,
    )  # fmt: skip


@st.composite
def convolutions(draw):
    pairs = st.tuples(*[st.integers(1, 4)] * 2)
    kernel, stride, dilation = draw(pairs), draw(pairs), draw(pairs)
    words = ["valid", "same"] if stride == (1, 1) else ["valid"]
    padding = draw(st.one_of(st.sampled_from(words), st.tuples(*[st.integers(0, 3)] * 2)))
    channels, groups = draw(st.sampled_from([(1, 1), (3, 1), (3, 3), (4, 2)]))
    return nn.Conv2d(
        channels, groups * draw(st.integers(1, 3)), kernel, stride, padding, dilation, groups,
        bias=draw(st.booleans()),
    )  # fmt: skip


class TestExporting:
    @pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch copies; we do not mind
    @settings(deadline=None, max_examples=80)
    @given(convolutions())
    def test_any_geometry_computes_what_torch_computes(self, tmp_path_factory, conv):
        path = tmp_path_factory.mktemp("layer") / "first_conv.safetensors"
        export_first_conv(conv, path, input_size=(15, 14))
        layer = read_first_conv(path)
        images = torch.randn(2, conv.in_channels, 15, 14)
        with torch.no_grad():
            expected = conv(images)
        assert layer.output_shape == expected.shape[1:]
        assert torch.allclose(run(layer, images), expected, atol=1e-5)

    def test_a_network_gives_its_first_convolution(self, tmp_path):
        network = nn.Sequential(
            nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3)), nn.Conv2d(4, 2, 1)
        )
        written = export_first_conv(
            network, tmp_path / "a", input_size=(8, 8), normalize="imagenet"
        )
        assert find_first_conv(network) == ("0.1", network[0][1])
        assert written.normalize == read_first_conv(tmp_path / "a").normalize == "imagenet"
        assert np.array_equal(written.weight, network[0][1].weight.detach().numpy())

    def test_a_network_gives_the_layer_that_is_named(self, tmp_path):
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1))
        assert export_first_conv(network, tmp_path / "a", input_size=(8, 8), layer="1").maps == 2

    def test_what_was_written_does_not_change_with_the_network(self, tmp_path):
        conv = nn.Conv2d(1, 1, 1)
        written = export_first_conv(conv, tmp_path / "a", input_size=(8, 8))
        before = written.weight.copy()
        nn.init.zeros_(conv.weight)
        assert np.array_equal(written.weight, before)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_weights_of_other_types_are_written_as_float32(self, tmp_path, dtype):
        conv = nn.Conv2d(1, 1, 2).to(dtype)
        written = export_first_conv(conv, tmp_path / "a", input_size=(8, 8))
        assert np.array_equal(written.weight, conv.weight.detach().float().numpy())

    def test_a_parametrized_convolution_gives_the_weights_that_it_uses(self, tmp_path):
        conv = parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
        written = export_first_conv(conv, tmp_path / "a", input_size=(8, 8))
        assert np.array_equal(written.weight, conv.weight.detach().numpy())

    def test_an_existing_file_is_left_alone(self, tmp_path):
        (tmp_path / "a").write_text("mine")
        with pytest.raises(UsageError, match="exists"):
            export_first_conv(nn.Conv2d(1, 1, 1), tmp_path / "a", input_size=(8, 8))
        assert (tmp_path / "a").read_text() == "mine"


class Standardized(nn.Conv2d):
    """It computes with other weights than it holds."""

    def forward(self, x):
        return functional.conv2d(x, self.weight - self.weight.mean(), self.bias)


class TestRefusing:
    @pytest.mark.parametrize(
        ("layer", "named"),
        [
            (nn.Linear(3, 4), "Linear"),
            (nn.ConvTranspose2d(3, 4, 3), "ConvTranspose2d"),
            (nn.Conv1d(3, 4, 3), "Conv1d"),
            (nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), "'reflect'"),
            (nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), "'circular'"),
            (nn.Conv2d(3, 4, 3, padding=1, padding_mode="replicate"), "'replicate'"),
            (Standardized(3, 4, 3), "Standardized computes something else"),
            (nn.Conv2d(3, 4, 3, dtype=torch.complex64), "no real weights"),
            (nn.Conv2d(3, 4, 9), "do not fit"),
        ],
        ids=lambda value: type(value).__name__,
    )
    @pytest.mark.parametrize("is_named", [False, True])
    def test_names_what_it_is(self, tmp_path, layer, named, is_named):
        network = nn.Sequential(layer) if is_named else layer
        name = "0" if is_named else None
        with pytest.raises(UsageError, match=named):
            export_first_conv(network, tmp_path / "a", input_size=(8, 8), layer=name)
        assert not list(tmp_path.iterdir())

    def test_lists_the_convolutions_where_the_name_is_wrong(self, tmp_path):
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        with pytest.raises(UsageError, match=r"no layer 'conv1'; its convolutions are 0"):
            export_first_conv(network, tmp_path / "a", input_size=(8, 8), layer="conv1")


class TestOptions:
    @pytest.mark.parametrize(
        ("given_", "zeros"),
        [
            ({}, (0, 0, 0, 0)),
            ({"padding": "2"}, (2, 2, 2, 2)),
            ({"padding": "2,1"}, (2, 2, 1, 1)),
            ({"padding": "1,2,3,4"}, (1, 2, 3, 4)),
            ({"padding": "valid"}, (0, 0, 0, 0)),
            ({"padding": "same"}, (1, 2, 1, 1)),
            ({"padding": "same", "dilation": "3,2"}, (4, 5, 2, 2)),
        ],
        ids=str,
    )
    def test_of_padding_are_zeros_on_each_side(self, given_, zeros):
        assert ConvOptions(**given_).zeros((4, 3)) == zeros

    @pytest.mark.parametrize("text", ["", "a", "-1", "1,2,3", "1;2", "1.5", "123456", "1,2,3,4,5"])
    def test_that_are_no_numbers_are_refused(self, text):
        with pytest.raises(UsageError, match="stride"):
            pair("stride", text)

    def test_of_same_padding_go_with_stride_1(self):
        with pytest.raises(UsageError, match="stride 1 only"):
            ConvOptions(padding="same", stride="2").zeros((3, 3))
