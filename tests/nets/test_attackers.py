"""Attackers give pictures of the image's shape, and start at the mean image."""

import pytest
import torch

from dpkit.nets.attackers import ATTACKERS, DEFENDERS, FromMean, Sparse
from dpkit.nets.reconstructors import MLP

IN = {"mlp": (16, 1, 1), "cnn": (4, 7, 5), "vgg19": (8, 4, 4)}
ALL = [(network, name) for network, table in ATTACKERS.items() for name in table]


@pytest.mark.parametrize(("network", "name"), ALL)
def test_each_starts_at_the_mean_image(network, name):
    mean = 0.01 + 0.98 * torch.rand(3, 28, 20)
    attacker = FromMean(ATTACKERS[network][name](in_shape=IN[network], out_shape=mean.shape), mean)
    pictures = attacker(torch.rand(2, *IN[network]))
    assert torch.allclose(pictures, mean.expand(2, 3, 28, 20), atol=1e-6)


def test_eight_attackers_and_four_defenders_face_the_perceptron():
    assert (len(ATTACKERS["mlp"]), len(DEFENDERS["mlp"])) == (8, 4)


@pytest.mark.parametrize("network", DEFENDERS)
def test_every_defender_is_also_an_attacker(network):
    assert DEFENDERS[network].items() <= ATTACKERS[network].items()


def test_a_quarter_of_a_sparse_code_speaks():
    heard = []
    sparse = Sparse(in_shape=(20, 1, 1), out_shape=(1, 8, 8))
    sparse.head.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    sparse(torch.randn(50, 20, 1, 1))
    speaking = (heard[0] > 0).sum(dim=1)
    assert heard[0].shape == (50, 40)
    assert speaking.max() == 10


def test_another_activation_is_refused():
    with pytest.raises(ValueError, match="activation 'gelu' is not one of relu, tanh, sigmoid"):
        MLP(in_shape=(1, 2, 2), out_shape=(1, 2, 2), activation="gelu")
