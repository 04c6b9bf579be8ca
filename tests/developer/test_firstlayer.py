from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.developer import BlockLinear, ReleaseDataset, first_layer
from dpkit.errors import DpkitError
from dpkit.release.read import Release
from dpkit.types import block_places


def twin(layer, values):
    """Map each block by itself, in plain loops."""
    standard = (values - layer.mean) / layer.std
    tokens = torch.empty(len(values), layer.tokens, layer.weight.shape[2])
    for n, image in enumerate(standard):
        flat = image.reshape(-1)
        for t in range(layer.tokens):
            block = flat[t * layer.block : (t + 1) * layer.block]
            weight = layer.weight[t if len(layer.weight) > 1 else 0]
            tokens[n, t] = block @ weight + layer.position[t]
    return tokens


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 6), st.integers(1, 5), st.integers(1, 7), st.booleans(), st.sampled_from([1, 3])
)
def test_each_block_gets_its_own_map_and_position(tokens, rows, dim, shared, channels):
    height = tokens * rows
    block = channels * height * 2 // tokens
    layer = BlockLinear(
        tokens,
        block,
        dim,
        mean=torch.randn(channels),
        std=torch.rand(channels) + 0.5,
        shared=shared,
    )
    values = torch.randn(4, channels, height, 2)
    assert torch.allclose(layer(values), twin(layer, values), atol=1e-5)


def test_it_is_built_from_what_the_manifest_says(release):
    layer = first_layer(release, 24)
    assert (layer.tokens, layer.block) == (16, 9)
    assert torch.allclose(layer.mean.flatten(), torch.tensor([0.0, 0.1, -0.1]))
    values = torch.stack([value for value, _ in ReleaseDataset(release)])
    assert layer(values).shape == (70, 16, 24)
    assert sum(p.numel() for p in layer.parameters()) == 16 * (9 + 1) * 24


def test_patches_are_cut_as_the_release_cuts_them():
    """A release of patches under one core is undone by the inverse core, patch by patch."""
    torch.manual_seed(0)
    core = torch.randn(12, 12)
    pixels = torch.rand(5, 3, 4, 6)
    places = torch.from_numpy(block_places("patch", 6, (3, 4, 6)))
    morphed = torch.empty(5, 72)
    morphed[:, places] = pixels.reshape(5, -1)[:, places] @ core
    layer = BlockLinear(6, 12, 12, mean=torch.zeros(3), std=torch.ones(3), blocks="patch")
    with torch.no_grad():
        layer.weight.copy_(torch.linalg.inv(core).expand(6, -1, -1))
        layer.position.zero_()
    tokens = layer(morphed.reshape(pixels.shape))
    assert torch.allclose(tokens, pixels.reshape(5, -1)[:, places], atol=1e-4)


def test_patches_are_built_where_the_manifest_says_so(release):
    opened = Release.open(release)
    layer = {"kind": "block_linear", "tokens": 16, "block": 9, "cores": 1, "blocks": "patch"}
    training = {**opened.manifest.training, "first_layer": layer}
    patches = replace(opened, manifest=replace(opened.manifest, training=training))
    assert first_layer(patches, 8).blocks == "patch"
    assert first_layer(opened, 8).blocks == "raster"


def test_a_release_of_patches_gives_its_layer_patches(invoke, images):
    invoke("morph", images, "--kappa", 16, "--blocks", "patch")
    layer = first_layer("release", 8)
    assert (layer.blocks, layer.tokens, layer.block) == ("patch", 16, 48)
    values = torch.stack([value for value, _ in ReleaseDataset("release")])
    assert layer(values).shape == (24, 16, 8)


def test_an_opened_release_serves_as_well(release):
    assert first_layer(Release.open(release), 8).tokens == 16


def test_it_can_undo_a_morphing():
    """What a convolution cannot: with the inverse core as its weight the pixels come back."""
    torch.manual_seed(0)
    core = torch.randn(12, 12)
    pixels = torch.rand(5, 3, 4, 4)
    morphed = (pixels.reshape(5, 4, 12) @ core).reshape(5, 3, 4, 4)
    layer = BlockLinear(4, 12, 12, mean=torch.zeros(3), std=torch.ones(3), shared=True)
    with torch.no_grad():
        layer.weight.copy_(torch.linalg.inv(core)[None])
        layer.position.zero_()
    assert torch.allclose(layer(morphed).reshape(5, 3, 4, 4), pixels, atol=1e-4)


def test_a_layer_that_this_version_does_not_know_is_refused_by_name(release):
    opened = Release.open(release)
    training = dict(opened.manifest.training)
    training["first_layer"] = None
    unknown = replace(opened, manifest=replace(opened.manifest, training=training))
    with pytest.raises(DpkitError, match="none"):
        first_layer(unknown, 8)
