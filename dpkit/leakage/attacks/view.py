"""The released file as a viewer sees it: the least that anybody can do.

It solves nothing. Of a morphed image it shows noise, of a mixed one the half that stayed, of
feature maps the mean of all channels. A low score here says what the eye sees of the file, and
nothing about who can turn it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.leakage.attacks.attack import ANY, Attack, Effort, Stopwatch
from dpkit.leakage.view import MAP_VIEW, are_maps, flattened, view_of, viewed
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from dpkit.types.adversary import AdversaryView


def run(view: AdversaryView, _effort: Effort) -> Reconstruction:
    """Return the wanted rows as `leakage.view` shows them, [wanted,h,w,c or 1] in 0 to peak."""
    watch, values, shown = Stopwatch(), view.targets, view_of(view.values.dtype)
    size = (view.geometry.height, view.geometry.width)
    if _are_maps(view):
        values, shown = flattened(values, size), MAP_VIEW
    said = "What is seen is there for everybody to see: nothing was computed"
    images = viewed(values, view.geometry.peak)
    return Reconstruction("view", images, {}, watch.seconds, f"{said}. {shown}")


def _are_maps(view: AdversaryView) -> bool:
    size = (view.geometry.height, view.geometry.width)
    return all(are_maps(view.values.shape[1:], (*size, c)) for c in (1, view.geometry.channels))


ATTACK: Final = Attack(
    name="view",
    title="The released file, looked at",
    rung="A0",
    needs="the release",
    sanitizers=ANY,
    run=run,
    is_quick=True,
)
