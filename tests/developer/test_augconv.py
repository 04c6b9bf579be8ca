"""The layer gives the original convolution's features, in another order, from released values."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dpkit.augconv import plan_augconv, shuffled, whole_matrix
from dpkit.developer import (
    AugConvLayer,
    export_first_conv,
    find_first_conv,
    load_augconv,
    replace_first_conv,
)
from dpkit.developer.augconv import PrecisionWarning
from dpkit.developer.cutting import cut, join
from dpkit.developer.firstconv import describe_conv
from dpkit.developer.products import AugPatch, AugPatches, AugWindows
from dpkit.errors import UsageError
from dpkit.release.first_conv import read_first_conv
from dpkit.types import AugConv, block_places, patch_side
from tests.developer.layers import aug_conv, features_of, morphed, orthogonal
from tests.nets.conftest import SMALL
from tests.release.layers import write_augconv


def problem(conv, shape, blocks="raster", kappa=4, count=1, *, dtype=np.float32):
    """Return an Aug-Conv of a convolution, values, and the features that it shall give."""
    rng = np.random.default_rng(5)
    cores = orthogonal(rng, count, int(np.prod(shape)) // kappa)
    order = rng.permutation(conv.out_channels)
    images = rng.standard_normal((2, *shape))
    layer = aug_conv(conv, cores, blocks, shape, order=order, dtype=dtype)
    values = torch.from_numpy(morphed(images, cores, blocks))
    return layer, values, torch.from_numpy(features_of(conv, images)[:, order])


def patch_problem(count=1, dtype=np.float32):
    return problem(nn.Conv2d(3, 7, 4, 4), (3, 8, 12), "patch", 6, count, dtype=dtype)


@st.composite
def geometries(draw):
    channels, groups = draw(st.sampled_from([(1, 1), (2, 1), (2, 2), (3, 3)]))
    kernel, stride, dilation = (draw(st.tuples(*[st.integers(1, n)] * 2)) for n in (3, 3, 2))
    same = stride == (1, 1) and draw(st.booleans())
    padding = "same" if same else draw(st.tuples(*[st.integers(0, 2)] * 2))
    conv = nn.Conv2d(
        channels, groups * draw(st.integers(1, 3)), kernel, stride, padding, dilation, groups,
        bias=draw(st.booleans()),
    )  # fmt: skip
    shape = (channels, draw(st.integers(5, 8)), draw(st.integers(5, 8)))
    blocks, n = draw(st.sampled_from(["raster", "patch"])), int(np.prod(shape))
    fit = [k for k in range(1, n + 1) if n % k == 0]
    fit = [k for k in fit if blocks == "raster" or patch_side(k, *shape[1:])]
    kappa = draw(st.sampled_from(fit))
    return conv, shape, blocks, kappa, kappa if draw(st.booleans()) else 1


class TestCutting:
    @pytest.mark.parametrize(
        ("blocks", "kappa", "shape"),
        [("raster", 5, (3, 4, 10)), ("patch", 6, (3, 8, 12)), ("patch", 1, (1, 4, 4))],
    )
    def test_is_by_the_places_that_a_release_has(self, blocks, kappa, shape):
        values = torch.randn(2, *shape)
        places = torch.from_numpy(block_places(blocks, kappa, shape))
        assert torch.equal(cut(values, kappa, blocks), values.reshape(2, -1)[:, places])
        assert torch.equal(join(cut(values, kappa, blocks), shape, blocks), values)

    @pytest.mark.parametrize(("blocks", "kappa"), [("raster", 7), ("raster", 0), ("patch", 3)])
    def test_into_what_does_not_fit_is_refused(self, blocks, kappa):
        with pytest.raises(UsageError, match=f"{kappa} {blocks} blocks do not cover"):
            cut(torch.zeros(1, 3, 4, 4), kappa, blocks)


class TestFeatures:
    @pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch copies; we do not mind
    @settings(deadline=None, max_examples=60)
    @given(geometries())
    def test_are_the_original_layers_for_any_geometry(self, geometry):
        layer, values, expected = problem(*geometry)
        found = AugConvLayer(layer)(values)
        assert found.shape == expected.shape
        assert found.dtype == torch.float32
        assert torch.allclose(found.double(), expected, atol=2e-5)

    @pytest.mark.parametrize(
        ("count", "product"), [(1, AugPatch), (6, AugPatches)], ids=["shared", "distinct"]
    )
    def test_of_a_patch_embedding_take_the_short_way(self, count, product):
        layer, values, expected = patch_problem(count)
        short = AugConvLayer(layer)
        assert type(short.product) is product
        assert torch.allclose(short(values).double(), expected, atol=1e-5)
        long = AugWindows(layer)(values) + short.bias[:, None, None]
        assert torch.allclose(long, short(values), atol=1e-5)

    def test_of_patches_that_make_other_places_take_the_long_way(self):
        layer, values, expected = problem(nn.Conv2d(3, 5, 2, 2), (3, 8, 8), "patch", 4)
        assert len(layer.matrices) == 1
        assert type(AugConvLayer(layer).product) is AugWindows
        assert torch.allclose(AugConvLayer(layer)(values).double(), expected, atol=1e-5)

    def test_of_one_block_are_the_papers_dense_product(self):
        layer, values, expected = problem(nn.Conv2d(3, 4, 3, padding=1), (3, 6, 6), kappa=1)
        assert layer.matrices[0].shape == (108, 4, 6, 6)
        assert torch.allclose(AugConvLayer(layer)(values).double(), expected, atol=1e-5)

    @pytest.mark.parametrize("make", [patch_problem, lambda **kind: problem(
        nn.Conv2d(3, 4, 3), (3, 6, 6), **kind)], ids=["patch", "windows"])  # fmt: skip
    def test_of_float16_matrices_are_computed_in_float32(self, make):
        layer, values, expected = make(dtype=np.float16)
        fixed = AugConvLayer(layer)
        assert {b.dtype for n, b in fixed.named_buffers() if n != "bias"} == {torch.float16}
        assert fixed(values).dtype == torch.float32
        assert torch.allclose(fixed(values).double(), expected, atol=0.02)

    def test_of_values_of_another_shape_are_refused(self):
        layer, values, _ = patch_problem()
        with pytest.raises(UsageError, match=r"\(3, 8, 11\), made for \(3, 8, 12\)"):
            AugConvLayer(layer)(values[..., :-1])

    def test_of_no_images_are_none(self):
        layer, values, _ = patch_problem()
        assert AugConvLayer(layer)(values[:0]).shape == (0, *layer.output_shape)


@pytest.fixture(params=["shared", "distinct", "windows"])
def any_problem(request):
    if request.param == "windows":
        return problem(nn.Conv2d(3, 4, 3, padding=1), (3, 6, 6), "raster", 6)
    return patch_problem(1 if request.param == "shared" else 6)


class TestALayer:
    def test_has_nothing_to_train_and_passes_gradients_on(self, any_problem):
        layer, values, _ = any_problem
        fixed = AugConvLayer(layer).double()
        assert not list(fixed.parameters())
        assert torch.autograd.gradcheck(fixed, values[:1].double().requires_grad_())

    def test_comes_back_from_its_state_dict_copy_and_pickle(self, any_problem):
        layer, values, _ = any_problem
        fixed = AugConvLayer(layer)
        state = {name: part.clone() for name, part in fixed.state_dict().items()}
        other = AugConvLayer(layer)
        for part in other.buffers():
            part.data = torch.zeros_like(part)
        other.load_state_dict(state)
        for twin in (other, copy.deepcopy(fixed), pickle.loads(pickle.dumps(fixed))):
            assert torch.equal(twin(values), fixed(values))

    def test_moves_with_its_network(self, any_problem):
        layer, _, _ = any_problem
        moved = nn.Sequential(AugConvLayer(layer)).to("meta")
        assert {part.device.type for part in moved.buffers()} == {"meta"}

    def test_compiles_without_a_break(self, any_problem):
        layer, values, _ = any_problem
        fixed = AugConvLayer(layer)
        compiled = torch.compile(fixed, backend="eager", fullgraph=True)
        assert torch.allclose(compiled(values), fixed(values), atol=1e-6)

    def test_compiles_under_autocast(self):
        layer, values, _ = patch_problem()
        fixed = AugConvLayer(layer)
        with torch.autocast("cpu", torch.bfloat16), warnings.catch_warnings():
            warnings.simplefilter("ignore", PrecisionWarning)
            assert torch.equal(torch.compile(fixed, backend="eager")(values), fixed(values))

    def test_leaves_autocast_and_says_so_once(self, any_problem):
        layer, values, _ = any_problem
        fixed = AugConvLayer(layer)
        expected = fixed(values)
        with torch.autocast("cpu", torch.bfloat16):
            with pytest.warns(PrecisionWarning, match="float32"):
                assert torch.equal(fixed(values), expected)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert torch.equal(fixed(values), expected)

    def test_follows_autocast_where_told(self, any_problem):
        layer, values, _ = any_problem
        fixed = AugConvLayer(layer, autocast=True)
        exact = fixed(values)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = fixed(values)
        assert torch.allclose(rounded.float(), exact, atol=0.1)
        assert not torch.allclose(rounded.float(), exact, atol=1e-6)

    def test_gives_what_it_was_given_the_type_of(self, any_problem):
        layer, values, _ = any_problem
        assert AugConvLayer(layer).half()(values.half()).dtype == torch.float16
        assert AugConvLayer(layer)(values.double()).dtype == torch.float64

    def test_says_what_it_maps_and_for_which_release(self):
        said = repr(AugConvLayer(patch_problem()[0]))
        assert "3x8x12 → 7x2x3, release 'rel-1'" in said

    def test_loads_from_the_file_that_was_handed_over(self, tmp_path, any_problem):
        layer, values, expected = any_problem
        loaded = load_augconv(write_augconv(tmp_path / "augconv.safetensors", layer))
        assert torch.allclose(loaded(values).double(), expected, atol=1e-5)
        assert loaded.release_id == "rel-1"


class Patches(nn.Module):
    """A transformer's first steps, as torchvision names them."""

    def __init__(self):
        super().__init__()
        self.conv_proj = nn.Conv2d(3, 7, 4, 4)

    def forward(self, x):
        return self.conv_proj(x).reshape(len(x), 7, -1).permute(0, 2, 1)


class TestReplacing:
    def network(self):
        features = nn.Sequential(nn.Conv2d(3, 7, 4, 4), nn.ReLU(), nn.Conv2d(7, 2, 1))
        return nn.Sequential(nn.Identity(), features)

    def test_swaps_the_first_convolution_and_says_which(self):
        said = []
        fixed = AugConvLayer(patch_problem()[0])
        network = self.network()
        assert replace_first_conv(network, fixed, notice=said.append) is network
        assert network[1][0] is fixed
        assert isinstance(network[1][2], nn.Conv2d)
        assert said[0].startswith("layer 1.0 (Conv2d(3, 7")

    def test_speaks_to_the_terminal_where_nobody_else_listens(self, capsys):
        replace_first_conv(self.network(), patch_problem()[0])
        assert "layer 1.0" in capsys.readouterr().out

    def test_of_a_patch_embedding_is_transparent(self):
        layer, values, expected = patch_problem()
        network = replace_first_conv(Patches(), layer, notice=lambda _: None)
        tokens = expected.flatten(2).permute(0, 2, 1)
        assert torch.allclose(network(values).double(), tokens, atol=1e-5)

    def test_takes_the_layer_that_is_named(self):
        network = nn.ModuleDict({"other": nn.Conv2d(3, 3, 1), "stem": nn.Conv2d(3, 7, 4, 4)})
        layer = patch_problem()[0]
        replace_first_conv(network, layer, layer="stem", notice=lambda _: None)
        assert isinstance(network["stem"], AugConvLayer)

    def test_of_a_network_that_is_the_convolution_gives_the_layer(self):
        layer = patch_problem()[0]
        found = replace_first_conv(nn.Conv2d(3, 7, 4, 4), layer, notice=lambda _: None)
        assert isinstance(found, AugConvLayer)

    @pytest.mark.parametrize(
        ("conv", "named"),
        [
            (nn.Conv2d(3, 8, 4, 4), "gives maps: 8, the Aug-Conv: 7"),
            (nn.Conv2d(1, 7, 4, 4), "takes channels: 1, the Aug-Conv: 3"),
            (nn.Conv2d(3, 7, 4, 2), "gives features"),
            (nn.Linear(3, 7), "has no Conv2d"),
        ],
        ids=str,
    )
    def test_of_another_layer_is_refused_and_changes_nothing(self, conv, named):
        network = nn.Sequential(conv)
        with pytest.raises(UsageError, match=named):
            replace_first_conv(network, patch_problem()[0])
        assert network[0] is conv

    def test_leaves_only_the_rest_to_be_trained(self):
        layer, values, _ = patch_problem()
        network = replace_first_conv(self.network(), layer, notice=lambda _: None)
        assert [name for name, _ in network.named_parameters()] == ["1.2.weight", "1.2.bias"]
        network(values).sum().backward()
        assert network[1][2].weight.grad is not None


def test_the_whole_exchange_gives_the_features_of_the_exported_layer(tmp_path):
    conv = nn.Conv2d(3, 5, 3, padding="same")
    export_first_conv(nn.Sequential(conv), tmp_path / "first", input_size=(6, 6))
    handed = read_first_conv(tmp_path / "first")
    rebuilt = nn.Conv2d(3, 5, 3, padding=1)
    rebuilt.load_state_dict(
        {"weight": torch.from_numpy(handed.weight), "bias": torch.from_numpy(handed.bias)}
    )
    layer, values, expected = problem(rebuilt, (3, 6, 6), "patch", 9)
    loaded = load_augconv(write_augconv(tmp_path / "augconv", layer))
    assert torch.allclose(loaded(values).double(), expected, atol=1e-5)


def provided(conv, blocks, normalize="none"):
    """Return what the provider's own code makes of a convolution, its order, cores, for 32x32."""
    described = describe_conv(conv, input_size=(32, 32), normalize=normalize)
    rng = np.random.default_rng(3)
    order, cores = rng.permutation(described.maps), orthogonal(rng, 1, 192)
    plan = plan_augconv(shuffled(described, order), blocks, 16, is_distinct=False)
    inverses = cores.swapaxes(1, 2)
    matrices = tuple(whole_matrix(plan, i, inverses) for i in range(len(plan.reaches)))
    layer = AugConv(
        matrices, plan.matrix_of, plan.windows, plan.layer.bias, blocks, described.input_shape,
        described.output_shape, "rel-1", {},
    )  # fmt: skip
    return layer, order, cores


FIRST = {
    "vgg": "features.0", "resnet": "conv1", "resnet-imagenet": "conv1", "bottleneck": "conv1",
    "densenet": "features.conv0", "convnext": "features.0.0", "vit": "conv_proj",
    "alexnet": "features.0",
}  # fmt: skip


@pytest.mark.parametrize("blocks", ["raster", "patch"])
@pytest.mark.parametrize("kind", SMALL)
def test_a_network_on_released_values_is_the_network_on_originals(kind, blocks):
    """With the maps back in order behind the layer every logit is the same."""
    torch.manual_seed(0)
    network = SMALL[kind](classes=4).eval()
    name, conv = find_first_conv(network)
    assert name == FIRST[kind]
    layer, order, cores = provided(conv, blocks)
    images = torch.rand(2, 3, 32, 32)
    expected = network(images)
    replace_first_conv(network, layer, notice=lambda _: None)
    back = torch.from_numpy(np.argsort(order))
    network.get_submodule(name).register_forward_hook(lambda *made: made[2][:, back])
    values = torch.from_numpy(morphed(images.double().numpy(), cores, blocks))
    torch.testing.assert_close(network(values), expected, rtol=1e-4, atol=1e-4)
    if kind == "vit" and blocks == "patch":
        assert type(network.conv_proj.product) is AugPatch
