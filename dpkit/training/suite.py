"""A bipartite network that learns its task against a suite of defenders.

"Privacy Partitioning: Protecting User Data During the Deep Learning Inference Phase", Algorithm 1.

    paper            here             meaning                                          equation
    L                task             cross-entropy of the network's answers           Eq. 2
    λ                strength         what a unit of distance is worth                 Eq. 2
    d                distance         between a reconstruction and its image           Eq. 2
    defender         defender         values → picture, learns to reconstruct          Eq. 4
    best defender    nearest          that whose reconstructions of this mini-batch    Algorithm 1
                                      are the nearest to the images

For each mini-batch, in this order: every defender takes a step down its own distance, the local
part held still (Eq. 4); the network takes a step down task - λ · distance, where the distance is
that of the best defender, defenders held still (Eq. 2). Where the paper leaves it open our choice
is Adam (Kingma and Ba, 2015) for each, at one rate; and λ grows evenly from 0 to its value over
the first half of the epochs, because a network that is pushed away from defenders before it knows
its task gives up the task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch.nn.functional import cross_entropy
from torch.optim import Adam

from dpkit.training.distances import DISTANCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from dpkit.nets.bipartite import Bipartite
    from dpkit.training.distances import Distance
    from dpkit.training.loop import Batch

RATE: Final = 1e-3
SETTLING: Final = 0.5  # of the epochs, in which λ grows; none of them counts


def defended_loss(task: Tensor, distance: Tensor, strength: float) -> Tensor:
    """Return Eq. 2: what the network lowers, from two means over a mini-batch."""
    return task - strength * distance


def nearest(distances: Sequence[Tensor]) -> int:
    """Return which defender is the best: the place of the smallest mean distance."""
    return int(torch.stack([each.detach() for each in distances]).argmin())


def defender_step(
    defender: nn.Module,
    optimizer: Optimizer,
    values: Tensor,
    images: Tensor,
    distance: Distance,
) -> Tensor:
    """Let a defender learn from a mini-batch by Eq. 4; return its distance before, a mean.

    Parameters
    ----------
    values
        [n,C,H,W]; no gradient reaches what made them.
    """
    optimizer.zero_grad()
    loss = distance(defender(values.detach()), images).mean()
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.detach()


class SuiteLearner:
    """What `dpkit.training.loop` trains: a bipartite network, and defenders beside it.

    Parameters
    ----------
    defenders
        By name; none where nothing is defended.
    strength
        λ, 0 or more.
    distance
        mse or ssim.
    epochs
        That the training may last; beside defenders only the second half of them may count.
    """

    said: tuple[str, ...] = ("task loss", "best defender's distance")
    judged: tuple[str, ...] = (
        "validation loss",
        "validation accuracy",
        "validation distance of the best defender",
    )

    def __init__(
        self,
        network: Bipartite,
        defenders: Mapping[str, nn.Module],
        *,
        strength: float,
        distance: str,
        epochs: int,
    ) -> None:
        self.network, self.defenders = network, dict(defenders)
        self.strength, self.distance = strength, DISTANCES[distance]
        self.settled = int(SETTLING * epochs) if defenders else 0
        self._network_optimizer = Adam(network.parameters(), lr=RATE)
        self._optimizers = {
            name: Adam(defender.parameters(), lr=RATE) for name, defender in self.defenders.items()
        }

    def networks(self) -> Mapping[str, nn.Module]:
        """Return local and remote part, and the defenders."""
        parts: dict[str, nn.Module] = {
            "local": self.network.local,
            "remote": self.network.remote,
        }
        return parts | {_sealable(name): each for name, each in self.defenders.items()}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return one for the network, and one for each defender."""
        own: dict[str, Optimizer] = {"network": self._network_optimizer}
        return own | {_sealable(name): each for name, each in self._optimizers.items()}

    def step(self, batch: Batch) -> tuple[Tensor, ...]:
        """Take one round of Algorithm 1; return the means of task loss and distance."""
        values = self.network.local(batch.images)
        found = [
            defender_step(defender, self._optimizers[name], values, batch.images, self.distance)
            for name, defender in self.defenders.items()
        ]
        task = cross_entropy(self.network.remote(values), batch.labels)
        distance = self._distance_of_best(found, values, batch.images)
        self._network_optimizer.zero_grad()
        torch.autograd.backward(
            defended_loss(task, distance, self.strength_at(batch.epoch)),
            inputs=list(self.network.parameters()),
        )
        self._network_optimizer.step()
        return task.detach(), distance.detach()

    def strength_at(self, epoch: int) -> float:
        """Return λ in one epoch, from 0."""
        return self.strength * min(1.0, (epoch + 1) / (self.settled + 1))

    def judge(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return task loss, accuracy and the best defender's distance on a deciding batch."""
        values = self.network.local(batch.images)
        answers = self.network.remote(values)
        distances = [
            self.distance(defender(values), batch.images).mean()
            for defender in self.defenders.values()
        ]
        least = torch.stack(distances).min() if distances else values.new_zeros(())
        return cross_entropy(answers, batch.labels), share_right(answers, batch.labels), least

    def score(self, epoch: int, judged: tuple[float, ...]) -> float:
        """Return the task loss, once λ has its value."""
        return judged[0] if epoch >= self.settled else float("inf")

    def _distance_of_best(self, found: list[Tensor], values: Tensor, images: Tensor) -> Tensor:
        """Return the best defender's mean distance, with gradients to the local part."""
        if not found:
            return values.new_zeros(())
        best = list(self.defenders.values())[nearest(found)]
        return self.distance(best(values), images).mean()


class RemoteLearner:
    """Trains the remote part alone, the local one locked (section IV.G)."""

    said: tuple[str, ...] = ("task loss",)
    judged: tuple[str, ...] = ("validation loss", "validation accuracy")

    def __init__(self, network: Bipartite, rate: float = RATE) -> None:
        self.network = network
        self._optimizer = Adam(network.remote.parameters(), lr=rate)

    def networks(self) -> Mapping[str, nn.Module]:
        """Return the remote part: what is not here is never put into training mode."""
        return {"remote": self.network.remote}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return that of the remote part."""
        return {"remote": self._optimizer}

    def step(self, batch: Batch) -> tuple[Tensor, ...]:
        """Learn the task from locked values; return its mean loss."""
        self._optimizer.zero_grad()
        task = cross_entropy(self.network.remote(self._locked(batch)), batch.labels)
        torch.autograd.backward(task)
        self._optimizer.step()
        return (task.detach(),)

    def judge(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return task loss and accuracy on a deciding batch."""
        answers = self.network.remote(self._locked(batch))
        return cross_entropy(answers, batch.labels), share_right(answers, batch.labels)

    def score(self, epoch: int, judged: tuple[float, ...]) -> float:  # noqa: ARG002 (the protocol's signature)
        """Return the task loss."""
        return judged[0]

    def _locked(self, batch: Batch) -> Tensor:
        self.network.local.eval()
        with torch.no_grad():
            values: Tensor = self.network.local(batch.images)
        return values


def _sealable(name: str) -> str:
    """Return a defender's name as arrays of a checkpoint may bear it."""
    return f"defender-{name.replace(' ', '-')}"


def share_right(answers: Tensor, labels: Tensor) -> Tensor:
    """Return how many of the logits [n,classes] are largest at their labels [n], 0 to 1."""
    return (answers.argmax(dim=1) == labels).float().mean()
