"""What `Hold` says: of what it does not hide, of who can learn from it, of what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.types.evidence import LEAST_IMAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dpkit.sanitizers.degree import Tried
    from dpkit.sanitizers.hold import Hold
    from dpkit.types import Geometry, Json

SAMPLE: Final = 256  # images at most, by which a window is chosen for a degree
SHARE: Final = 0.5  # of them, at which the degree is to be reached
_UNFOLDED: Final = "along its width, then down its height, then channel by channel"

_NOTHING_HIDDEN: Final = (
    "sample-and-hold holds no secret and gives no formal privacy: the same image always has the "
    "same values, and whoever has these parameters can make them"
)
_NEAREST: Final = (
    "Every sample of a window, zeros too, becomes the one that is nearest to the mean of the "
    "window's samples that are not zero."
)


def notices(hold: Hold, geometry: Geometry) -> list[str]:
    """Say that nothing is secret, and how many samples stay where that is known."""
    return [_NOTHING_HIDDEN] if hold.degree else [_NOTHING_HIDDEN, _kept(hold, geometry)]


def found_notices(hold: Hold, window: int, tried: Sequence[Tried], count: int) -> list[str]:
    """Say which window the search chose, by which figures, and whether they are published.

    Parameters
    ----------
    window
        For the release; each image has its own where the sanitizer says so.
    tried, count
        As `degree.search` returns them: all windows, and of how many images.
    """
    found = [_by_image(tried, count) if hold.is_by_image else _chosen(hold, window, tried, count)]
    if count < LEAST_IMAGES:
        found.append(
            "the figures of the windows tried are not published, as a figure of fewer than "
            f"{LEAST_IMAGES} images may be that of one"
        )
    return found


def _by_image(tried: Sequence[Tried], count: int) -> str:
    reached = max(share for _, share, _ in tried)
    return (
        "each image has the smallest window at which the degree is reached; at "
        f"{1 - reached:.0%} or fewer of the images measured ({count:,}) none does, and such an "
        "image is held whole"
    )


def _chosen(hold: Hold, window: int, tried: Sequence[Tried], count: int) -> str:
    share, middle = next((share, middle) for n, share, middle in tried if n == window)
    return (
        f"window for the degree {hold.degree:g}: {window:,} samples; {share:.0%} of the images "
        f"measured ({count:,}) reach it, and the median image keeps {middle:.2g} of its class's "
        "probability"
    )


def picture_notice(layer: str) -> str:
    """Say that a feature map is no more than the picture."""
    return (
        f"the layer {layer} is given the picture itself, or its channels on another scale: what is "
        "released is the picture, held; name a later layer"
    )


def _kept(hold: Hold, geometry: Geometry) -> str:
    if hold.layer and not hold.map_shape:
        return f"one of every {hold.window} samples of a feature map is released as it is"
    channels, height, width = hold.values_shape(geometry)
    samples = channels * height * width
    window = min(hold.window, samples)
    return (
        f"up to {-(-samples // window)} of each image's {samples} samples are released as they "
        f"are, one of every {window}"
    )


def training(hold: Hold) -> dict[str, Json]:
    """Say what can learn: every network that learns from what was held."""
    if not hold.layer:
        why = "pixels keep their place, but for the window that takes one of its samples' value"
    else:
        why = f"rows are what the layer {hold.layer} of a network is given, window by window held"
    return {
        "convolutions_learn": True, "why": why, "first_layer": None, "breaking_transforms": [],
    }  # fmt: skip


def describe(hold: Hold, geometry: Geometry) -> list[str]:
    """Say in sentences what is done to an image."""
    shape = "x".join(str(side) for side in hold.values_shape(geometry))
    if not hold.layer:
        what = [f"An image is one stream of samples, {_UNFOLDED}."]
    else:
        named = f" {hold.network}" if hold.network else ""
        what = [
            f"An image goes through the network{named} up to the layer {hold.layer}.",
            f"Its weights' file has the SHA-256 {hold.model_sha256 or '(not known yet)'}.",
            f"What that layer is given is one stream of {shape} samples, {_UNFOLDED}.",
            f"Values are {hold.dtype}.",
        ]
    return [
        *what,
        *_cut(hold),
        _NEAREST,
        "Of two as near the lower is taken; a window of zeros stays; the last one may be short.",
        "There is no secret and no chance in it.",
    ]


def _cut(hold: Hold) -> list[str]:
    if not hold.degree:
        return [f"It is cut into windows of {hold.window} samples."]
    asked = (
        f"the probability of the image's original class falls to 2^-{hold.degree:g} of its value"
    )
    tried = "the smallest of the windows tried at which"
    if hold.is_by_image:
        return [f"It is cut into windows of its own size: {tried} {asked}, or the whole stream."]
    measured = f"at {SHARE:.0%} or more of up to {SAMPLE} images measured"
    return [f"It is cut into windows of {hold.window} samples: {tried} {asked}, {measured}."]
