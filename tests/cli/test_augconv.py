"""The exchange of MoLe's Fig. 1 by commands: two folders, and the files handed over."""

import json

import numpy as np
import pytest
import safetensors
import torch
from torch import nn

from dpkit.developer import export_first_conv, load_augconv, replace_first_conv
from dpkit.exchange.morphed import Morphed
from dpkit.keystore.store import Keystore
from dpkit.keystore.unlock import Unlock
from dpkit.release.augconv import read_augconv
from dpkit.release.read import Release

ACCEPT = "--i-accept-the-measured-leakage"


@pytest.fixture
def developer(tmp_path):
    """The developer's folder with a network, and its first layer in a file."""
    folder = tmp_path / "developer"
    folder.mkdir()
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 48, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    net(torch.zeros(1, 3, 16, 16))
    export_first_conv(net[0], folder / "first_conv.safetensors", input_size=(16, 16))
    return folder, net


@pytest.fixture
def store(tmp_path):
    def opened():
        (found,) = (tmp_path / "home" / "data").rglob("*.dpks")
        return Keystore.open(found, Unlock())

    return opened


def handed_over(invoke, images, folder, *morph):
    """Release, build and hand over; return what the two commands said."""
    invoke("morph", images, *morph)
    built = invoke(
        "augconv", "build", "--first-conv", folder / "first_conv.safetensors", "--json"
    ).json
    out = folder / "augconv.safetensors"
    return built, invoke("augconv", "export", "-o", out, "--images", 20, ACCEPT, "--json").json


@pytest.mark.parametrize(
    "morph",
    [
        ("--kappa", 1, "--core", "orthogonal"),
        ("--kappa", 16, "--cores", "distinct"),
        ("--kappa", 16, "--blocks", "patch", "--core", "orthogonal", "--normalize", "none"),
    ],
    ids=str,
)
@pytest.mark.slow
def test_the_developers_features_are_those_of_the_originals(
    invoke, images, developer, store, morph
):
    folder, net = developer
    built, _ = handed_over(invoke, images, folder, *morph)
    assert built["error"] < 1e-4
    layer = load_augconv(folder / "augconv.safetensors")
    release = Release.open("release")
    columns = release.columns(release.shards()[0])
    values = torch.from_numpy(np.array(columns.values()))
    originals = originals_of(release, store(), columns)
    with torch.inference_mode():
        expected = net[0](originals)
        found = layer(values)
    order = matching(found, expected)
    assert sorted(order) == list(range(48))
    assert torch.allclose(found, expected[:, order], atol=2e-3)
    assert order != list(range(48))  # the order is not the developer's own


def originals_of(release, store, columns):
    morphed = Morphed.open(release.path, store)
    pixels = morphed.originals(np.array(columns.values()))
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def matching(found, expected):
    """For each channel that came, the original channel nearest to it."""
    distance = torch.cdist(
        found.transpose(0, 1).flatten(1)[None], expected.transpose(0, 1).flatten(1)[None]
    )
    return distance[0].argmin(1).tolist()


class TestHandingOver:
    def test_it_measures_that_everything_falls_and_keeps_the_consent(
        self, invoke, images, developer, store
    ):
        folder, _ = developer
        _, given = handed_over(invoke, images, folder, "--kappa", 16)
        evidence = given["evidence"]
        assert evidence["order"]["share_right"] == 1
        assert evidence["recovered"]["psnr_db"]["least"] > 60
        consent = store().get(given["consent"], "consent").settings
        assert consent["evidence"] == evidence
        with safetensors.safe_open(folder / "augconv.safetensors", "numpy") as file:
            said = json.loads(file.metadata()["dpkit"])
            names = set(file.keys())
        assert {name for name in names if not name.startswith("matrix_0")} == {
            "bias", "matrix_of", "windows",
        }  # fmt: skip
        assert said["consent"] == consent

    def test_figures_of_a_few_images_stay_with_the_provider(self, invoke, images, developer, store):
        folder, _ = developer
        invoke("morph", images, "--kappa", 48)
        invoke("augconv", "build", "--first-conv", folder / "first_conv.safetensors")
        out = folder / "a.safetensors"
        given = invoke("augconv", "export", "-o", out, "--images", 4, ACCEPT, "--json").json
        assert store().get(given["consent"], "consent").settings["evidence"] == given["evidence"]
        assert "evidence" not in read_augconv(out).consent

    def test_without_a_yes_nothing_leaves(self, invoke, images, tmp_path, developer, store):
        folder, _ = developer
        invoke("morph", images, "--kappa", 16)
        invoke("augconv", "build", "--first-conv", folder / "first_conv.safetensors")
        ran = invoke("augconv", "export", "-o", tmp_path / "out", code=2)
        assert "nobody accepted the measured leakage" in ran.err
        assert "recovered" in ran.err
        assert not (tmp_path / "out").exists()
        assert "consent" not in {entry.kind for entry in store().entries()}

    def test_the_release_is_not_changed(self, invoke, images, tmp_path, developer, contents):
        folder, _ = developer
        invoke("morph", images, "--kappa", 16)
        before = contents(tmp_path / "release")
        invoke("augconv", "build", "--first-conv", folder / "first_conv.safetensors")
        invoke("augconv", "export", "-o", folder / "a.safetensors", ACCEPT)
        assert contents(tmp_path / "release") == before
        invoke("verify", "release")

    def test_an_age_file_opens_for_its_recipient_alone(self, invoke, images, developer):
        pyrage = pytest.importorskip("pyrage")
        folder, _ = developer
        handed_over(invoke, images, folder, "--kappa", 48)
        me, other = (pyrage.x25519.Identity.generate() for _ in range(2))
        out = folder / "augconv.age"
        invoke("augconv", "export", "-o", out, "--recipient", me.to_public(), ACCEPT)
        plain = folder / "plain.safetensors"
        plain.write_bytes(pyrage.decrypt(out.read_bytes(), [me]))
        assert read_augconv(plain).consent["recipient"] == str(me.to_public())
        with pytest.raises(pyrage.DecryptError):
            pyrage.decrypt(out.read_bytes(), [other])

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("--recipient", "age1nobody"), "is no age recipient"),
            (("-o", "nowhere/out"), "is no folder"),
            (("-o", "release/manifest.json"), "exists"),
        ],
    )
    def test_what_cannot_be_written_is_refused_first(self, invoke, images, words, said):
        invoke("morph", images, "--kappa", 16)
        assert said in invoke("augconv", "export", *words, ACCEPT, code=2).err

    def test_no_layer_was_made(self, invoke, images):
        invoke("morph", images, "--kappa", 16)
        assert "no Aug-Conv was made" in invoke("augconv", "export", ACCEPT, code=10).err


class TestBuilding:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"input_size": (8, 16)}, "export it again with --input-size 16x16"),
            ({"normalize": "imagenet"}, "release again with --normalize imagenet"),
        ],
    )
    def test_a_layer_for_other_images_is_refused_with_the_fix(
        self, invoke, images, tmp_path, given, said
    ):
        conv = nn.Conv2d(3, 4, 3, padding=1)
        export_first_conv(conv, tmp_path / "f.safetensors", **{"input_size": (16, 16)} | given)
        invoke("morph", images, "--kappa", 16)
        assert said in invoke("augconv", "build", "--first-conv", "f.safetensors", code=2).err

    def test_a_layer_above_the_limit_is_refused_with_what_is_smaller(
        self, invoke, images, developer
    ):
        folder, _ = developer
        invoke("morph", images, "--kappa", 1)
        ran = invoke(
            "augconv", "build", "--first-conv", folder / "first_conv.safetensors", "--max-bytes",
            "4M", code=2,
        )  # fmt: skip
        assert "Aug-Conv would take 37.7 MB, above --max-bytes 4.19 MB" in ran.err
        assert "--blocks patch --kappa 16" in ran.err

    def test_an_interleaved_release_has_none(self, invoke, images, developer):
        invoke("morph", images, "--kappa", 16, "--interleave")
        said = invoke(
            "augconv", "build", "--first-conv", developer[0] / "first_conv.safetensors", code=2
        ).err
        assert "Aug-Conv would have no windows" in said
        assert "--no-interleave" in said

    def test_a_mixed_release_needs_none(self, invoke, images, developer):
        folder, _ = developer
        invoke("mix", images, "--Lb", 4, "--Wb", 4, "--Ns", 3)
        first = folder / "first_conv.safetensors"
        ran = invoke("augconv", "build", "--first-conv", first, code=2)
        assert "an ordinary first layer learns" in ran.err

    def test_the_same_layer_gets_the_same_order_again(self, invoke, images, developer, store):
        folder, _ = developer
        handed_over(invoke, images, folder, "--kappa", 48)
        again = invoke(
            "augconv", "build", "--first-conv", folder / "first_conv.safetensors", "--json"
        ).json
        first, second = (
            store().get(entry.object_id, "augconv").array("bias")
            for entry in store().entries()
            if entry.kind == "augconv"
        )
        assert np.array_equal(first, second)
        assert again["object_id"] != store().entries()[0].object_id


def test_a_network_trains_behind_the_layer(invoke, images, tmp_path, developer):
    folder, net = developer
    handed_over(invoke, images, folder, "--kappa", 16, "--blocks", "patch")
    replace_first_conv(net, load_augconv(folder / "augconv.safetensors"))
    release = Release.open(tmp_path / "release")
    columns = release.columns(release.shards()[0])
    values, labels = torch.from_numpy(np.array(columns.values())), torch.tensor(columns.labels)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(30):
        loss = nn.functional.cross_entropy(net(values), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (net(values).argmax(1) == labels).float().mean() > 0.9
