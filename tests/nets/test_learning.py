"""Every architecture takes images of 32x32, reaches all its parameters, and learns by heart."""

import pytest
import torch
from torch.nn.functional import cross_entropy


def test_images_of_32_give_a_logit_for_each_class(make_small):
    assert make_small(classes=5)(torch.randn(3, 3, 32, 32)).shape == (3, 5)


def test_grey_images_are_taken_too(make_small):
    assert make_small(classes=2, in_channels=1)(torch.randn(2, 1, 32, 32)).shape == (2, 2)


def test_a_gradient_flows_to_every_parameter(make_small):
    network = make_small(classes=4)
    cross_entropy(network(torch.randn(8, 3, 32, 32)), torch.arange(8) % 4).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if parameter.ndim > 1:  # a bias before a batch norm has none but rounding
            assert parameter.grad.abs().max() > 0, name


def test_evaluation_does_not_depend_on_the_rest_of_the_batch(make_small):
    network = make_small(classes=4).eval()
    images = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        together, alone = network(images)[:1], network(images[:1])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_same_seed_gives_the_same_network(make_small):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(make_small(classes=2).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_state_dict_loads_into_another_of_its_kind(make_small):
    first, second = make_small(classes=3).eval(), make_small(classes=3).eval()
    images = torch.randn(2, 3, 32, 32)
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        assert torch.equal(first(images), second(images))


def test_sixteen_images_with_random_labels_are_learnt_by_heart(make_small):
    network = make_small(classes=4)
    images, labels = torch.randn(16, 3, 32, 32), torch.randint(4, (16,))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    for _ in range(150):
        optimizer.zero_grad()
        loss = cross_entropy(network(images), labels)
        if loss.item() < 0.1:
            return
        loss.backward()
        optimizer.step()
    pytest.fail(f"the loss is still {loss.item():.2f}")


def test_the_layout_in_memory_changes_nothing(make_small):
    network, images = make_small(classes=3).eval(), torch.randn(2, 3, 32, 32)
    innermost = images.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        torch.testing.assert_close(network(innermost), network(images), rtol=1e-4, atol=1e-5)
