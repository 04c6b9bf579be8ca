"""Hand an Aug-Conv layer over: measure what it gives away, record consent, write the file.

The layer is the key in another form. What a developer could make of it is therefore measured on
the release's own images, by the attacks of `leakage/attacks/`, before anything leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dpkit.errors import UsageError
from dpkit.exchange.age import for_recipient
from dpkit.exchange.build import FIRST
from dpkit.exchange.cost import in_bytes
from dpkit.exchange.morphed import Morphed
from dpkit.exchange.opened import newest_layer, open_layers
from dpkit.keystore.canonical import now
from dpkit.keystore.export import export, write_pieces
from dpkit.leakage.attacks.handover import handover_evidence
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.normalization import parse
from dpkit.types.adversary import AdversaryView
from dpkit.types.evidence import LEAST_IMAGES

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.keystore.store import Keystore
    from dpkit.leakage.attacks.handover import HandoverEvidence
    from dpkit.types import Json

IMAGES: Final = 24  # of the release, that are attacked


@dataclass(frozen=True, slots=True)
class Offer:
    """A layer that may be handed over, and what it was seen to give away."""

    object_id: str
    release_id: str
    size_bytes: int
    images: int
    evidence: HandoverEvidence

    def facts(self) -> dict[str, Json]:
        """Return the same for JSON."""
        return {
            "object_id": self.object_id,
            "release_id": self.release_id,
            "size_bytes": self.size_bytes,
            "images": self.images,
            "evidence": self.evidence.facts(),
        }

    def lines(self) -> list[str]:
        """Say what the developer could make of it."""
        head = (
            f"Aug-Conv {self.object_id} ({in_bytes(self.size_bytes)}) for release "
            f"{self.release_id}, attacked on {self.images} of its images:"
        )
        return [head, *(f"  {line}" for line in self.evidence.lines())]


def offer(
    path: Path, keystore: Keystore, *, object_id: str | None = None, images: int = IMAGES
) -> Offer:
    """Attack a layer in the keystore as the developer could, without changing anything.

    Parameters
    ----------
    object_id
        The layer; None takes the newest of the release.
    images
        How many images of the release are attacked.

    Raises
    ------
    UsageError
        The release is no morphed one, or the layer belongs to another one.
    KeystoreMissingError
        No layer was made for it.
    UnlockError
        The keystore holds no key of it.
    """
    morphed = Morphed.open(path, keystore)
    sealed = keystore.get(object_id or newest_layer(keystore, morphed.release_id), "augconv")
    if sealed.settings.get("release_id") != morphed.release_id:
        raise UsageError(
            f"Aug-Conv {sealed.object_id} belongs to release {sealed.settings.get('release_id')}, "
            f"not to {morphed.release_id}",
            remedy="name the release that it was made for",
        )
    layer, first = open_layers(sealed)
    values = morphed.sample(images)
    view = AdversaryView(
        values,
        morphed.geometry,
        morphed.morph.name,
        parameters(morphed.morph),
        parse(morphed.morph.normalize).affine(morphed.geometry),
        augconv=layer,
        first_conv=first,
    )
    evidence = handover_evidence(
        view, morphed.originals(values), truth=morphed.channel_order(first)
    )
    size = sum(matrix.nbytes for matrix in layer.matrices)
    return Offer(sealed.object_id, morphed.release_id, size, len(values), evidence)


def check_target(out: Path, recipient: str | None) -> None:
    """Raise `UsageError` where a layer could not be handed over so, before it is attacked."""
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} exists", remedy="name a new file with -o")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"{out.parent} is no folder", remedy="name a file in one that exists")
    if recipient:
        for_recipient(recipient)


def hand_over(
    offered: Offer, out: Path, keystore: Keystore, *, recipient: str | None = None
) -> str:
    """Record the provider's consent and write the layer; return the id of the record.

    Parameters
    ----------
    recipient
        `age1…`: the file is encrypted for them.

    Raises
    ------
    UsageError
        `out` exists, or the recipient is none.
    """
    check_target(out, recipient)
    write = for_recipient(recipient) if recipient else write_pieces
    consent: dict[str, Json] = {
        "given": now(),
        "recipient": recipient or "",
        **offered.facts(),
    }
    sealed = keystore.get(offered.object_id, "augconv")
    record = keystore.put("consent", consent, {}, label=offered.release_id)
    settings = {name: said for name, said in sealed.settings.items() if name != FIRST}
    names = tuple(name for name in sealed.names() if not name.startswith(FIRST))
    if offered.images < LEAST_IMAGES:  # figures of so few could tell of one
        del consent["evidence"]
    try:
        export(sealed, out, {**settings, "consent": consent}, names, write)
    except BaseException:
        keystore.destroy(record)  # nothing left the house: a tombstone says that it was begun
        raise
    return record
