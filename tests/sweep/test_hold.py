"""A sweep says what the network says when a naive sample-and-hold stands before its layers."""

from math import log2

import numpy as np
import pytest
import torch
from torch import nn

from dpkit.errors import UsageError
from dpkit.nets import AlexNet
from dpkit.sweep import hold
from dpkit.sweep.hold import HoldPlan, holding, sweep_hold
from dpkit.sweep.sample import Sample
from dpkit.types.voice import Voice
from tests.conftest import crop

CLASSES = ("chelsea", "coffee", "rocket")
CHOSEN = ("features.3", "features.6", "classifier.6")


def naive(stream, window):
    """Algorithm 1 on one stream, a line a step; of two equally near samples the lower."""
    out = stream.copy()
    for start in range(0, len(stream), window):
        piece = stream[start : start + window]
        held = piece[piece != 0].astype(np.float64)
        if len(held):
            mean = held.sum() / len(held)
            out[start : start + window] = min(held, key=lambda x: (abs(x - mean), x))
    return out


def held_by_hand(maps, window):
    rows = [naive(image.reshape(-1), window).reshape(image.shape) for image in maps.numpy()]
    return torch.from_numpy(np.stack(rows))


@pytest.fixture(scope="module")
def sample():
    names = [CLASSES[i % 3] for i in range(7)]
    pixels = np.stack([crop(name, i, 32) for i, name in enumerate(names)])
    images = np.ascontiguousarray(np.moveaxis(pixels, -1, 1).astype(np.float32) / 255)
    return Sample(images, tuple(names))


@pytest.fixture(scope="module")
def network(sample):
    """Give a network that is sure, and of several classes, as a trained one is."""
    torch.manual_seed(3)
    made = AlexNet(width=4, hidden=8, pool=3, stem="small", classes=3).eval()
    made.requires_grad_(requires_grad=False)
    last = made.classifier[6]
    last.bias -= made(torch.from_numpy(sample.images)).mean(0)
    last.weight *= 20
    last.bias *= 20
    return made


def swept(network, sample, plan, classes=CLASSES):
    return sweep_hold(network, sample, classes, plan, Voice())


class TestWhatIsHeld:
    @pytest.mark.parametrize("window", [1, 2, 5, 7, 30, 1000])
    def test_is_the_paper_s_algorithm_along_the_width_then_the_height_then_the_channel(
        self, window
    ):
        maps = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).relu()
        assert torch.equal(holding(window)(maps), held_by_hand(maps, window))

    def test_crosses_rows_and_channels_but_no_images(self):
        maps = torch.tensor([[[[1.0, 0.0], [0.0, 3.0]]], [[[9.0, 0.0], [0.0, 0.0]]]])
        assert holding(3)(maps).tolist() == [
            [[[1.0, 1.0], [1.0, 3.0]]],
            [[[9.0, 9.0], [9.0, 0.0]]],
        ]

    def test_leaves_the_maps_themselves_alone(self):
        maps = torch.rand(1, 2, 3, 3)
        before = maps.clone()
        holding(4)(maps)
        assert torch.equal(maps, before)


class TestASweep:
    def test_of_window_1_is_the_network_s_own_word(self, network, sample):
        found = swept(network, sample, HoldPlan(CHOSEN, (1,)))
        assert {held.windows[1] for held in found.layers} == {found.plain}
        assert found.plain.agreement == 1.0
        assert found.plain.degree == 0.0
        assert found.plain.reached == 0.0
        assert [held.effectiveness for held in found.layers] == [None] * 3

    @pytest.mark.parametrize("layer", [3, 6])
    def test_says_what_the_rest_of_the_network_makes_of_held_maps(self, network, sample, layer):
        found = swept(network, sample, HoldPlan((f"features.{layer}",), (6,), degree=0.5))
        images = torch.from_numpy(sample.images)
        maps = network.features[:layer](images)
        after = network.features[layer:](held_by_hand(maps, 6))
        after = network.classifier(network.avgpool(after).flatten(1)).double().softmax(1)
        before = network(images).double().softmax(1)
        original = before.argmax(1, keepdim=True)
        p, q = (given.gather(1, original).numpy()[:, 0] for given in (before, after))
        (held,) = found.layers
        said = held.windows[6]
        assert held.shape == tuple(maps.shape[1:])
        assert held.samples == maps[0].numel()
        assert held.zeros == pytest.approx(float((maps == 0).double().mean()))
        assert said.probability == pytest.approx(q.mean(), abs=1e-6)
        assert said.deviation == pytest.approx(q.std(), abs=1e-6)
        assert said.median == pytest.approx(np.median(q), abs=1e-6)
        assert said.agreement == float((after.argmax(1) == original[:, 0]).double().mean())
        labels = torch.tensor([CLASSES.index(name) for name in sample.classes])
        assert said.accuracy == float((after.argmax(1) == labels).double().mean())
        assert said.degree > 0.3
        assert said.reached == float((q <= 2**-0.5 * p).mean())
        assert said.degree == pytest.approx(log2(p.mean() / q.mean()), abs=1e-5)
        assert held.effectiveness == said.reached

    def test_counts_as_eff_san_the_pairs_of_image_and_window_above_1(self, network, sample):
        found = swept(network, sample, HoldPlan(CHOSEN, (1, 2, 64, 512), degree=0.1))
        assert any(held.effectiveness for held in found.layers)
        for held in found.layers:
            shares = [held.windows[window].reached for window in (2, 64, 512)]
            assert held.effectiveness == pytest.approx(sum(shares) / 3)

    def test_of_a_cascade_holds_both_layers_in_one_pass(self, network, sample):
        steps = (("features.3", 4), ("features.6", 9))
        found = swept(network, sample, HoldPlan(("features.3",), (4,), (steps,)))
        images = torch.from_numpy(sample.images)
        first = network.features[3:6](held_by_hand(network.features[:3](images), 4))
        last = network.features[6:](held_by_hand(first, 9))
        after = network.classifier(network.avgpool(last).flatten(1)).double().softmax(1)
        original = network(images).argmax(1, keepdim=True)
        (cascade,) = found.cascades
        expected = float(after.gather(1, original).mean())
        assert cascade.together.probability == pytest.approx(expected, abs=1e-6)
        assert cascade.alone[0] == found.layers[0].windows[4]
        assert cascade.steps == steps

    def test_does_not_depend_on_how_many_images_run_at_once(self, network, sample, monkeypatch):
        plan = HoldPlan(CHOSEN[:2], (3, 40))
        together = swept(network, sample, plan)
        monkeypatch.setattr(hold, "AT_ONCE", 2)
        apart = swept(network, sample, plan)
        for one, other in zip(together.layers, apart.layers, strict=True):
            assert one.zeros == other.zeros
            for window in (3, 40):
                assert one.windows[window].probability == pytest.approx(
                    other.windows[window].probability, abs=1e-5
                )

    def test_tells_how_many_runs_are_done_of_how_many(self, network, sample, monkeypatch):
        monkeypatch.setattr(hold, "AT_ONCE", 4)
        told = []
        voice = Voice(progress=lambda _stage, done, total: told.append((done, total)))
        sweep_hold(network, sample, CLASSES, HoldPlan(CHOSEN[:1], (1, 2)), voice)
        assert told == [(done, 6) for done in range(1, 7)]

    def test_knows_no_accuracy_where_no_class_is_known(self, network, sample):
        found = swept(network, Sample(sample.images, ()), HoldPlan(CHOSEN, (2,)))
        assert found.labelled == 0
        assert found.plain.accuracy is None

    def test_of_a_network_that_looks_at_nothing_finds_that_nothing_changes(self, sample):
        network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)).eval()
        network[1].weight.data.zero_()
        found = swept(network, sample, HoldPlan(("1",), (2, 3072)))
        assert {said.probability for said in found.layers[0].windows.values()} == {
            found.plain.probability
        }
        assert found.layers[0].effectiveness == 0.0


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"layers": ()}, "needs layers and windows"),
            ({"windows": ()}, "needs layers and windows"),
            ({"windows": (0, 1)}, "a window of 0 holds no sample"),
            ({"cascades": ((("a", 1), ("b", 0)),)}, "a window of 0 holds no sample"),
            ({"degree": 1e-30}, "degree 1e-30 is not 0.01 or more"),
            ({"degree": float("nan")}, "degree nan is not 0.01 or more"),
        ],
    )
    def test_is_a_plan_that_says_nothing(self, given, message):
        with pytest.raises(UsageError, match=message):
            HoldPlan(**{"layers": ("a",), "windows": (1,), **given})

    @pytest.mark.parametrize(
        ("layers", "steps", "message"),
        [
            (("features.99",), (), "no layer 'features.99'; the layers are features.0"),
            (("features.3",), (("x", 1), ("features.3", 1)), "no layer 'x'"),
            (("features.3",), (("features.3", 1), ("features.3", 2)), "each layer once, in order"),
            (("features.3",), (("features.6", 1), ("features.3", 2)), "each layer once, in order"),
        ],
    )
    def test_is_a_layer_that_does_not_stand_there(self, network, sample, layers, steps, message):
        plan = HoldPlan(layers, (1,), (steps,) if steps else ())
        with pytest.raises(UsageError, match=message):
            swept(network, sample, plan)

    def test_is_a_network_whose_answers_are_no_numbers(self, sample):
        network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)).eval()
        network[1].weight.data.fill_(3e38)
        with pytest.raises(UsageError, match=r"no number.*see --normalize"):
            swept(network, sample, HoldPlan(("1",), (2,)))

    def test_are_images_that_the_network_cannot_take(self, network, sample):
        small = Sample(sample.images[:, :, :4, :4].copy(), ())
        with pytest.raises(UsageError, match="cannot take images of 3x4x4"):
            swept(network, small, HoldPlan(("features.3",), (1,)))
