"""What a run ends with, for a person and for a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dpkit.release.manifest_entries import PartCounts
    from dpkit.types import Json
    from dpkit.types.promise import PrivacyGuarantee


@dataclass(frozen=True, slots=True)
class Published:
    """What a run ends with; `quarantined` images were left out.

    `top_line` stands in the release; `private_line` in the provider's report, where it can say
    more. `promise` has what the images cost over all releases; None where no ε is promised.
    """

    release: Path
    release_id: str
    key_id: str
    images: int
    quarantined: int
    duplicates: int
    parts: tuple[PartCounts, ...]
    fingerprint: str
    top_line: str
    private_line: str
    promise: PrivacyGuarantee | None
    private_report: Path
    quarantine: Path

    def facts(self) -> dict[str, Json]:
        """Return everything for a machine."""
        return {
            "release": str(self.release),
            "release_id": self.release_id,
            "key_id": self.key_id,
            "images": self.images,
            "quarantined": self.quarantined,
            "duplicates": self.duplicates,
            "parts": {part.part: part.images for part in self.parts},
            "signer": self.fingerprint,
            "statement": self.top_line,
            "private_report": str(self.private_report),
            "quarantine": str(self.quarantine),
            **(_budget_facts(self.promise, self.private_line) if self.promise else {}),
        }

    def lines(self) -> list[str]:
        """Return a summary for a person."""
        parts = ", ".join(f"{part.part} {part.images:,}" for part in self.parts)
        lines = [
            f"published {self.release}: {self.images:,} images ({parts})",
            f"  release {self.release_id}, data key {self.key_id}, signer {self.fingerprint}",
            f"  {self.top_line}",
            *(_budget_lines(self.promise, self.private_line) if self.promise else ()),
            f"  your private report, with originals: {self.private_report}",
        ]
        if self.duplicates:
            sets = "1 set" if self.duplicates == 1 else f"{self.duplicates} sets"
            lines.append(f"  {sets} of files with the same bytes: see that report")
        if self.quarantined:
            images = "1 image" if self.quarantined == 1 else f"{self.quarantined} images"
            lines.append(f"  {images} quarantined, why: {self.quarantine}")
        return lines


def _budget_facts(promise: PrivacyGuarantee, private_line: str) -> dict[str, Json]:
    return {
        "private_statement": private_line,
        "epsilon": promise.epsilon,
        "neighborhood": promise.neighborhood,
        "epsilon_totals": {total.epsilon: total.images for total in promise.totals},
    }


def _budget_lines(promise: PrivacyGuarantee, private_line: str) -> Iterator[str]:
    yield f"  for you alone: {private_line}"
    if promise.totals:
        most = promise.totals[0]
        images = "1 image" if most.images == 1 else f"{most.images:,} images"
        yield (
            f"  largest total ε of an image over the releases of this keystore: {most.epsilon} "
            f"({images})"
        )
