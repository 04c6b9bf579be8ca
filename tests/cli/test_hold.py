"""`dpkit hold` on feature maps publishes no row that was not held."""

import json

import pytest
import torch
from safetensors.torch import save_file

from dpkit.nets import AlexNet
from dpkit.sanitizers.hold import Hold

MAPS = ("--layer", "features.3", "--window", 4, "--audit", "none", "--out", "release")


@pytest.fixture
def model(tmp_path):
    """Write a network that says of itself what it is."""
    torch.manual_seed(0)
    network = AlexNet(width=4, hidden=8, pool=1, stem="small", classes=3)
    metadata = {
        "network": "alexnet",
        "arguments": json.dumps({"width": 4, "pool": 1}),
        "normalize": "0.5,0.25",
    }
    save_file(network.state_dict(), tmp_path / "net.safetensors", metadata=metadata)
    return "net.safetensors"


@pytest.fixture
def unheld(monkeypatch):
    """Let one row of a tile through as the network made it."""
    apply = Hold.apply

    def faulty(self, batch, key, geometry, out=None):
        found = apply(self, batch, key, geometry, out)
        found.values[1] = self.unheld(batch.pixels[1:2], key, geometry)[0]
        return found

    monkeypatch.setattr(Hold, "apply", faulty)


@pytest.mark.slow
def test_held_maps_are_published(invoke, images, model, tmp_path):
    invoke("hold", images, "--model", model, *MAPS)
    assert (tmp_path / "release").is_dir()


@pytest.mark.usefixtures("unheld")
def test_a_row_straight_from_the_network_is_not_published(invoke, images, model, tmp_path):
    said = invoke("hold", images, "--model", model, *MAPS, code=1).err
    assert "1 released rows are none that hold makes" in said
    assert not (tmp_path / "release").exists()
