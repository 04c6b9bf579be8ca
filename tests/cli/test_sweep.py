"""`dpkit sweep hold`: from a network's file and a folder of images to tables and a plot."""

import json
import re

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from dpkit.nets import AlexNet
from tests.conftest import PHOTOGRAPHS, crop

LAYERS = ("--layers", "features.3,features.6")


@pytest.fixture
def pictures(tmp_path):
    for name in PHOTOGRAPHS:
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(crop(name, i, 32)).save(tmp_path / f"images/{name}/{i}.png")


@pytest.fixture
def model(tmp_path):
    """Write a network that says of itself what it is."""
    torch.manual_seed(0)
    network = AlexNet(width=4, hidden=8, pool=3, stem="small", classes=3)
    metadata = {
        "network": "alexnet",
        "arguments": json.dumps({"width": 4, "pool": 3}),
        "normalize": "0.5,0.25",
        "classes": json.dumps(list(PHOTOGRAPHS)),
    }
    save_file(network.state_dict(), tmp_path / "net.safetensors", metadata=metadata)
    torch.save(network.state_dict(), tmp_path / "net.pt")
    return "net.safetensors"


@pytest.mark.usefixtures("pictures")
class TestHold:
    def sweep(self, invoke, model, *words, **given):
        return invoke("sweep", "hold", "images", "--model", model, *LAYERS, *words, **given)

    def test_prints_a_table_of_every_layer_and_window(self, invoke, model):
        said = self.sweep(invoke, model, "--windows", "1,8").out
        assert said.startswith("12 images, 12 of known class")
        assert "features.3: 900 samples (4x15x15), " in said
        assert "features.6: 588 samples (12x7x7), " in said
        assert len(re.findall(r"^ +[18]  +\d\.\d{3}  +\d\.\d{3}", said, re.MULTILINE)) == 4
        assert said.count("eff_san ") == 2
        assert "written" not in said

    def test_gives_one_json_object_that_is_also_the_file(self, invoke, model, tmp_path):
        said = self.sweep(invoke, model, "--windows", "2-4", "-o", "swept", "--json")
        assert json.loads((tmp_path / "swept/sweep.json").read_text()) == said.json
        assert [held["layer"] for held in said.json["layers"]] == ["features.3", "features.6"]
        assert [w["window"] for w in said.json["layers"][0]["windows"]] == [2, 3, 4]
        assert (tmp_path / "swept/sweep.svg").read_text().count("<svg") == 1

    def test_writes_a_private_folder_and_says_so(self, invoke, model, tmp_path):
        said = self.sweep(invoke, model, "--windows", "2", "-o", "swept")
        assert "written to swept; it is made of your originals: keep it to yourself" in said.out
        assert (tmp_path / "swept").stat().st_mode & 0o777 == 0o700
        names = sorted(path.name for path in (tmp_path / "swept").iterdir())
        assert names == ["sweep.json", "sweep.svg"]
        assert {p.stat().st_mode & 0o777 for p in (tmp_path / "swept").iterdir()} == {0o600}

    def test_repeats_its_bytes_for_the_same_seed(self, invoke, model, tmp_path, contents):
        for out in ("first", "second"):
            self.sweep(invoke, model, "--windows", "2", "--images", 5, "-o", out)
        assert contents(tmp_path / "first") == contents(tmp_path / "second")

    def test_holds_a_cascade_beside_its_parts(self, invoke, model):
        cascade = ("--cascade", "features.3:4,features.6:2", "--windows", "4")
        said = self.sweep(invoke, model, *cascade, "--json").json
        (found,) = said["cascades"]
        assert found["steps"][1] == {"layer": "features.6", "window": 2}
        assert len(found["alone"]) == 2
        assert found["alone"][0]["probability"] == pytest.approx(
            said["layers"][0]["windows"][0]["probability"]
        )
        assert "cascade features.3:4, features.6:2" in self.sweep(invoke, model, *cascade).out

    @pytest.mark.usefixtures("model")
    def test_takes_a_state_dict_where_the_user_says_which_network_it_is(self, invoke):
        words = ("--network", "alexnet", "--windows", "1", "--json")
        own = self.sweep(invoke, "net.pt", *words, "--normalize", "0.5,0.25").json
        named = self.sweep(invoke, "net.safetensors", *words).json
        other = self.sweep(invoke, "net.pt", *words).json
        assert own["not_sanitized"] == named["not_sanitized"]
        assert own["not_sanitized"] != other["not_sanitized"]


@pytest.mark.usefixtures("pictures")
class TestRefused:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--windows", "0"), "a window of 0 holds no sample"),
            (("--windows", "1,x"), "'1,x' is no list of numbers"),
            (("--windows", "9-2"), "is none, or more than"),
            (("--windows", "1-999999999"), "is none, or more than 4096"),
            (("--layers", "features.99"), "no layer 'features.99'; the layers are features.0,"),
            (("--cascade", "features.3"), "'features.3' is not understood"),
            (("--cascade", "features.3:1,features.6"), "is not understood"),
            (("--cascade", "features.6:1,features.3:1"), "each layer once, in order"),
            (("--degree", "-1"), "degree -1.0 is not 0.01 or more"),
            (("--model", "gone.pt"), "gone.pt is no file"),
            (("--model", "net.pt"), "does not say which network it is"),
            (("--network", "vgg11_bn"), "weights"),
            (("--network", "nowhere:make"), "cannot be imported"),
            (("--normalize", "x"), "is no mean,std"),
            (("--channels", "grey"), "cannot take images of 1x32x32"),
            (("--size", "0"), "size '0' is not understood"),
        ],
    )
    def test_is_what_cannot_be_swept(self, invoke, model, words, message):
        given = ("sweep", "hold", "images", "--model", model, *LAYERS, *words)
        assert message in invoke(*given, code=2).err

    def test_is_a_folder_that_exists_before_anything_is_read(self, invoke, tmp_path):
        (tmp_path / "swept").mkdir()
        given = ("sweep", "hold", "images", "--model", "gone.pt", *LAYERS, "-o", "swept")
        assert "the output swept exists" in invoke(*given, code=2).err
        assert not list((tmp_path / "swept").iterdir())

    def test_is_a_sweep_that_there_is_not(self, invoke):
        assert "No such command" in invoke("sweep", "dance", code=2).err
