"""Algorithm 1: defenders learn to see, the network learns not to be seen by the best of them."""

import re

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from dpkit.nets.attackers import DEFENDERS, FromMean
from dpkit.nets.bipartite import mlp
from dpkit.training.distances import squared
from dpkit.training.loop import Batch
from dpkit.training.suite import (
    RemoteLearner,
    SuiteLearner,
    defended_loss,
    defender_step,
    nearest,
)

SHAPE = (1, 6, 6)


@pytest.fixture(autouse=True)
def _one_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def a_batch(n=48, step=0, epoch=9):
    images = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(step))
    labels = (images[:, 0, :3].mean(dim=(1, 2)) > images[:, 0, 3:].mean(dim=(1, 2))).long()
    return Batch(images, labels, epoch, step)


def a_learner(strength=0.0, defenders=2):
    network = mlp(shape=SHAPE, classes=2, split=1, width=4)
    mean = torch.full(SHAPE, 0.5)
    makers = list(DEFENDERS["mlp"].items())[:defenders]
    suite = {
        name: FromMean(make(in_shape=(32, 1, 1), out_shape=SHAPE), mean) for name, make in makers
    }
    return SuiteLearner(network, suite, strength=strength, distance="mse", epochs=10)


def weights(network):
    return [value.detach().clone() for value in network.parameters()]


def changed(before, network):
    return [not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)]


def test_the_loss_is_that_of_equation_2():
    task, distance = torch.tensor(2.0), torch.tensor(0.25)
    assert defended_loss(task, distance, 0.0) == 2.0
    assert defended_loss(task, distance, 4.0) == 1.0


def test_the_best_defender_is_the_one_with_the_smallest_loss():
    assert nearest([torch.tensor(x) for x in (0.3, 0.1, 0.2)]) == 1


def test_a_defender_learns_and_the_local_part_does_not_learn_from_it():
    learner = a_learner()
    batch, (name, defender) = a_batch(), next(iter(learner.defenders.items()))
    before = weights(learner.network)
    optimizer = learner.optimizers()[f"defender-{name.replace(' ', '-')}"]
    losses = [
        defender_step(
            defender, optimizer, learner.network.local(batch.images), batch.images, squared
        )
        for _ in range(60)
    ]
    assert losses[-1] < 0.7 * losses[0]
    assert not any(changed(before, learner.network))
    assert all(value.grad is None for value in learner.network.parameters())


def test_the_network_moves_away_from_the_best_defender_alone():
    """Its step is that of Eq. 2 with the best defender's distance, computed here by hand."""
    learner, batch = a_learner(strength=50.0), a_batch()
    for _ in range(20):
        learner.step(batch)
    network = learner.network
    values = network.local(batch.images)
    distances = [squared(each(values), batch.images).mean() for each in learner.defenders.values()]
    task = cross_entropy(network.remote(values), batch.labels)
    expected = torch.autograd.grad(
        task - 50.0 * distances[nearest(distances)], list(network.parameters())
    )
    for group in [group for o in learner.optimizers().values() for group in o.param_groups]:
        group["lr"] = 0.0
    learner.step(batch)
    for value, gradient in zip(network.parameters(), expected, strict=True):
        assert torch.allclose(value.grad, gradient, atol=1e-6)


def test_defenders_are_held_still_while_the_network_learns():
    alone, beside = a_learner(strength=0.0), a_learner(strength=80.0)
    beside.network.load_state_dict(alone.network.state_dict())
    for name, defender in beside.defenders.items():
        defender.load_state_dict(alone.defenders[name].state_dict())
    for learner in (alone, beside):
        learner.step(a_batch())
    for name, defender in beside.defenders.items():
        assert not any(changed(weights(alone.defenders[name]), defender))


def test_what_defenders_see_is_worse_with_the_defence_than_without():
    distances = []
    for strength in (0.0, 100.0):
        torch.manual_seed(1)
        learner = a_learner(strength)
        for step in range(150):
            _, distance = learner.step(a_batch(step=step % 8))
        distances.append(float(distance))
    assert distances[1] > 1.3 * distances[0]


@pytest.mark.parametrize("table", DEFENDERS)
def test_the_names_of_all_networks_can_be_sealed(table):
    network = mlp(shape=SHAPE, classes=2, width=1)
    suite = {name: nn.Linear(1, 1) for name in DEFENDERS[table]}
    learner = SuiteLearner(network, suite, strength=1.0, distance="mse", epochs=2)
    names = [*learner.networks(), *learner.optimizers()]
    assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", name) for name in names)
    assert len(learner.networks()) == 2 + len(suite)


def test_without_defenders_it_learns_the_task_alone():
    learner = a_learner(strength=9.0, defenders=0)
    for step in range(300):
        task, distance = learner.step(a_batch(step=step % 8))
    assert task < 0.3
    assert distance == 0


def test_lambda_grows_over_the_first_half_of_the_epochs():
    learner = a_learner(strength=60.0)
    assert [learner.strength_at(epoch) for epoch in (0, 2, 5, 9)] == [10.0, 30.0, 60.0, 60.0]


def test_no_epoch_counts_before_lambda_has_its_value():
    assert a_learner().score(4, (0.1, 0.9, 0.0)) == float("inf")
    assert a_learner().score(5, (0.1, 0.9, 0.0)) == 0.1
    assert a_learner(defenders=0).score(0, (0.1, 0.9, 0.0)) == 0.1


def test_the_locked_local_part_stays_as_it_is_while_the_remote_part_learns():
    network = mlp(shape=SHAPE, classes=2, split=1, width=4)
    learner = RemoteLearner(network, rate=1e-2)
    local, remote = weights(network.local), weights(network.remote)
    losses = [learner.step(a_batch())[0] for _ in range(80)]
    assert losses[-1] < 0.5 * losses[0]
    assert not any(changed(local, network.local))
    assert all(changed(remote, network.remote))


def test_a_locked_batch_norm_keeps_its_statistics():
    network = mlp(shape=SHAPE, classes=2, split=1, width=4)
    network.local.append(nn.BatchNorm2d(32))
    network.train()
    RemoteLearner(network).step(a_batch())
    assert network.local[-1].num_batches_tracked == 0
