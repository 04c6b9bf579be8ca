"""`dpkit first-conv`: the first layer out of whatever a developer has saved."""

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dpkit.release.first_conv import read_first_conv

OUT = "first_conv.safetensors"


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 2, 3)
        self.fc = nn.Linear(8, 2)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network()


@pytest.fixture
def saved(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "net.pt")
    return "net.pt"


GEOMETRY = ("--layer", "conv1", "--input-size", 32, "--stride", 2, "--padding", 3)


class TestASavedNetwork:
    @pytest.mark.parametrize("under", [None, "state_dict", "model"])
    def test_gives_weights_and_the_options_give_geometry(self, invoke, network, tmp_path, under):
        state = network.state_dict()
        torch.save({under: state, "epoch": 3} if under else state, tmp_path / "net.pt")
        said = invoke("first-conv", "net.pt", *GEOMETRY, "--normalize", "imagenet")
        layer = read_first_conv(tmp_path / OUT)
        assert np.array_equal(layer.weight, network.conv1.weight.detach().numpy())
        assert np.array_equal(layer.bias, network.conv1.bias.detach().numpy())
        assert (layer.stride, layer.padding) == ((2, 2), (3, 3, 3, 3))
        assert (layer.input_size, layer.normalize) == ((32, 32), "imagenet")
        assert layer.output_shape == (8, 16, 16)
        assert "give it to the provider" in said.out

    def test_may_be_a_safetensors_file(self, invoke, network, tmp_path):
        save_file(network.to(torch.bfloat16).state_dict(), tmp_path / "net.safetensors")
        invoke("first-conv", "net.safetensors", *GEOMETRY, "-o", "mine")
        weight = network.conv1.weight.detach().float().numpy()
        assert np.array_equal(read_first_conv(tmp_path / "mine").weight, weight)

    def test_is_described_as_one_json_object(self, invoke, saved):
        said = invoke("first-conv", saved, *GEOMETRY, "--json").json
        assert said == {
            "kernel": [7, 7], "input": [3, 32, 32], "output": [8, 16, 16], "stride": [2, 2],
            "padding": [3, 3, 3, 3], "dilation": [1, 1], "groups": 1, "bias": True,
            "normalize": "none", "file": OUT,
        }  # fmt: skip

    def test_may_be_rectangular_and_padded_by_a_word(self, invoke, saved, tmp_path):
        geometry = ("--layer", "conv1", "--input-size", "24x40", "--padding", "same")
        invoke("first-conv", saved, *geometry, "--dilation", "2,1")
        layer = read_first_conv(tmp_path / OUT)
        assert layer.output_shape == (8, 24, 40)
        assert layer.padding == (6, 6, 3, 3)

    def test_is_never_written_over_another_file(self, invoke, saved, tmp_path):
        (tmp_path / OUT).write_text("mine")
        said = invoke("first-conv", saved, *GEOMETRY, code=2)
        assert f"{OUT} exists" in said.err
        assert (tmp_path / OUT).read_text() == "mine"


class Evil:
    def __reduce__(self):
        return print, ("it ran",)


class TestRefused:
    def refuse(self, invoke, tmp_path, model, *words):
        said = invoke("first-conv", model, *words, code=2)
        assert not (tmp_path / OUT).exists()
        assert said.err.count("\n") == 1
        return said.err

    def test_a_pickled_network_with_what_to_save_instead(self, invoke, network, tmp_path):
        torch.save(nn.Sequential(network.conv1), tmp_path / "net.pt")
        said = self.refuse(invoke, tmp_path, "net.pt", *GEOMETRY)
        assert "no code of it was run" in said
        assert "state_dict()" in said
        assert "export_first_conv" in said

    @pytest.mark.parametrize("save", [torch.save, lambda x, p: p.write_bytes(pickle.dumps(x))])
    def test_code_is_never_run(self, invoke, tmp_path, capfd, save):
        save({"conv1.weight": Evil()}, tmp_path / "net.pt")
        self.refuse(invoke, tmp_path, "net.pt", *GEOMETRY)
        assert "it ran" not in "".join(capfd.readouterr())

    @pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 no archive", b"\x80\x04."])
    @pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
    def test_a_file_that_is_no_network(self, invoke, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        assert name in self.refuse(invoke, tmp_path, name, *GEOMETRY)

    def test_a_file_that_is_not_there(self, invoke, tmp_path):
        assert "is no file" in self.refuse(invoke, tmp_path, "net.pt", *GEOMETRY)

    def test_a_tensor_that_stands_alone(self, invoke, tmp_path):
        torch.save(torch.zeros(3), tmp_path / "net.pt")
        assert "no state dict, but a Tensor" in self.refuse(invoke, tmp_path, "net.pt", *GEOMETRY)

    @pytest.mark.parametrize(
        ("layer", "named"),
        [
            ((), "needs the name of its first layer; convolutions in it: conv1"),
            (("--layer", "conv2"), "no conv2.weight; convolutions in it: conv1"),
            (("--layer", "fc"), "fc.weight has 2 axes"),
        ],
        ids=str,
    )
    def test_a_layer_that_is_not_there_with_those_that_are(
        self, invoke, tmp_path, saved, layer, named
    ):
        assert named in self.refuse(invoke, tmp_path, saved, *layer, "--input-size", 32)

    @pytest.mark.parametrize(
        "wrong",
        [("--stride", "0"), ("--stride", "a"), ("--padding", "reflect"), ("--groups", "3"),
         ("--dilation", "9"), ("--normalize", "half"), ("--input-size", "32x32x3")],
        ids=str,
    )  # fmt: skip
    def test_geometry_that_cannot_be(self, invoke, tmp_path, saved, wrong):
        words = ("--layer", "conv1", "--input-size", 32, *wrong)
        self.refuse(invoke, tmp_path, saved, *words)


class TestAKnownNetwork:
    @pytest.fixture
    def torchvision(self, network, monkeypatch):
        """Stand in for the library: a module with the one function that is called."""

        def get_model(name, weights):
            assert weights == "DEFAULT"
            if name != "net":
                raise ValueError(f"Unknown model {name}")
            return network

        module = SimpleNamespace(get_model=get_model)
        monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(models=module))
        monkeypatch.setitem(sys.modules, "torchvision.models", module)

    @pytest.mark.usefixtures("torchvision")
    def test_knows_its_first_layer_and_geometry(self, invoke, tmp_path):
        invoke("first-conv", "torchvision:net", "--input-size", 32)
        assert read_first_conv(tmp_path / OUT).stride == (2, 2)

    @pytest.mark.usefixtures("torchvision")
    def test_takes_no_other_geometry(self, invoke):
        said = invoke("first-conv", "torchvision:net", "--input-size", 32, "--stride", 1, code=2)
        assert "knows its geometry" in said.err

    @pytest.mark.usefixtures("torchvision")
    def test_of_an_unknown_name_is_refused_by_it(self, invoke):
        said = invoke("first-conv", "torchvision:nett", "--input-size", 32, code=2)
        assert "torchvision gives no 'nett'" in said.err

    def test_of_a_library_that_is_not_here_says_so(self, invoke, monkeypatch):
        monkeypatch.setitem(sys.modules, "timm", None)
        said = invoke("first-conv", "timm:vit", "--input-size", 32, code=2)
        assert "timm is not installed here" in said.err
