"""Pictures from released images or maps by a residual U-Net, trained on pairs.

It sees each place at three scales and hands all detail across: the strongest of the three where
the release is nearly a picture. Ronneberger, Fischer and Brox (2015); He et al. (2016).
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
    return reconstructed("unet", view, effort)


ATTACK: Final = Attack(
    name="unet",
    title="Pictures by a residual U-Net",
    rung="A2",
    needs="20 or more of its own pictures under the same treatment, or known images",
    sanitizers=FEATURES,
    run=run,
    unfit=no_examples,
    also=("A6", "A8"),
    is_trained=True,
)
