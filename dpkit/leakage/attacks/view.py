"""The released file as a viewer sees it: the least that anybody can do.

It computes nothing. Of a morphed image it shows noise, of a mixed one the half that stayed. A low
score here says what the eye sees of the file, and nothing about who can turn it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.leakage.attacks.attack import ANY, Attack, Effort, Stopwatch
from dpkit.leakage.view import view_of, viewed
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from dpkit.types.adversary import AdversaryView


def run(view: AdversaryView, _effort: Effort) -> Reconstruction:
    """Return the wanted rows as `leakage.view` shows them, [wanted,h,w,c] in 0 to peak."""
    watch = Stopwatch()
    images = viewed(view.targets, view.geometry.peak)
    said = "What is seen is there for everybody to see: nothing was computed"
    sentence = f"{said}. {view_of(view.values.dtype)}"
    return Reconstruction("view", images, {}, watch.seconds, sentence)


def unfit(view: AdversaryView) -> str:
    """Say why there is nothing to look at: released values that are no images of this size."""
    shape = (view.geometry.height, view.geometry.width)
    channels = {1, view.geometry.channels}
    if view.values.shape[2:] == shape and view.values.shape[1] in channels:
        return ""
    return f"released values {view.values.shape[1:]} are no pictures of {shape[0]}x{shape[1]}"


ATTACK: Final = Attack(
    name="view",
    title="The released file, looked at",
    rung="A0",
    needs="the release",
    sanitizers=ANY,
    run=run,
    unfit=unfit,
    is_quick=True,
)
