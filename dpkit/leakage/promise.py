"""What a differentially private release promises, in words; all of it follows from parameters.

    symbol   here            meaning
    ε        epsilon         of one released image, all channels together
    m        neighborhood    pixels in which two originals may differ

The definition is that of Dwork and Roth, "The algorithmic foundations of differential privacy"
(definition 2.4), where neighbours are images that differ in at most m pixels (Fan, "Image
pixelization with differential privacy").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dpkit.types.guarantee import said
from dpkit.types.promise import EpsilonTotal, PrivacyGuarantee

if TYPE_CHECKING:
    from dpkit.types import Geometry
    from dpkit.types.guarantee import Guarantee

NOTHING_COMPUTED: Final = (
    "This edition holds no figure and no finding of an attack: each would be computed from "
    "originals, and could tell more than the promise allows. The provider's own edition has them."
)
COMPOSITION: Final = (
    "Releases of one image add up: (ε₁, m₁) and (ε₂, m₂) cost ε₁·m′/m₁ + ε₂·m′/m₂ for originals "
    "that differ in m′ pixels. An image that stands k times in a release costs k times as much. "
    "The provider's keystore adds up, by the pixels of a file, what it released; a file of the "
    "same picture that was cropped, turned, scaled or compressed anew is another image to it."
)
_LARGER: Final = (
    "A thing that covers more pixels than that: for originals that differ in m′ pixels the ε is "
    "{loss}·m′, and for two that differ in all {pixels:,} pixels it is {whole}."
)
_PERSON: Final = (
    "A person over many images: the promise is of one image at a time, and each further image of "
    "somebody adds its own ε."
)
_PUBLISHED: Final = (
    "Labels, parts, groups, kept columns and counts, that an image is in the release, and where it "
    "stands in it: they are published as they are. So are size, channels and depth, which may "
    "follow from what all or most of the originals have."
)
_EXISTS: Final = (
    "That there is a release at all. Files that cannot be read can stop one. So can a limit on the "
    "total ε of an image, where the provider set one: images are known by their pixels, so that a "
    "release exists, or does not, can tell whether some are equal to one another or to released "
    "ones."
)
_LEARNED: Final = (
    "That nothing can be learned: what is true of all images of a kind is meant to be learned, and "
    "a large ε promises little."
)
_KEYED: Final = (
    "Anything against who holds the provider's key: the noise follows from it. Against all others "
    "it is as good as the cipher that it is drawn by, ChaCha20."
)


def promise_of(
    guarantee: Guarantee,
    geometry: Geometry,
    totals: tuple[EpsilonTotal, ...] = (),
    releases: int = 0,
) -> PrivacyGuarantee:
    """Return the guarantee of a report.

    Parameters
    ----------
    geometry
        Of the images: its pixels are what two originals can differ in at most.
    totals, releases
        Over all releases of the keystore; private.
    """
    m, per_pixel = guarantee.neighborhood, guarantee.per_pixel
    pixels = geometry.height * geometry.width
    return PrivacyGuarantee(
        epsilon=guarantee.text,
        neighborhood=m,
        per_pixel=said(per_pixel),
        promise=(
            f"Take any two originals that, once read as {geometry.height}x{geometry.width} pixels, "
            f"differ in at most {_pixels(m)}, in any channels. No row that can be released of an "
            "image is more than e^ε times as likely with one of them as with the other, with ε = "
            f"{guarantee.text} for the whole image, all channels together."
        ),
        not_promised=(
            _LARGER.format(loss=said(per_pixel), pixels=pixels, whole=said(per_pixel * pixels)),
            _PERSON,
            _PUBLISHED,
            _EXISTS,
            _LEARNED,
            _KEYED,
        ),
        composition=COMPOSITION,
        releases=releases,
        totals=totals,
    )


def statement_of_promise(promise: PrivacyGuarantee) -> str:
    """Return the first line of a released report; without a full stop."""
    return (
        f"Differential privacy of each row: ε = {promise.epsilon} for originals that differ in "
        f"at most {_pixels(promise.neighborhood)}, and k times as much for a picture that stands "
        "in k rows; the report holds nothing computed from originals"
    )


def _pixels(count: int) -> str:
    return "1 pixel" if count == 1 else f"{count:,} pixels"
