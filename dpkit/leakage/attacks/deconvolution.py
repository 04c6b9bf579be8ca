"""Pictures from feature maps by transposed convolutions, trained on pairs.

Weights are shared over the places, so few pairs are enough; neighbours among the maps must be
neighbours in the picture. Dosovitskiy and Brox, "Inverting Visual Representations with
Convolutional Networks" (2016).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.leakage.attacks.attack import FEATURES, Attack, Effort
from dpkit.leakage.attacks.examples import no_examples
from dpkit.leakage.attacks.learned import reconstructed

if TYPE_CHECKING:
    from dpkit.types.adversary import AdversaryView, Reconstruction


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Train on the pairs of the view, then turn its targets back."""
    return reconstructed("deconvolution", view, effort)


ATTACK: Final = Attack(
    name="deconvolution",
    title="Pictures by a deconvolution network",
    rung="A2",
    needs="20 or more of its own pictures under the same treatment, or known images",
    sanitizers=FEATURES,
    run=run,
    unfit=no_examples,
    also=("A6", "A8"),
    is_trained=True,
)
