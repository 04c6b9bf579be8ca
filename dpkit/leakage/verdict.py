"""VERDICTS: the sentence beside the statement, for each sanitizer what is known without an attack.

For data morphing it is how many known images open all of them (`morph_bounds.py`), for block mixing
and for sample-and-hold how much of an image is still there, for pixelation what is promised
(`pixelate_bounds.py`).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final, cast

from dpkit.leakage.mix_bounds import expected_unchanged, percent
from dpkit.leakage.morph_bounds import known_images_sentence
from dpkit.leakage.pixelate_bounds import promise_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dpkit.types import Geometry, Json

    Verdict = Callable[[Mapping[str, Json], Geometry, int], str]


def verdict(sanitizer: str, parameters: Mapping[str, Json], geometry: Geometry, images: int) -> str:
    """Return what to say beside the statement; without a full stop, empty where nothing is known.

    Parameters
    ----------
    sanitizer, parameters
        Its name and public parameters.
    images
        In the release, all parts.

    Raises
    ------
    UsageError
        A parameter is not one that the sanitizer takes.
    """
    say = VERDICTS.get(sanitizer)
    return say(parameters, geometry, images) if say else ""


def mix_verdict(parameters: Mapping[str, Json], geometry: Geometry, _images: int) -> str:
    """Say how much of a mixed image is its original, and what is not mixed at all."""
    share = expected_unchanged(parameters, geometry)
    if share:
        sentence = (
            f"On average {percent(share)} of a mixed image is its original, in place, and the rest "
            "are blocks of other originals of the same label, as they are"
        )
    else:
        sentence = (
            "Every block of a mixed image is a block of another original of the same label, as "
            "it is"
        )
    if parameters.get("mix_parts") == "train":
        return f"{sentence}. The parts other than train are published as they are, unmixed"
    return sentence


def hold_verdict(parameters: Mapping[str, Json], geometry: Geometry, _images: int) -> str:
    """Say that a sample of every window is still there, and that nothing is secret."""
    samples = prod(cast("Sequence[int]", parameters.get("map_shape")) or (geometry.elements,))
    longest = min(cast("int", parameters["window"]), samples)  # a longer one is the whole stream
    window = "" if parameters.get("degree") else f" of {longest} samples"
    what = "feature map" if parameters.get("layer") else "image"
    return (
        f"One sample of every window{window} of the {what} is released as it is, and no secret "
        "stands between: the same image always has the same values"
    )


VERDICTS: Final[Mapping[str, Verdict]] = {
    "morph": known_images_sentence,
    "mix": mix_verdict,
    "pixelate": promise_sentence,
    "hold": hold_verdict,
}
