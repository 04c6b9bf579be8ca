"""Pictures from C^ac alone: its kernels secret, its channels mixed in secret, or both.

    symbol   here       meaning                                                       MoLe
    F_y      features   the features of an image at output y, [β]                      Eq. 5
    U        filters    what turns them into one pixel (`overlap.py`), F_y U = D_x R
    D_x      planes     a pixel of the original, seen in an unknown basis R of colours
    W        kernels    the secret kernels in that basis (`overlap.py`)

Shen et al. (MoLe), arXiv 1909.07632. Only the size of the kernels, their stride and the padding
are used, or guessed; kernels are not looked at. One mixing for all outputs (a permutation is one):
W follows, and every pixel by least squares, up to R. A mixing of its own at each output: pixels
are found one by one, each in its own basis, and brought into one by what neighbours have in common
(`neighbours.py`). A colour cannot be told from R; grey is the component that varies most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.attacks.attack import Attack, Effort, Stopwatch, augconv_of, without_layer
from dpkit.leakage.attacks.convolution import kernel_matrix
from dpkit.leakage.attacks.decode import by_output
from dpkit.leakage.attacks.features import feature_parts, principal_directions, seen_along
from dpkit.leakage.attacks.neighbours import aligned
from dpkit.leakage.attacks.overlap import (
    SHARED,
    common,
    even_colours,
    kernels_of,
    pairs_of,
    spread,
    step_of,
    windows,
)
from dpkit.types import FirstConv
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dpkit.types import AugConv
    from dpkit.types.adversary import AdversaryView

    Numbers = NDArray[np.float64]

SIDES: Final = (3, 5, 7)  # of kernels that are tried
STRIDES: Final = (1, 2)
MOST_ROWS: Final = 512  # images by which the bases of pixels are aligned
ROWS_FOR_EACH: Final = 8  # images needed for each channel of a pixel, to align its basis
_EDGE: Final = 0.001  # of all pixels taken for darker than black, and as many for brighter


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The wanted images in one unknown basis of colours.

    Parameters
    ----------
    planes
        float64 [n,α,h,w].
    conv
        The geometry that was confirmed.
    mixing
        `one` for all outputs, or `each` its own.
    shared
        1 - the least canonical correlation of what windows share.
    """

    planes: Numbers
    conv: FirstConv
    mixing: str
    shared: float


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Find what windows have in common, then one grey picture of each image."""
    watch = Stopwatch()
    augconv_of(view)
    seen = _one_mixing(view, effort) or _each_its_own(view, effort)
    if seen is None:
        return Reconstruction(
            "intersection", None, {}, watch.seconds,
            "No size of kernels was confirmed: windows do not share single pixels.",
        )  # fmt: skip
    along = seen_along(seen.planes, principal_directions(seen.planes))
    side = seen.conv.weight.shape[2]
    unknown = "one scale" if along.shape[1] == 1 else "one mix of colours"
    mixing = "one mixing of channels" if seen.mixing == "one" else "a mixing of each output's own"
    return Reconstruction(
        "intersection",
        grey_levels(along[:, 0], view)[..., None],
        {"side": float(side), "shared": seen.shared, "is_one_mixing": float(seen.mixing == "one")},
        watch.seconds,
        f"Without any kernel, windows of {side}x{side} that share a pixel gave {len(along)} images "
        f"up to {unknown} ({mixing}).",
        candidates=along.astype(np.float32),
    )


def geometries(view: AdversaryView) -> list[FirstConv]:
    """Return convolutions that C^ac may be of, as layers of zeros; the smallest kernels first.

    That of the view's first layer, where it has one: its kernels are not looked at.
    """
    layer = augconv_of(view)
    if view.first_conv is not None:
        known = view.first_conv
        shape = (known.maps, known.channels, *known.weight.shape[2:])
        return [replace(known, weight=np.zeros(shape, np.float32), bias=None, groups=1)]
    return list(_guesses(layer))


def _guesses(layer: AugConv) -> Iterator[FirstConv]:
    (channels, *size), maps = layer.input_shape, layer.output_shape[0]
    tried = ((p, s, pad) for p in SIDES for s in STRIDES for pad in range(p))
    for p, s, pad in tried:
        if min(size) + 2 * pad < p:
            continue
        weight = np.zeros((maps, channels, p, p), np.float32)
        size_of = (size[0], size[1])
        conv = FirstConv(weight, None, (s, s), (pad,) * 4, (1, 1), 1, size_of, "none")
        if conv.output_shape == layer.output_shape:
            yield conv


def _one_mixing(view: AdversaryView, effort: Effort) -> Seen | None:
    """See the images where one U fits all outputs."""
    layer = augconv_of(view)
    for conv in geometries(view):
        effort.check()
        pairs = pairs_of(conv)
        operations = 8 * int(np.prod(layer.input_shape)) * conv.maps**2
        found = common(layer, conv, spread(pairs, windows(operations))) if len(pairs) else None
        if found is None or not found.is_found:
            continue
        filters = even_colours(layer, pairs, found.filters)
        if conv.stride == (1, 1):
            return Seen(_all_pixels(view, conv, filters, effort), conv, "one", found.shared)
        planes = _pixels_by(view, conv, pairs[:, 0], np.repeat(filters[None], len(pairs), axis=0))
        return Seen(_filled(planes, pairs[:, 0], conv), conv, "one", found.shared)
    return None


def _all_pixels(view: AdversaryView, conv: FirstConv, filters: Numbers, effort: Effort) -> Numbers:
    """Return all pixels by least squares over all outputs, those of the border too."""
    secret, _ = kernels_of(augconv_of(view), conv, filters)
    parts = []
    for maps in feature_parts(view):
        effort.check()
        parts.append(by_output(maps, secret, kernel_matrix(secret)))
    return np.concatenate(parts).reshape(-1, *conv.input_shape)


def _each_its_own(view: AdversaryView, effort: Effort) -> Seen | None:
    """See the images where every output has a U of its own."""
    layer, rows = augconv_of(view), min(len(view.values), MOST_ROWS)
    if rows < ROWS_FOR_EACH * layer.input_shape[0]:
        return None
    more = replace(view, wanted=max(rows, len(view.targets)))
    for conv in geometries(view):
        pairs = pairs_of(conv)
        first = common(layer, conv, spread(pairs, 1)) if len(pairs) else None
        if first is None or not first.is_found:
            continue
        filters, worst = np.empty((len(pairs), *first.filters.shape)), first.shared
        for i in range(len(pairs)):
            effort.check()
            found = common(layer, conv, pairs[i : i + 1])
            if found is None or found.shared > SHARED:
                return None
            filters[i], worst = found.filters, max(worst, found.shared)
        planes = aligned(_pixels_by(more, conv, pairs[:, 0], filters))
        return Seen(_filled(planes[: len(view.targets)], pairs[:, 0], conv), conv, "each", worst)
    return None


def _pixels_by(
    view: AdversaryView, conv: FirstConv, outputs: NDArray[np.int64], filters: Numbers
) -> Numbers:
    """Return F_y U_y for outputs [m,2] that form a grid and their U [m,β,α], [n,α,·,·]."""
    high, wide = (len(np.unique(places)) for places in outputs.T)
    parts = [
        np.einsum("nbm,mba->nam", maps[:, :, outputs[:, 0], outputs[:, 1]], filters, optimize=True)
        for maps in feature_parts(view)
    ]
    return np.concatenate(parts).reshape(-1, conv.channels, high, wide)


def _filled(planes: Numbers, outputs: NDArray[np.int64], conv: FirstConv) -> Numbers:
    """Return planes of the image's size [n,α,h,w]: what no window showed lies between what did."""
    for axis in (0, 1):
        span = conv.dilation[axis] * (conv.weight.shape[2 + axis] - 1)
        known = np.unique(outputs[:, axis]) * conv.stride[axis] + span - conv.padding[2 * axis]
        wanted = np.arange(conv.input_size[axis])
        weights = np.stack([np.interp(wanted, known, row) for row in np.eye(len(known))])
        planes = np.tensordot(planes, weights, axes=([2], [0]))  # the other axis comes next
    return planes


def grey_levels(pictures: Numbers, view: AdversaryView) -> Numbers:
    """Return pictures [n,h,w] on no scale, and of either sign, as grey levels 0 to peak.

    One gain for all, of the sign under which their darkest and brightest pixels are nearest to
    what black and white became under the public normalisation; then black is where it was.
    """
    scale, bias = view.affine.mean(axis=1)
    peak = view.geometry.peak
    black_white = np.array([bias, scale * peak + bias])
    low, high = np.quantile(pictures, [_EDGE, 1 - _EDGE])
    seen = np.array([[low, high], [-high, -low]])
    gains = np.maximum(seen @ black_white / (black_white @ black_white), 0)
    rests = ((seen - gains[:, None] * black_white) ** 2).sum(axis=1)
    sign, gain = (1, gains[0]) if rests[0] <= rests[1] else (-1, gains[1])
    levels = (sign * pictures / gain - bias) / scale if gain > 0 else np.zeros_like(pictures)
    return np.asarray(np.clip(levels, 0, peak), dtype=np.float64)


def unfit(view: AdversaryView) -> str:
    """Say why windows cannot be intersected, from shapes alone."""
    missing = without_layer(view)
    if missing:
        return missing
    found = geometries(view)
    if not found:
        return "no convolution of 3x3, 5x5 or 7x7 at stride 1 or 2 has these shapes"
    if all(step_of(conv) is None for conv in found):
        return "windows do not overlap in single pixels (stride and size of the kernels)"
    if all(conv.maps < conv.channels * conv.weight[0, 0].size for conv in found):
        return f"{found[0].maps} output channels are fewer than the values that one output reads"
    if not any(len(pairs_of(conv)) for conv in found):
        return "images are too small for two windows within them that share one pixel"
    return ""


ATTACK: Final = Attack(
    name="intersection",
    title="Secret kernels by windows that share a pixel",
    rung="A5",
    needs="C^ac; the size of its kernels is known or guessed",
    sanitizers=("morph",),
    run=run,
    unfit=unfit,
)
