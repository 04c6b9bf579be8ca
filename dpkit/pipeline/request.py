"""Everything that a provider asks of one release, valid once built."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from dpkit.audit.options import faces_wanted
from dpkit.errors import UsageError
from dpkit.leakage.gate import parse_condition
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.release.index import check_kept
from dpkit.sanitizers.base import parameters, promises_privacy

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.audit.options import Mode
    from dpkit.readers.labels import LabelTable
    from dpkit.sanitizers.base import Sanitizer

_EPSILON: Final = re.compile(
    r"(?=[0-9.]*[1-9])(?:[0-9]{1,12}(?:\.[0-9]{1,12})?|[0-9]{1,12}/[1-9][0-9]{0,11})"
)


@dataclass(frozen=True, slots=True)
class Gates:
    """Limits that may differ from one attempt to publish to the next: no byte depends on them.

    Parameters
    ----------
    max_bad
        Largest share of unreadable images, 0 to 1.
    allow_unchanged
        Rows that may equal their original (blank images).
    allow_remix
        Whether images that were mixed before may be mixed again.
    require
        A condition on the audit's figures (`leakage.gate`); empty requires nothing.
    max_epsilon
        The largest total ε of an image over all releases of the keystore, as a decimal or a
        fraction above 0; empty sets no limit. For sanitizers with a guarantee.
    """

    max_bad: float = 0.01
    allow_unchanged: int = 0
    allow_remix: bool = False
    require: str = ""
    max_epsilon: str = ""

    def __post_init__(self) -> None:
        if self.require:
            parse_condition(self.require)
        if self.max_epsilon and not _EPSILON.fullmatch(self.max_epsilon):
            raise UsageError(
                f"--max-epsilon {self.max_epsilon[:80]!r} is no number above 0",
                remedy="such as 2, 0.5 or 1/3",
            )
        _within("--max-bad", self.max_bad, 0, 1)
        _within("--allow-unchanged", self.allow_unchanged, 0, 2**40)

    @property
    def epsilon_limit(self) -> Fraction | None:
        """`max_epsilon` as an exact number, None where there is no limit."""
        return Fraction(self.max_epsilon) if self.max_epsilon else None


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What to release, from where, to where.

    Parameters
    ----------
    source, out
        The folder of images; the release's folder, which must not exist.
    model
        The weights of the network that the sanitizer needs, safetensors or a state dict.
    with_remote
        Whether the rest of the sanitizer's network goes into the release.
    key_id
        A data key to use again; geometry, parameters, classes and split then come from it.
    table
        The provider's table of labels; without it folders are classes.
    split
        How images fall into parts.
    shard_mb
        Mebibytes of values in a shard, at least one row.
    audit
        Which attacks are run before the release is published: `none`, `quick` or `full`.
    audit_images
        Size of the sample on which baselines and restoration are measured, and that is attacked.
    utility
        Whether networks are trained on originals and release, to say what can be learned.
    faces
        Whether faces are looked for; None: in the full audit, where the extra is installed.
    merge_labels, drop_small_labels, mix_bins
        For sanitizers that mix: labels that are mixed as one (`A,B`), whether those that are too
        small are left out, and into how many classes the numbers of `mix_column` fall.
    given
        Names of the options that the user wrote: those that a re-used key may not contradict.
    """

    source: Path
    out: Path
    sanitizer: Sanitizer
    table: LabelTable | None = None
    read: ReadOptions = field(default_factory=ReadOptions)
    split: Split = field(default_factory=Split)
    model: Path | None = None
    with_remote: bool = False
    key_id: str | None = None
    added_classes: tuple[str, ...] = ()
    hide_classes: bool = False
    publish_classes: bool = False
    shard_mb: int = 256
    gates: Gates = field(default_factory=Gates)
    audit: Mode = "quick"
    audit_images: int = 256
    utility: bool = False
    faces: bool | None = None
    merge_labels: tuple[str, ...] = ()
    drop_small_labels: bool = False
    mix_bins: int | None = None
    given: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._check_privacy()
        _within("--shard-mb", self.shard_mb, 1, 65536)
        _within("--audit-images", self.audit_images, 20, 65536)
        faces_wanted(self.faces, self.audit)
        if self.gates.require and self.audit == "none":
            raise UsageError(
                "--require needs an audit, and --audit is none", remedy="say --audit quick or full"
            )
        self._check_model()
        if self.mix_bins is not None:
            _within("--mix-bins", self.mix_bins, 2, 65536)
        if self.key_id is not None and self.sanitizer.fresh_keys:
            raise UsageError(
                f"{self.sanitizer.name} takes no --key: its draws must be fresh in every release",
                remedy="leave --key out",
            )
        if self.hide_classes and self.publish_classes:
            raise UsageError("--hide-classes and --publish-classes contradict each other")
        if self.out.resolve().is_relative_to(self.source.resolve()):
            raise UsageError(
                f"the output {self.out} lies inside the source {self.source}",
                remedy="name a folder elsewhere with --out",
            )
        if self.table:
            check_kept(self.table.keep_columns)

    def _check_privacy(self) -> None:
        is_private = promises_privacy(self.sanitizer)
        if is_private:
            refuse_figures(self.sanitizer, self.gates.require, self.gates.allow_unchanged or None)
        if self.gates.max_epsilon and not is_private:
            raise UsageError(
                f"--max-epsilon is given, and {self.sanitizer.name} has no ε",
                remedy="leave it out",
            )

    def _check_model(self) -> None:
        is_needed = "network" in self.sanitizer.needs and self.key_id is None
        if is_needed and self.model is None:
            raise UsageError(
                f"{self.sanitizer.name} needs a network with these options",
                remedy="name its weights with --model FILE",
            )
        if self.model is not None and not is_needed:
            held = "key has its network" if self.key_id else "options need no network"
            raise UsageError(f"--model is given, and the {held}", remedy="leave --model out")

    def digest(self) -> str:
        """Return a digest of everything that decides the release's bytes; the gates do not.

        Two commands with one digest are the same command: the second goes on where the first
        was interrupted.
        """
        facts: dict[str, Any] = {
            "source": str(self.source.resolve()),
            "out": str(self.out.resolve()),
            "sanitizer": [self.sanitizer.name, parameters(self.sanitizer)],
            "table": asdict(self.table) if self.table else None,
            "read": asdict(self.read),
            "split": asdict(self.split),
            **({"model": str(self.model.resolve())} if self.model else {}),
            **({"with_remote": True} if self.with_remote else {}),
            "rest": [
                self.key_id,
                self.added_classes,
                self.hide_classes,
                self.publish_classes,
                self.shard_mb,
                self.audit_images,
                self.audit,
                self.utility,
                self.faces,
                self.merge_labels,
                self.drop_small_labels,
                self.mix_bins,
            ],
        }
        text = json.dumps(facts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def refuse_figures(sanitizer: Sanitizer, require: str | None, allow_unchanged: int | None) -> None:
    """Refuse limits on a release that promises differential privacy; None where none was given.

    Raises
    ------
    UsageError
        One was given: its figure is computed from originals.
    """
    given = {"--require": bool(require), "--allow-unchanged": allow_unchanged is not None}
    for option in (name for name, is_given in given.items() if is_given):
        raise UsageError(
            f"{option} cannot be given to {sanitizer.name}: whether its release is published would "
            "depend on figures of originals, and that decision is not covered by ε",
            remedy="leave it out, and read your private report",
        )


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{name} {value} is not within {low} to {high}")
