"""Pictures from their releases by a multilayer perceptron, trained on pairs.

One hidden layer, all places together: it needs no neighbourhood in the released values, so it
also takes those whose places were scattered, and it needs many pairs. Dosovitskiy and Brox,
"Inverting Visual Representations with Convolutional Networks" (2016).
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
    return reconstructed("mlp", view, effort)


ATTACK: Final = Attack(
    name="mlp",
    title="Pictures by a multilayer perceptron",
    rung="A2",
    needs="20 or more of its own pictures under the same treatment, or known images",
    sanitizers=FEATURES,
    run=run,
    unfit=no_examples,
    also=("A6", "A8"),
    is_trained=True,
)
