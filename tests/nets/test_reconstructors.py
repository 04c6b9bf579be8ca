"""Released values of any shape become pictures of any other, at a size that a processor trains."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpkit.nets import MLP, RECONSTRUCTORS, Deconvolution, ResidualUNet

SIDES = st.integers(1, 20)
SHAPES = st.tuples(st.integers(1, 6), SIDES, SIDES)
PICTURES = st.tuples(st.sampled_from([1, 3]), SIDES, SIDES)
USUAL = {
    "first stage": ((64, 16, 16), (3, 32, 32)),
    "deep": ((512, 1, 1), (3, 32, 32)),
    "picture": ((3, 32, 32), (3, 32, 32)),
    "large": ((64, 56, 56), (3, 224, 224)),
}


def weights(network):
    return sum(parameter.numel() for parameter in network.parameters())


@settings(max_examples=20, deadline=None)
@given(in_shape=SHAPES, out_shape=PICTURES)
@pytest.mark.parametrize("name", RECONSTRUCTORS)
def test_any_shape_becomes_any_other(name, in_shape, out_shape):
    network = RECONSTRUCTORS[name](in_shape=in_shape, out_shape=out_shape)
    assert network(torch.randn(2, *in_shape)).shape == (2, *out_shape)


@pytest.mark.parametrize("name", RECONSTRUCTORS)
def test_untrained_it_adds_nothing_to_a_first_guess(name):
    network = RECONSTRUCTORS[name](in_shape=(4, 5, 7), out_shape=(3, 9, 8)).eval()
    assert not network(torch.randn(2, 4, 5, 7)).any()


@pytest.mark.parametrize("usual", USUAL)
@pytest.mark.parametrize("name", RECONSTRUCTORS)
def test_a_processor_can_hold_and_train_it(name, usual):
    in_shape, out_shape = USUAL[usual]
    with torch.device("meta"):
        network = RECONSTRUCTORS[name](in_shape=in_shape, out_shape=out_shape)
    assert 1_000 < weights(network) < 17_000_000


@pytest.mark.parametrize("name", RECONSTRUCTORS)
def test_eight_pictures_are_learnt_by_heart(name):
    values, pictures = torch.randn(8, 6, 4, 4), torch.randn(8, 1, 8, 8)
    network = RECONSTRUCTORS[name](in_shape=(6, 4, 4), out_shape=(1, 8, 8))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(400):
        optimizer.zero_grad()
        loss = ((network(values) - pictures) ** 2).mean()
        if loss.item() < 0.5:
            return
        loss.backward()
        optimizer.step()
    pytest.fail(f"the loss is still {loss.item():.2f}")


def test_a_perceptron_may_have_more_hidden_layers():
    one = MLP(in_shape=(2, 3, 3), out_shape=(1, 6, 6), hidden=8)
    two = MLP(in_shape=(2, 3, 3), out_shape=(1, 6, 6), hidden=8, layers=2)
    assert weights(two) - weights(one) == 8 * 8 + 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda **s: MLP(layers=0, **s), "layers 0 is below 1"),
        (lambda **s: Deconvolution(width=0, **s), "width 0 is below 1"),
        (lambda **s: ResidualUNet(width=0, **s), "width 0 is below 1"),
    ],
)
def test_impossible_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(in_shape=(1, 4, 4), out_shape=(1, 8, 8))
