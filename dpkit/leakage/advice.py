"""What to change about a release whose attacks succeeded, one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dpkit.types.attacks import AttackResult

MORPH: Final[Mapping[str, str]] = {
    "A0": "Choose larger blocks (a smaller --kappa): what is seen at once is gone then.",
    "A1": "Scatter the pixels and give every block its own core: --preset hardened.",
    "A2": "Scatter the pixels and give every block its own core: --preset hardened.",
    "A3": "Hide the class names, or leave labels out; give only to people who hold no set of the "
    "same kind.",
    "A4": "Withhold C^ac: it is the key. The developer can train a layer of their own on the "
    "morphed values.",
    "A5": "Withhold C^ac: it is the key. The developer can train a layer of their own on the "
    "morphed values.",
    "A6": "Leave out every picture that the developer may know, and take larger blocks (a smaller "
    "--kappa) with --cores distinct: more known pictures are needed then.",
    "A7": "Give only to people who hold none of the originals: whoever has them finds out whose "
    "row is whose.",
}
MIX: Final[Mapping[str, str]] = {
    "A0": "Much of every image stands in place: take --Nt 3 or more; only --p-replace 1 leaves "
    "nothing of it.",
    "A1": "Foreign blocks show at their seams and are filled from around: take --Nt 3 or more, so "
    "that little of the own is left, and never release two mixed versions of an image.",
    "A7": "Larger blocks name their owner less surely; nothing in this method hides an image from "
    "somebody who holds it.",
}
PIXELATE: Final[Mapping[str, str]] = {
    "A0": "Choose larger cells: what is seen at once is the picture they leave.",
    "A1": "Noise that is filtered out was too little: take larger cells or a smaller --epsilon.",
    "A7": "Whose picture it is was not promised: take a --neighborhood as large as what must not "
    "be told, with an --epsilon of about 1; give only to people who hold none of the originals.",
}
ANYBODY: Final = (
    "Nothing secret stands between picture and release, so anybody learns the way back: take a "
    "larger --window or a deeper --layer, or a sanitizer that has a key."
)
HOLD: Final[Mapping[str, str]] = {"A0": ANYBODY, "A2": ANYBODY, "A3": ANYBODY}
ENCODER: Final[Mapping[str, str]] = {
    "A0": "The picture shows through the map: cut the network deeper.",
    "A6": "Leave out every picture that the developer may know: pairs of picture and map teach the "
    "way back. A deeper cut, and more weight on the loss against attackers, leave less to learn.",
}
ADVICE: Final[Mapping[str, Mapping[str, str]]] = {
    "morph": MORPH,
    "mix": MIX,
    "pixelate": PIXELATE,
    "hold": HOLD,
    "obfuscate": ENCODER,
    "partition": ENCODER,
}
CONTRACT: Final = (
    "This is obfuscation, not encryption and not differential privacy: release to known people, "
    "under a contract."
)
OF_PIXELS: Final = (
    "Differential privacy of some pixels of one image is none of a person: release to known "
    "people, under a contract."
)
LASTING: Final[Mapping[str, str]] = {"pixelate": OF_PIXELS}


def advice(sanitizer: str, won: Sequence[AttackResult], word: str) -> tuple[str, ...]:
    """Return what helps against the attacks that succeeded, and what always holds."""
    known = ADVICE.get(sanitizer, {})
    found = dict.fromkeys(known[result.rung] for result in won if result.rung in known)
    always = LASTING.get(sanitizer, CONTRACT)
    if word == "unknown":
        return (
            "Nothing is known: audit again with all attacks, more time (--budget) or more images.",
            always,
        )
    return (*found, always)
