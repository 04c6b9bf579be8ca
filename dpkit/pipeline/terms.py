"""What a data key fixes for every batch released under it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from dpkit.errors import UsageError
from dpkit.pipeline.names import require_consent
from dpkit.plan import Split
from dpkit.readers.choice import choose_rule
from dpkit.readers.rule import ReadRule
from dpkit.readers.scan import ScanOptions
from dpkit.readers.targets import encode_targets
from dpkit.release.manifest_entries import ClassEntry
from dpkit.sanitizers import sanitizer_of
from dpkit.sanitizers.base import parameters

if TYPE_CHECKING:
    from dpkit.pipeline.request import ReleaseRequest
    from dpkit.readers.labels import LabelTable
    from dpkit.readers.scan import Scan
    from dpkit.readers.targets import Targets
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Json
    from dpkit.types.supply import Supply
    from dpkit.types.voice import Voice

AUTO_CORE_BYTES: Final = 2**30  # above it, --size auto takes the paper's size


@dataclass(frozen=True, slots=True)
class Terms:
    """Sanitizer and parameters, reading rule, classes and split: sealed beside the key."""

    sanitizer: Sanitizer
    rule: ReadRule
    classes: tuple[tuple[int, str], ...]
    split: Split
    hide_classes: bool

    def to_json(self) -> dict[str, Json]:
        """Return the settings that are sealed with the key."""
        return {
            "sanitizer": self.sanitizer.name,
            "parameters": parameters(self.sanitizer),
            "rule": self.rule.to_json(),
            "classes": [list(entry) for entry in self.classes],
            "split": self.split.text,
            "hide_classes": self.hide_classes,
        }

    @classmethod
    def from_json(cls, settings: dict[str, Any]) -> Terms:
        """Read the settings of a sealed key."""
        return cls(
            sanitizer_of(settings["sanitizer"], settings["parameters"]),
            ReadRule.from_json(settings["rule"]),
            tuple((int(index), str(name)) for index, name in settings["classes"]),
            Split(settings["split"]),
            bool(settings["hide_classes"]),
        )

    def completed(self, supply: Supply) -> Terms:
        """Return the terms with what network or images decide of the sanitizer."""
        return replace(self, sanitizer=self.sanitizer.completed(self.rule.geometry, supply))

    def entries(self) -> tuple[ClassEntry, ...]:
        """Return the classes under the names that are published."""
        hidden = self.hide_classes
        return tuple(ClassEntry(i, f"class-{i}" if hidden else name) for i, name in self.classes)


def scan_options(table: LabelTable | None, split: Split) -> ScanOptions:
    """Return what the scan must look for.

    Raises
    ------
    UsageError
        The split names a column, and there is no table.
    """
    if split.column and table is None:
        raise UsageError(
            f"--split {split.text} names a column, and there is no table",
            remedy="give --labels CSV, or one of folders, none, 80/10/10",
        )
    with_parts = replace(table, part_column=split.column) if table else None
    return ScanOptions(with_parts, folders_are_parts=split.text != "none")


def new_terms(request: ReleaseRequest, scanned: Scan, voice: Voice) -> tuple[Terms, Targets]:
    """Choose geometry and classes for a new key, and say aloud what will be published."""
    sanitizer = request.sanitizer
    rule, notices = choose_rule(
        scanned,
        request.read,
        default_size=sanitizer.default_size,
        admits=lambda geometry: sanitizer.key_bytes(geometry) <= AUTO_CORE_BYTES,
    )
    sanitizer.check(rule.geometry)
    for notice in (*notices, *sanitizer.notices(rule.geometry)):
        voice.notice(notice)
    targets = encode_targets(scanned)
    terms = Terms(sanitizer, rule, targets.classes, request.split, request.hide_classes)
    _announce_classes(request, terms, targets, voice)
    return terms, targets


def known_terms(
    request: ReleaseRequest, terms: Terms, scanned: Scan, voice: Voice
) -> tuple[Terms, Targets]:
    """Take the terms of a key that is used again, with the classes that `--add-class` names.

    Raises
    ------
    UsageError
        The key is another sanitizer's, a given option differs from the key's, a class is unknown
        to it, or its network answers with other classes than the release has.
    """
    _refuse_another_sanitizer(request, terms)
    _refuse_differences(request, terms)
    targets = encode_targets(scanned, terms.classes, request.added_classes)
    terms = replace(terms, classes=targets.classes)
    _refuse_foreign_remote(request, terms)
    _announce_classes(request, terms, targets, voice)
    return terms, targets


def class_images(targets: Targets) -> dict[int, int]:
    """Count the images of each class number."""
    values = targets.values
    if values.ndim == 1:
        return {index: int((values == index).sum()) for index, _ in targets.classes}
    return {
        index: int((values[:, column] == 1).sum())
        for column, (index, _) in enumerate(targets.classes)
    }


def _refuse_another_sanitizer(request: ReleaseRequest, terms: Terms) -> None:
    asked, held = request.sanitizer.name, terms.sanitizer.name
    if asked != held:
        raise UsageError(
            f"key {request.key_id} is a key of {held}, not of {asked}",
            remedy=f"release by `dpkit {held}`, or leave --key out for a new key",
        )


def _refuse_foreign_remote(request: ReleaseRequest, terms: Terms) -> None:
    learned = parameters(terms.sanitizer).get("classes", len(terms.classes))
    if request.with_remote and learned != len(terms.classes):
        raise UsageError(
            f"the network of key {request.key_id} answers with {learned} classes, and the release "
            f"has {len(terms.classes)}",
            remedy="leave --with-remote out, or --key for a new training",
        )


def _refuse_differences(request: ReleaseRequest, terms: Terms) -> None:
    asked: dict[str, Json] = {
        **parameters(request.sanitizer),
        "split": request.split.text,
        "hide_classes": request.hide_classes,
    }
    asked |= asdict(request.read)
    if request.read.size.isdecimal():
        asked["size"] = f"{request.read.size}x{request.read.size}"
    held: dict[str, Json] = {
        **parameters(terms.sanitizer),
        **terms.to_json(),
        **_reading(terms.rule),
    }
    for name in sorted({word.rstrip("_") for word in request.given} & asked.keys()):
        if asked[name] != held[name]:
            raise UsageError(
                f"--{name.replace('_', '-')} {asked[name]} differs from the key's {held[name]}",
                remedy=f"leave the option out, or leave --key {request.key_id} out for a new key",
            )


def _reading(rule: ReadRule) -> dict[str, Json]:
    """Say a rule in the words of the options that ask for it."""
    geometry = rule.geometry
    return {
        "size": f"{geometry.height}x{geometry.width}",
        "fit": rule.fit,
        "channels": "grey" if geometry.channels == 1 else "rgb",
        "depth": str(geometry.depth),
        "matte": rule.matte,
    }


def _announce_classes(
    request: ReleaseRequest, terms: Terms, targets: Targets, voice: Voice
) -> None:
    entries = terms.entries()
    if not entries or terms.hide_classes:
        return
    images = class_images(targets)
    known = [entry for entry in entries if request.key_id is None or images[entry.index]]
    require_consent(known, images, consented=request.publish_classes)
    voice.notice(f"class names to be published: {', '.join(entry.name for entry in entries)}")
