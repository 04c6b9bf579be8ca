"""ATTACKERS and DEFENDERS: networks from a bipartite network's values back to its images.

"Privacy Partitioning", section IV, Appendices A to C. A defender is an attacker of the provider's
own, trained beside the network that must resist it.

What the paper says: against the perceptron eight fully connected attackers, among them ones of one
and of several layers, and attacker 3 with tanh where others have ReLU; four defenders (A). Against
convolutional networks deconvolution, fully connected and sparse attackers (B and C). The exact list
is our reading:

    attacker    1      2      3      4      5      6         7         8
    layers      1      2      2      1      3      1         2         3
    activation  ReLU   ReLU   tanh   tanh   ReLU   sigmoid   sigmoid   tanh

with 256 units in each layer.
Defenders are attackers 1, 2, 3 and 5. The sparse attacker is a k-sparse code (Makhzani and Frey,
"k-Sparse Autoencoders", 2014): twice as many units as values, as far as memory allows, of which a
quarter may speak.
Against maps a residual U-Net is the fourth, the strongest of `dpkit.nets.reconstructors`.

Each starts at 0 everywhere and is added to the logits of the mean image, which is so the first
guess: an attacker that ends worse than the mean image was not trained. Pictures stay within 0 and
1, so that nothing is won by values which no picture could have.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from dpkit.nets.reconstructors import (
    MLP,
    MOST_WEIGHTS,
    NARROWEST,
    WIDEST,
    Deconvolution,
    ResidualUNet,
    elements,
    of_zeros,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dpkit.nets.reconstructors import Shape

    Make = Callable[..., nn.Module]

HIDDEN: Final = 256  # units of each layer of the eight
WIDER: Final = 2  # a sparse code has so many units for each value
SPEAKING: Final = 4  # one unit in so many speaks
DARKEST: Final = 1 / 512  # half a grey level: how near to 0 and 1 a mean may start


class Sparse(nn.Module):
    """Values [n,*in_shape] → a code of which only the largest units speak → [n,*out_shape]."""

    def __init__(self, *, in_shape: Shape, out_shape: Shape) -> None:
        super().__init__()
        fits = MOST_WEIGHTS // (elements(in_shape) + elements(out_shape))
        most = max(NARROWEST, min(WIDER * WIDEST, fits))
        units = max(SPEAKING, min(most, WIDER * elements(in_shape)))
        self.out_shape, self.speaking = out_shape, units // SPEAKING
        self.code = nn.Sequential(nn.Flatten(), nn.Linear(elements(in_shape), units), nn.ReLU())
        self.head = of_zeros(nn.Linear(units, elements(out_shape)))

    def forward(self, values: Tensor) -> Tensor:
        """Return pictures [n,*out_shape]."""
        code = self.code(values)
        least = code.topk(self.speaking, dim=1).values[:, -1:]
        pictures: Tensor = self.head(torch.where(code >= least, code, 0.0))
        return pictures.reshape(-1, *self.out_shape)


class FromMean(nn.Module):
    """A reconstructor that starts from one picture, the mean of images of 0 to 1.

    Parameters
    ----------
    reconstructor
        Values [n,…] → pictures [n,c,h,w].
    mean
        [c,h,w].
    darkest
        How near to 0 and 1 the picture may start, above 0: a logit must be finite.
    """

    mean: Tensor

    def __init__(self, reconstructor: nn.Module, mean: Tensor, darkest: float = DARKEST) -> None:
        super().__init__()
        self.reconstructor = reconstructor
        self.register_buffer("mean", torch.logit(mean, eps=darkest))

    def forward(self, values: Tensor) -> Tensor:
        """Return pictures [n,c,h,w] within 0 to 1."""
        pictures: Tensor = torch.sigmoid(self.reconstructor(values) + self.mean)
        return pictures


_DENSE: Final = {
    "attacker 1": (1, "relu"),
    "attacker 2": (2, "relu"),
    "attacker 3": (2, "tanh"),
    "attacker 4": (1, "tanh"),
    "attacker 5": (3, "relu"),
    "attacker 6": (1, "sigmoid"),
    "attacker 7": (2, "sigmoid"),
    "attacker 8": (3, "tanh"),
}
_AGAINST_VALUES: Final[dict[str, Make]] = {
    name: partial(MLP, layers=layers, activation=bend, hidden=HIDDEN)
    for name, (layers, bend) in _DENSE.items()
}
_AGAINST_MAPS: Final[dict[str, Make]] = {
    "deconvolution": Deconvolution,
    "fully connected": MLP,
    "sparse": Sparse,
    "residual": ResidualUNet,
}
_DEFENDERS: Final = ("attacker 1", "attacker 2", "attacker 3", "attacker 5")

ATTACKERS: Final[dict[str, dict[str, Make]]] = {
    "mlp": _AGAINST_VALUES,
    "cnn": _AGAINST_MAPS,
    "vgg19": _AGAINST_MAPS,
}
DEFENDERS: Final[dict[str, dict[str, Make]]] = {
    "mlp": {name: _AGAINST_VALUES[name] for name in _DEFENDERS},
    "cnn": _AGAINST_MAPS,
    "vgg19": _AGAINST_MAPS,
}
