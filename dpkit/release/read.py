"""A release folder as its reader holds it: the manifest, and the shards behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from dpkit.errors import UsageError
from dpkit.release.columns import ShardColumns, open_columns
from dpkit.release.manifest import Manifest
from dpkit.release.tree import MANIFEST, NEEDED, REPORT, read_tag, read_text, size_of
from dpkit.release.verify import verify as verify_release

if TYPE_CHECKING:
    from dpkit.release.manifest_entries import Shard
    from dpkit.types import Part
    from dpkit.types.evidence import LeakageReport

__all__ = ["Release", "ShardColumns", "open_columns"]

Check: TypeAlias = Literal["none", "quick", "full"]


@dataclass(frozen=True, slots=True)
class Release:
    """An opened release; it holds no file open and can be pickled.

    Examples
    --------
    `Release.open("release", verify="quick").manifest.classes`
    """

    path: Path
    manifest: Manifest

    @classmethod
    def open(
        cls, path: str | Path, verify: Check = "quick", fingerprint: str | None = None
    ) -> Release:
        """Open a release folder after the check that is asked for.

        Raises
        ------
        UsageError
            The folder is no release, or its format is newer.
        IntegrityError
            A file is not what was signed.
        """
        folder = Path(path)
        if verify != "none":
            verify_release(folder, fingerprint=fingerprint, level=verify)
        if not any((folder / name).exists() for name in NEEDED):
            raise UsageError(
                f"{folder} is no release folder", remedy="name the folder that holds manifest.json"
            )
        text = read_tag(folder, MANIFEST, size_of(folder, MANIFEST))
        return cls(folder, Manifest.from_json(text))

    @property
    def report(self) -> LeakageReport:
        """The leakage report that was published with the release."""
        # here, and not above: a developer who trains need not load it
        from dpkit.types.evidence import LeakageReport  # noqa: PLC0415

        return LeakageReport.from_json(read_text(self.path, REPORT, size_of(self.path, REPORT)))

    def shards(self, part: Part | None = None) -> tuple[Shard, ...]:
        """Return the shards of one part, or of all, in their order."""
        return tuple(s for s in self.manifest.shards if part is None or s.part == part)

    def columns(self, shard: Shard) -> ShardColumns:
        """Open one shard."""
        return open_columns(self.path / shard.file, self.manifest)
