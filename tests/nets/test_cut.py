"""A cut shows what enters a layer, and what the network says if something else enters."""

import pytest
import torch
from torch import nn

from dpkit.nets import AlexNet, ResNet
from dpkit.nets.cut import Cut, layer_names, logits_through, one_thread

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def network():
    return AlexNet(width=4, hidden=8, pool=3, stem="small", classes=5).eval()


class TestMaps:
    @pytest.mark.parametrize("layer", ["features.0", "features.1", "features.5", "features.12"])
    def test_are_what_the_layers_before_it_make(self, network, layer):
        before = network.features[: int(layer.split(".")[1])]
        assert torch.equal(Cut(network, layer).maps(IMAGES), before(IMAGES))

    def test_of_a_linear_layer_are_vectors(self, network):
        assert Cut(network, "classifier.6").maps(IMAGES).shape == (2, 8)

    def test_are_not_changed_by_a_layer_that_works_in_place(self, network):
        maps = Cut(network, "features.1").maps(IMAGES)
        assert (maps < 0).any()

    def test_do_not_depend_on_the_other_images(self, make_small):
        network = make_small(classes=3)
        name = layer_names(network)[-1]
        together = Cut(network, name).maps(IMAGES)
        alone = Cut(network, name).maps(IMAGES[:1])
        assert torch.allclose(together[:1], alone, atol=1e-5)

    def test_carry_a_gradient_only_where_it_is_wanted(self, network):
        images = IMAGES.clone().requires_grad_()
        assert not Cut(network, "features.3").maps(images).requires_grad
        Cut(network, "features.3", with_grad=True).maps(images).sum().backward()
        assert images.grad.abs().sum() > 0


class TestLogits:
    @pytest.mark.parametrize("layer", ["features.0", "features.4", "classifier.6"])
    def test_are_the_networks_own_where_nothing_is_changed(self, network, layer):
        with torch.no_grad():
            expected = network(IMAGES)
        cut = Cut(network, layer)
        assert torch.equal(cut.logits(IMAGES), expected)
        assert torch.equal(cut.logits(IMAGES, lambda maps: maps), expected)

    def test_follow_the_replacement(self, network):
        zero = Cut(network, "classifier.6").logits(IMAGES, torch.zeros_like)
        assert torch.equal(zero, network.classifier[6].bias.expand(2, 5))

    def test_of_one_image_follow_from_the_maps_of_another(self, network):
        other = IMAGES.flip(0)
        cut = Cut(network, "features.6")
        maps = cut.maps(other)
        assert torch.equal(cut.logits(IMAGES, lambda _: maps), cut.logits(other))

    def test_of_a_cascade_pass_the_first_replacement_on_to_the_second(self, network):
        seen = []
        replaces = {
            "features.3": torch.zeros_like,
            "features.6": lambda maps: seen.append(maps) or maps * 0 + 1,
        }
        logits = logits_through(network, IMAGES, replaces)
        assert torch.equal(seen[0], network.features[3:6](torch.zeros(2, 4, 15, 15)))
        assert torch.equal(logits, Cut(network, "features.6").logits(IMAGES, torch.ones_like))

    def test_leave_no_hook_behind(self, network):
        expected = network(IMAGES)
        Cut(network, "features.3").logits(IMAGES, torch.zeros_like)
        with pytest.raises(ValueError, match="replacement"):
            Cut(network, "features.3").logits(IMAGES, lambda maps: maps[:1])
        assert torch.equal(network(IMAGES), expected)


class TestRefused:
    @pytest.mark.parametrize("layer", ["", "features.99", "nothing", "features..0"])
    def test_is_a_layer_that_there_is_not_with_those_there_are(self, network, layer):
        with pytest.raises(ValueError, match=r"no layer .*; the layers are features\.0, features"):
            Cut(network, layer)

    def test_is_a_layer_that_runs_twice(self):
        network = ResNet(layers=(1, 1), width=4, stem="small", classes=3)
        with pytest.raises(ValueError, match=r"'layer1.0.relu' runs 2 times"):
            Cut(network, "layer1.0.relu").maps(IMAGES)

    def test_is_a_layer_that_never_runs(self):
        network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2))
        network.spare = nn.Module()
        network.forward = lambda images: network[1](network[0](images))
        with pytest.raises(ValueError, match="'spare' runs 0 times"):
            Cut(network, "spare").logits(IMAGES, torch.zeros_like)

    def test_is_a_replacement_of_another_shape(self, network):
        message = r"'features.3' is \[2, 4, 15, 15\], its replacement \[1, 4, 15, 15\]"
        with pytest.raises(ValueError, match=message):
            Cut(network, "features.3").logits(IMAGES, lambda maps: maps[:1])

    def test_is_an_image_that_the_network_cannot_take(self, network):
        with pytest.raises(ValueError, match="cannot take images of 3x4x4"):
            Cut(network, "features.3").maps(IMAGES[:, :, :4, :4])

    def test_are_more_layers_than_a_message_holds_only_counted(self):
        network = nn.Sequential(*(nn.Identity() for _ in range(70)))
        with pytest.raises(ValueError, match=r"59 and 10 more$"):
            Cut(network, "x")


def test_one_thread_is_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
