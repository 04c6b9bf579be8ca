"""What handing over an Aug-Conv layer gives away, measured on images of the release itself.

`handover_evidence` runs every attack on the files that the developer would hold, and scores what
comes out against the provider's originals. Its figures and sentences are shown before consent is
asked, and recorded with it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from dpkit.leakage.attacks.attack import Stopwatch, layers_of
from dpkit.leakage.attacks.channel_order import recover_order
from dpkit.leakage.attacks.channel_order import sentence as say_order
from dpkit.leakage.attacks.convolution import kernel_matrix
from dpkit.leakage.attacks.decode import decoded
from dpkit.leakage.attacks.features import channel_views, features, principal_view
from dpkit.leakage.scoring import Score, score_images, score_views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dpkit.leakage.attacks.channel_order import ChannelOrder
    from dpkit.types import FirstConv, Json
    from dpkit.types.adversary import AdversaryView


CLEAR_DB: Final = 30.0  # above, a viewer sees no difference that matters


@dataclass(frozen=True, slots=True)
class ViewEvidence:
    """Channels of the features as pictures: the best of each image, and the one chosen blindly.

    Beside them the released images scored in the same way: a flat picture is like any other.
    """

    channels: int
    released_ssim: Score | None
    released_ncc: Score | None
    best_ssim: Score | None
    best_ncc: Score | None
    blind_ssim: Score | None
    blind_ncc: Score | None


@dataclass(frozen=True, slots=True)
class OrderEvidence:
    """The channel order.

    Parameters
    ----------
    is_found
        Whether an order was found that its own check confirms.
    method, energy
        As in `ChannelOrder`.
    share_right
        Of the channels, where the true order was given; equal kernels are one. None else.
    seconds
        CPU time.
    sentence
        The attack's own.
    """

    is_found: bool
    method: str
    energy: float | None
    share_right: float | None
    seconds: float
    sentence: str


@dataclass(frozen=True, slots=True)
class ImageEvidence:
    """Recovered images: by which way, how near, in how many CPU seconds."""

    way: str
    psnr_db: Score | None
    ssim: Score | None
    seconds: float


@dataclass(frozen=True, slots=True)
class HandoverEvidence:
    """What one layer gives away about `images` images; `recovered` is None where no order fell."""

    images: int
    views: ViewEvidence
    order: OrderEvidence
    recovered: ImageEvidence | None

    def facts(self) -> dict[str, Json]:
        """Return every figure as JSON: aggregates only, nothing of a single original."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return plain sentences for the provider, the worst last."""
        return [
            *_view_lines(self.views, self.images),
            _order_line(self.order),
            _image_line(self.recovered),
        ]


def handover_evidence(
    view: AdversaryView, originals: NDArray[Any], truth: NDArray[np.int64] | None = None
) -> HandoverEvidence:
    """Attack what would be handed over, and score it.

    Parameters
    ----------
    view
        With both layers.
    originals
        u8 or u16 [n,h,w,c] of the same images; used for scoring alone.
    truth
        int64 [β], the true order, channel i being the developer's map `truth[i]`; only to state
        the share that the attack got right.
    """
    _, conv = layers_of(view)
    views = _view_evidence(view, originals)
    watch = Stopwatch()
    found = recover_order(view)
    order = OrderEvidence(
        found.is_found,
        found.method,
        found.energy,
        _share_right(conv, found, truth),
        watch.seconds,
        say_order(found),
    )
    recovered = _image_evidence(view, originals, found)
    return HandoverEvidence(len(originals), views, order, recovered)


def _view_evidence(view: AdversaryView, originals: NDArray[Any]) -> ViewEvidence:
    maps, peak = features(view), view.geometry.peak
    size = (view.geometry.height, view.geometry.width)
    best = score_views(originals, channel_views(maps, size), peak)
    blind = score_views(originals, channel_views(principal_view(maps), size), peak)
    released = score_views(originals, view.values, peak)
    return ViewEvidence(maps.shape[1], *released, *best, *blind)


def _image_evidence(
    view: AdversaryView, originals: NDArray[Any], found: ChannelOrder
) -> ImageEvidence | None:
    if found.order is None or not found.is_worth_trying:
        return None
    watch = Stopwatch()
    way, images = decoded(view, found.order)
    seconds = watch.seconds
    return ImageEvidence(way, *score_images(originals, images, view.geometry.peak), seconds)


def _share_right(
    conv: FirstConv, found: ChannelOrder, truth: NDArray[np.int64] | None
) -> float | None:
    if truth is None or found.order is None:
        return None
    kernels = kernel_matrix(conv)
    return float((kernels[:, found.order] == kernels[:, truth]).all(axis=0).mean())


def _view_lines(views: ViewEvidence, images: int) -> list[str]:
    first = (
        f"{views.channels} filtered pictures of every original: that is what the layer computes "
        f"from a released image (measured on {images} images)."
    )
    lines = [first]
    scores = {
        "Chosen with the originals (an upper bound)": (views.best_ssim, views.best_ncc),
        "Chosen without": (views.blind_ssim, views.blind_ncc),
        "For comparison, the released images themselves": (views.released_ssim, views.released_ncc),
    }
    lines += [
        f"{which}: SSIM {ssim.mean:.2f} on average, {ssim.worst:.2f} for the worst image, "
        f"correlation {ncc.mean:.2f}; contrast and sign fitted."
        for which, (ssim, ncc) in scores.items()
        if ssim and ncc
    ]
    return lines


def _order_line(order: OrderEvidence) -> str:
    share = "" if order.share_right is None else f" {order.share_right:.1%} of channels are right."
    if not order.is_found:
        return f"{order.sentence}{share}"
    return f"The channel order falls in {order.seconds:.1f} s of CPU ({order.method}).{share}"


def _image_line(found: ImageEvidence | None) -> str:
    if found is None or found.psnr_db is None:
        return (
            "These attacks did not compute the images themselves; that is not a proof that nobody "
            "can."
        )
    psnr, ssim = found.psnr_db, f", SSIM {found.ssim.mean:.3f}" if found.ssim else ""
    if psnr.mean < CLEAR_DB:
        return (
            f"The images are then recovered at {psnr.mean:.0f} dB on average, {psnr.worst:.0f} dB "
            f"for the worst of them{ssim} ({found.way}). That is what these attacks reach, not a "
            "proof that nobody does better."
        )
    return (
        f"Images are then recovered in {found.seconds:.1f} s of CPU ({found.way}): {psnr.mean:.0f} "
        f"dB on average, {psnr.least:.0f} dB or more for every one{ssim}. Whoever has this layer "
        "and the release has the pictures."
    )
