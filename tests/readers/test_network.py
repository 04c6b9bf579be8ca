"""A network's file is read once, hashed, and refused where it is not plain tensors by name."""

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dpkit.errors import UsageError
from dpkit.nets import VGG
from dpkit.readers import network as reader
from dpkit.readers.network import read_weights


def small_state():
    torch.manual_seed(0)
    return VGG(layers=11, width=2, hidden=4, pool=1, classes=3).state_dict()


def assert_equal(weights, state):
    assert set(weights.arrays) == set(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(weights.arrays[name], tensor.numpy())


class TestWhatIsRead:
    def test_of_safetensors_is_every_tensor_the_digest_and_the_metadata(self, tmp_path):
        path, state = tmp_path / "net.safetensors", small_state()
        save_file(state, path, metadata={"network": "vgg11_bn"})
        weights = read_weights(path)
        assert_equal(weights, state)
        assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert weights.metadata == {"network": "vgg11_bn"}

    @pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}])
    def test_of_a_torch_file_is_its_state_dict(self, tmp_path, wrap):
        path, state = tmp_path / "net.pt", small_state()
        torch.save(wrap(state), path)
        weights = read_weights(path)
        assert_equal(weights, state)
        assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert weights.metadata == {}

    @pytest.mark.parametrize("suffix", ["pt", "safetensors"])
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_are_floats_of_any_width_as_float32(self, tmp_path, suffix, dtype):
        path, state = tmp_path / f"net.{suffix}", {"weight": torch.ones(2, 3, dtype=dtype) / 4}
        if suffix == "pt":
            torch.save(state, path)
        else:
            save_file(state, path)
        (weight,) = read_weights(path).arrays.values()
        assert weight.dtype == np.float32
        assert weight.tolist() == [[0.25] * 3] * 2

    def test_are_counters_as_whole_numbers(self, tmp_path):
        torch.save({"n": torch.tensor(7), "w": torch.ones(1)}, tmp_path / "net.pt")
        assert read_weights(tmp_path / "net.pt").arrays["n"].dtype == np.int64

    def test_belongs_to_nobody_else(self, tmp_path):
        torch.save({"w": torch.ones(3).expand(2, 3)}, tmp_path / "net.pt")
        weight = read_weights(tmp_path / "net.pt").arrays["w"]
        assert weight.flags.c_contiguous
        assert weight.flags.owndata


class Code:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.filterwarnings("ignore:Sparse")
class TestRefused:
    def refuse(self, path, message):
        with pytest.raises(UsageError, match=message) as raised:
            read_weights(path)
        assert raised.value.remedy

    def test_where_there_is_no_file(self, tmp_path):
        self.refuse(tmp_path / "net.pt", "is no file")
        self.refuse(tmp_path, "is no file")

    @pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
    @pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 64, b"PK\x03\x04" + b"\0" * 64])
    def test_where_it_is_neither_kind_of_file(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        self.refuse(tmp_path / name, "is no (torch|safetensors) file")

    @pytest.mark.parametrize(
        ("held", "message"),
        [
            (torch.ones(3), "no state dict, but a Tensor"),
            ({}, "no state dict, but a dict"),
            ({"epoch": 3}, "no state dict, but a dict"),
            ({"w": torch.ones(1), "epoch": 3}, "holds a int under 'epoch'"),
            ({"w": torch.ones(1), 5: torch.ones(1)}, "under '5'"),
            ({"w": torch.tensor([1.0, float("nan")])}, "'w' that is not finite"),
            ({"w": torch.tensor([1e300], dtype=torch.float64)}, "'w' that is not finite"),
            ({"w": torch.ones(2, dtype=torch.complex64)}, "no plain array of real numbers"),
            ({"w": torch.eye(2).to_sparse()}, "no plain array of real numbers"),
            ({"w": torch.ones(1, device="meta")}, "no plain array of real numbers"),
            ({"w" * 201: torch.ones(1)}, "201 characters"),
            ({"w": torch.ones([1] * 9)}, "9 axes"),
            ({"w": torch.zeros(1).expand(1 << 20, 1 << 20)}, "unfolds to 4398046511104 bytes"),
        ],
    )
    def test_where_it_holds_something_else_than_weights(self, tmp_path, held, message):
        torch.save(held, tmp_path / "net.pt")
        self.refuse(tmp_path / "net.pt", message)

    def test_where_it_would_run_code(self, tmp_path, capsys):
        torch.save({"w": torch.ones(1), "x": Code()}, tmp_path / "net.pt")
        self.refuse(tmp_path / "net.pt", "no code of it was run")
        assert not capsys.readouterr().out

    def test_where_it_is_too_large(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reader, "MAX_BYTES", 100)
        torch.save({"w": torch.ones(1)}, tmp_path / "net.pt")
        self.refuse(tmp_path / "net.pt", "above the limit of 100")

    def test_where_it_is_cut_short(self, tmp_path):
        save_file(small_state(), tmp_path / "net.safetensors")
        content = (tmp_path / "net.safetensors").read_bytes()
        (tmp_path / "net.safetensors").write_bytes(content[:-1])
        self.refuse(tmp_path / "net.safetensors", "is no safetensors file")

    def test_where_it_holds_nothing(self, tmp_path):
        save_file({}, tmp_path / "net.safetensors")
        self.refuse(tmp_path / "net.safetensors", "holds no tensors")
