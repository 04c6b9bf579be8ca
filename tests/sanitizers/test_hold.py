"""Sample-and-hold as a sanitizer: images, feature maps of a small network, and the degree."""

from __future__ import annotations

import gc
import json
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import dpkit
from dpkit.errors import DpkitError, UnlockError, UsageError
from dpkit.nets import CLASSIFIERS, cut
from dpkit.nets.named import build_network
from dpkit.sanitizers import SANITIZERS, sanitizer_of
from dpkit.sanitizers.asked import asked_of, weights_in_key
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.degree import SHARE, windows_tried
from dpkit.sanitizers.hold import Hold
from dpkit.types import Geometry, Key, Secret
from dpkit.types.supply import Supply, Weights
from dpkit.types.voice import Voice
from tests import naive
from tests.sanitizers.conftest import batch_of

SEED = Secret(bytes(range(32)))
GEOMETRY = Geometry(3, 32, 32, 8)
SIZES = {"classes": 3, "in_channels": 3, "width": 8, "hidden": 16, "pool": 1, "stem": "small"}
LAYER = "features.3"  # its input is a rectified and pooled map


class Images:
    """Photographs as a source has them: three parts, no label."""

    classes = 3

    def __init__(self, pixels, damaged=()):
        self.held, self.damaged = pixels, damaged
        self.labels = np.full(len(pixels), -1)
        self.groups = np.arange(len(pixels))
        self.parts = ("train", "validation", "test") * (len(pixels) // 3)

    def __len__(self):
        return len(self.held)

    def pixels(self, rows):
        return self.held[rows]

    def readable(self, rows):
        return ~np.isin(rows, self.damaged)


@pytest.fixture(scope="session")
def pieces(photographs):
    """Crops of photographs, u8 [36,32,32,3]."""
    corners = [(y, x) for x in (0, 16, 32) for y in (0, 16, 32)]
    return np.concatenate([photographs[:, y : y + 32, x : x + 32] for y, x in corners])


@pytest.fixture(scope="session")
def weights(pieces):
    """A narrow AlexNet of fixed random weights whose last layer tells these images apart."""
    torch.manual_seed(3)
    network = CLASSIFIERS["alexnet"](**SIZES).eval()
    with torch.no_grad():
        images = torch.from_numpy(pieces.transpose(0, 3, 1, 2) / np.float32(255))
        logits = network((images - 0.5) / 0.25)
        last = network.classifier[-1]
        last.bias -= logits.mean(0)
        last.weight *= 3 / logits.std(0)[:, None]
        last.bias *= 3 / logits.std(0)
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    metadata = {"network": "alexnet", "arguments": json.dumps(SIZES), "normalize": "0.5,0.25"}
    return Weights(state, "ab" * 32, metadata)


@pytest.fixture(scope="session")
def supply(weights, pieces):
    return Supply(weights, Images(pieces))


@pytest.fixture(scope="session")
def made(supply):
    """Return a function from parameters to a completed sanitizer and its key."""

    def make(**options):
        hold = Hold(**options).completed(GEOMETRY, supply)
        return hold, hold.fit(GEOMETRY, SEED, supply)

    return make


@pytest.fixture(scope="session")
def left(made, weights, pieces):
    """Return a function from windows [n] to what is left of each image's probability."""
    hold, key = made(layer=LAYER)
    plain = hold.unheld(pieces, key, GEOMETRY)
    network = build_network(weights.arrays, weights.metadata)

    def answers(row, maps):
        image = torch.from_numpy(pieces[row : row + 1].transpose(0, 3, 1, 2) / np.float32(255))
        given = torch.from_numpy(maps.reshape(1, *maps.shape[-3:]))
        logits = cut.Cut(network, LAYER).logits(image, lambda _maps: given)
        return logits.double().softmax(1)[0].numpy()

    def share(row, window):
        before = answers(row, plain[row])
        held = naive.held(plain[row].ravel(), window).reshape(plain[row].shape)
        return answers(row, held)[before.argmax()] / before.max()

    return share


def released(hold, key, pixels, geometry=GEOMETRY):
    return hold.apply(batch_of(pixels), key, geometry).values


class TestImages:
    @pytest.mark.parametrize("window", [2, 8, 100])
    def test_become_the_held_stream_of_width_then_height_then_channels(self, photographs, window):
        hold, geometry = Hold(window=window), Geometry(3, 64, 64, 8)
        values = released(hold, hold.fit(geometry, SEED), photographs, geometry)
        stream = photographs[1].transpose(2, 0, 1).ravel()
        assert np.array_equal(values[1].ravel(), naive.held(stream, window))

    def test_of_sixteen_bits_stay_so(self):
        geometry = Geometry(1, 4, 8, 16)
        pixels = np.arange(64, dtype=np.uint16).reshape(2, 4, 8, 1) * 1000 + 1
        values = released(Hold(), Hold().fit(geometry, SEED), pixels, geometry)
        assert values.dtype == np.uint16
        assert values[0, 0, 0].tolist() == [3001] * 8

    def test_need_nothing_and_have_no_network_to_differentiate(self):
        assert Hold().needs == frozenset()
        assert Hold().encoder(Hold().fit(GEOMETRY, SEED), GEOMETRY) is None


class TestFeatureMaps:
    def test_are_the_held_input_of_the_named_layer(self, made, weights, pieces):
        hold, key = made(layer=LAYER, window=8)
        network = build_network(weights.arrays, weights.metadata)
        images = torch.from_numpy(pieces[:1].transpose(0, 3, 1, 2) / np.float32(255))
        maps = cut.Cut(network, LAYER).maps(images).numpy()
        values = released(hold, key, pieces[:1])
        assert hold.map_shape == values.shape[1:] == maps.shape[1:]
        assert np.array_equal(values.ravel(), naive.held(maps.ravel(), 8))

    def test_are_held_in_the_type_that_is_released(self, made, pieces):
        hold, key = made(layer=LAYER, dtype="float16")
        plain = hold.unheld(pieces, key, GEOMETRY)
        values = released(hold, key, pieces)
        assert plain.dtype == values.dtype == np.float16
        for one, row in zip(plain, values, strict=True):
            assert np.array_equal(row.ravel(), naive.held(one.ravel(), 8))

    @pytest.mark.parametrize("options", [{"window": 5}, {"degree": 0.05, "degree_by": "image"}])
    def test_are_told_from_rows_that_were_not_held(self, made, pieces, options):
        hold, key = made(layer=LAYER, **options)
        values = released(hold, key, pieces[:6])
        assert not len(hold.foreign(values))
        values[[1, 4]] = hold.unheld(pieces[[1, 4]], key, GEOMETRY)
        assert hold.foreign(values).tolist() == [1, 4]

    def test_of_a_flat_layer_have_one_place(self, made, pieces):
        hold, key = made(layer="classifier.4")
        assert hold.map_shape == (16, 1, 1)
        assert released(hold, key, pieces).shape == (len(pieces), 16, 1, 1)

    def test_do_not_depend_on_the_batch_nor_on_the_thread(self, made, pieces):
        hold, key = made(layer=LAYER)
        whole = released(hold, key, pieces)
        alone = [released(hold, key, pieces[i : i + 1])[0] for i in range(len(pieces))]
        with ThreadPoolExecutor(3) as pool:
            apart = list(
                pool.map(lambda i: released(hold, key, pieces[i : i + 2]), range(0, len(pieces), 2))
            )
        assert np.array_equal(np.stack(alone), whole)
        assert np.array_equal(np.concatenate(apart), whole)

    def test_say_what_made_them(self, made):
        hold, key = made(layer=LAYER)
        assert (hold.network, hold.normalize) == ("alexnet", "0.5,0.25")
        assert hold.model_sha256 == "ab" * 32
        assert hold.key_bytes(GEOMETRY) == max(key.array(name).nbytes for name in key.names())
        assert any(LAYER in line for line in hold.describe(GEOMETRY))

    def test_keep_their_parameters_as_json(self, made):
        hold, _ = made(layer=LAYER, degree=0.1, degree_by="image")
        assert sanitizer_of("hold", json.loads(json.dumps(parameters(hold)))) == hold

    def test_can_be_differentiated_through(self, made, pieces):
        hold, key = made(layer=LAYER)
        encode = hold.encoder(key, GEOMETRY)
        images = torch.from_numpy(pieces[:2].transpose(0, 3, 1, 2) / np.float32(255))
        images.requires_grad_()
        values = encode(images)
        assert np.allclose(values.detach().numpy(), released(hold, key, pieces[:2]), atol=1e-4)
        values.sum().backward()
        assert (images.grad != 0).float().mean() > 0.5

    def test_beyond_the_type_are_refused(self, weights, supply, pieces):
        huge = {name: 500 * array for name, array in weights.arrays.items()}
        hot = replace(supply, weights=replace(weights, arrays=huge))
        hold = Hold(layer="features.8", dtype="float16").completed(GEOMETRY, hot)
        with pytest.raises(DpkitError, match="float16"):
            released(hold, hold.fit(GEOMETRY, SEED, hot), pieces)

    @pytest.mark.parametrize("normalize", ["", "none", "imagenet"])
    def test_of_the_first_layer_are_said_to_be_the_picture(self, supply, normalize):
        told = []
        aloud = replace(supply, voice=Voice(told.append))
        Hold(layer="features.0", normalize=normalize).completed(GEOMETRY, aloud)
        assert "features.0 is given the picture itself" in told[0]

    @pytest.mark.parametrize("layer", ["features.1", LAYER, "classifier.1", "classifier.6"])
    def test_of_later_layers_are_not(self, supply, layer):
        told = []
        Hold(layer=layer).completed(GEOMETRY, replace(supply, voice=Voice(told.append)))
        assert told == []

    def test_go_through_a_network_that_is_gone_with_its_key(self, weights):
        key = Key(SEED, weights_in_key(weights))
        networks = [asked_of(key, ("", "", LAYER), 255)._network for _ in range(2)]
        assert networks[0] is networks[1]
        gone = weakref.ref(networks[0])
        del key, networks
        gc.collect()
        assert gone() is None

    def test_take_a_key_with_a_network(self, made, pieces):
        hold, _ = made(layer=LAYER)
        with pytest.raises(UnlockError, match="no network"):
            released(hold, Hold().fit(GEOMETRY, SEED), pieces)


class TestTheDegree:
    def test_by_image_is_the_smallest_window_that_reaches_it(self, made, pieces, left):
        hold, key = made(layer=LAYER, degree=0.05, degree_by="image")
        plain, values = hold.unheld(pieces, key, GEOMETRY), released(hold, key, pieces)
        samples = plain[0].size
        for row in (0, 5):
            for window in windows_tried(samples):
                if left(row, window) <= 2**-0.05 or window == samples:
                    break
            assert np.array_equal(values[row].ravel(), naive.held(plain[row].ravel(), window))

    def test_of_the_release_is_reached_by_half_of_a_sample_without_the_test_part(self, made, left):
        hold, _ = made(layer=LAYER, degree=0.05)
        rows = [row for row in range(36) if row % 3 != 2]
        for window, share, middle in hold.tried[:4]:
            found = [left(row, int(window)) for row in rows]
            assert share == pytest.approx(np.mean([x <= 2**-0.05 for x in found]), abs=1e-4)
            assert middle == pytest.approx(np.median(found), abs=1e-5)
        reached = [window for window, share, _ in hold.tried if share >= SHARE]
        assert hold.window == reached[0]

    def test_is_recorded_with_every_window_tried(self, made):
        hold, _ = made(layer=LAYER, degree=0.05)
        samples = int(np.prod(hold.map_shape))
        assert tuple(window for window, _, _ in hold.tried) == windows_tried(samples)

    def test_is_said_with_the_window_and_its_figures(self, supply):
        told = []
        aloud = replace(supply, voice=Voice(told.append))
        hold = Hold(layer=LAYER, degree=0.05).completed(GEOMETRY, aloud)
        share = next(share for window, share, _ in hold.tried if window == hold.window)
        (said,) = told
        assert said.startswith(f"window for the degree 0.05: {hold.window} samples; {share:.0%}")
        assert "measured (24)" in said
        Hold(layer=LAYER, degree=0.05, degree_by="image").completed(GEOMETRY, aloud)
        assert "each image has the smallest window" in told[1]

    def test_of_a_sample_below_20_images_publishes_the_window_alone(self, weights, pieces):
        told = []
        few = Supply(weights, Images(pieces[:27]), voice=Voice(told.append))
        hold = Hold(layer=LAYER, degree=0.05).completed(GEOMETRY, few)
        assert hold.window > 1
        assert parameters(hold)["tried"] == ()
        assert "not published" in told[1]

    def test_leaves_out_images_that_cannot_be_read(self, weights, pieces):
        told = []
        black = np.concatenate([pieces[:30], 0 * pieces[:12]])
        damaged = tuple(range(30, 42))
        some = Supply(weights, Images(black, damaged), voice=Voice(told.append))
        alone = Supply(weights, Images(pieces[:30]))
        options = {"layer": LAYER, "degree": 0.05}
        found = Hold(**options).completed(GEOMETRY, some)
        assert found == Hold(**options).completed(GEOMETRY, alone)
        assert "measured (20)" in told[0]
        none = Supply(weights, Images(black, tuple(range(42))))
        with pytest.raises(UsageError, match="none of them can be read"):
            Hold(**options).completed(GEOMETRY, none)

    @pytest.mark.parametrize("degree_by", ["release", "image"])
    def test_of_maps_beyond_the_type_is_refused(self, weights, supply, degree_by):
        huge = {name: 500 * array for name, array in weights.arrays.items()}
        hot = replace(supply, weights=replace(weights, arrays=huge))
        options = {"layer": "features.8", "degree": 0.05, "degree_by": degree_by}
        with pytest.raises(DpkitError, match="use --dtype float32"):
            Hold(**options, dtype="float16").completed(GEOMETRY, hot)

    def test_of_a_network_without_an_answer_is_refused(self, weights, supply):
        last = "classifier.6.bias"
        endless = weights.arrays | {last: weights.arrays[last] + np.float32(np.inf)}
        broken = replace(supply, weights=replace(weights, arrays=endless))
        with pytest.raises(UsageError, match="no number"):
            Hold(layer=LAYER, degree=0.05).completed(GEOMETRY, broken)

    def test_may_be_of_images(self, made, pieces):
        hold, key = made(degree=0.05)
        values = released(hold, key, pieces)
        assert (hold.map_shape, values.dtype) == ((), np.uint8)
        stream = pieces[2].transpose(2, 0, 1).ravel()
        assert np.array_equal(values[2].ravel(), naive.held(stream, hold.window))

    def test_that_no_window_reaches_is_refused_with_how_far_it_came(self, made):
        with pytest.raises(UsageError, match="reached by no window at half of the images"):
            made(layer=LAYER, degree=64)

    def test_is_never_called_what_it_is_not(self):
        """γ grows with sanitization, as no budget does: the field's words for one are not here."""
        root = Path(dpkit.__file__).parent
        files = [*root.glob("sanitizers/hold*.py"), root / "sanitizers" / "degree.py"]
        files += [root / "kernels" / "hold.py", root.parent / "docs" / "sanitizers" / "hold.md"]
        for path in files:
            text = path.read_text().lower().replace("dpkit", "").replace("dpk", "")
            assert not {w for w in ("epsilon", "ε", "differential", "dp ", "dp-") if w in text}, (
                path
            )


class TestRefused:
    def test_a_window_that_changes_nothing(self):
        with pytest.raises(UsageError, match="a window of 1 sample"):
            Hold(window=1).check(GEOMETRY)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"window": 0}, "--window 0"),
            ({"degree": -1.0}, "--degree"),
            ({"degree": 1e-30}, "--degree 1e-30 is not 0, nor within 0.01 to 64"),
            ({"degree": float("nan")}, "--degree"),
            ({"degree_by": "class"}, "--degree-by 'class'"),
            ({"dtype": "float64"}, "--dtype"),
            ({"network": "alexnet"}, "none is asked for"),
            ({"layer": "a", "normalize": "much"}, "normalisation"),
        ],
    )
    def test_parameters_outside_their_range(self, options, words):
        with pytest.raises(UsageError, match=words):
            Hold(**options)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"layer": "features.99"}, "no layer 'features.99'; the layers are features.0"),
            ({"layer": LAYER, "network": "vgg16_bn"}, "another's"),
            ({"layer": LAYER, "network": "no_such"}, "'no_such' is not one of"),
        ],
    )
    def test_a_network_that_does_not_fit(self, made, options, words):
        with pytest.raises(UsageError, match=words):
            made(**options)

    def test_no_network(self):
        with pytest.raises(UsageError, match="no network is named"):
            Hold(layer=LAYER).completed(GEOMETRY, Supply())
        with pytest.raises(UsageError, match="no network is named"):
            Hold(layer=LAYER).fit(GEOMETRY, SEED)

    def test_code_that_only_the_file_names(self, weights):
        hostile = Weights(weights.arrays, "", weights.metadata | {"network": "os:getcwd"})
        with pytest.raises(UsageError, match="'os:getcwd' is not one of"):
            Hold(layer=LAYER).completed(GEOMETRY, Supply(hostile))


def test_it_is_in_the_table():
    assert SANITIZERS["hold"] is Hold
