"""An audit of a published release: its files are read, only private reports are written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.audit.subject import with_treatment
from dpkit.engines import LocalEngine
from dpkit.engines.local import one_blas_thread
from dpkit.errors import KeystoreMissingError, UsageError
from dpkit.exchange.morphed import Morphed
from dpkit.exchange.opened import imagined_layers, newest_layer, open_layers
from dpkit.keystore.keys import open_key
from dpkit.keystore.plans import require_plan
from dpkit.leakage.metrics import baseline_scores, score
from dpkit.leakage.report.html import PrivateNotes
from dpkit.leakage.summary import summarize
from dpkit.pipeline.attacked import (
    attack,
    draw,
    restored_in_parts,
    rows_with_originals,
    sanitized_rows,
    subject_of,
)
from dpkit.pipeline.audited import Audited
from dpkit.pipeline.earlier import Here, versions_of
from dpkit.pipeline.exposed import private_page
from dpkit.pipeline.facts import facts_of
from dpkit.pipeline.named import named_images
from dpkit.pipeline.rows import ReleasedRows, written_of
from dpkit.pipeline.state import ReleaseState, private_folder, write_private
from dpkit.pipeline.terms import Terms
from dpkit.readers.folder import FolderSource
from dpkit.release.read import Release

if TYPE_CHECKING:
    from dpkit.audit.findings import Findings
    from dpkit.audit.subject import Subject
    from dpkit.keystore.plans import SealedPlan
    from dpkit.keystore.store import Keystore
    from dpkit.pipeline.audit_request import AuditRequest
    from dpkit.pipeline.rows import Sample
    from dpkit.release.manifest import Manifest
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types.audit import Audit
    from dpkit.types.evidence import LeakageReport
    from dpkit.types.voice import Voice


@dataclass(frozen=True, slots=True)
class _Opened:
    """A published release with what its keystore holds of it."""

    release: Release
    plan: SealedPlan
    terms: Terms
    rows: ReleasedRows
    source: FolderSource

    @property
    def manifest(self) -> Manifest:
        return self.release.manifest


def audit_release(request: AuditRequest, keystore: Keystore, voice: Voice) -> Audited:
    """Attack a published release, and write a private report.

    Raises
    ------
    UsageError
        The originals are not where they were, or an option cannot work.
    UnlockError
        The keystore holds no plan of the release.
    IntegrityError
        The release is not what was signed.
    """
    options = request.options()
    opened = _open(request, keystore)
    engine = LocalEngine()
    numbers = sanitized_rows(opened.rows, opened.terms.sanitizer)
    wanted = rows_with_originals(options, opened.terms.sanitizer, opened.manifest.geometry)
    count = min(len(numbers), wanted)
    voice.notice(f"reading {count} images and their originals")
    sample, drawn = draw(opened.rows, numbers, count, opened.plan.secret, engine)
    here = Here(opened.manifest, opened.rows, sample)
    versions = versions_of(here, request.earlier, keystore, voice)
    with one_blas_thread():
        subject = _subject(request, keystore, opened, (sample, drawn))
        subject = replace(subject, versions=versions)
        findings = attack(subject, options, voice)
        report = _write(opened, keystore, sample, findings)
    return Audited(opened.manifest.release_id, findings.audit, report)


def _open(request: AuditRequest, keystore: Keystore) -> _Opened:
    release = Release.open(request.release, verify="quick")
    plan = require_plan(keystore, release.manifest.release_id)
    terms = Terms.from_json(plan.settings["terms"])  # type: ignore[arg-type]  # sealed by us
    folder = request.source or Path(str(plan.settings["source"]))
    try:
        source = FolderSource(folder, terms.rule)
    except UsageError as error:
        raise UsageError(
            f"the originals cannot be read: {error}",
            remedy="name their folder after the release: dpkit audit RELEASE SOURCE",
        ) from None
    rows = ReleasedRows(release, source, written_of(release, plan))
    return _Opened(release, plan, terms, rows, source)


def _subject(
    request: AuditRequest,
    keystore: Keystore,
    opened: _Opened,
    drawn: tuple[Sample, np.ndarray[Any, np.dtype[np.int64]]],
) -> Subject:
    manifest, sanitizer = opened.manifest, opened.terms.sanitizer
    key = open_key(keystore.get(opened.plan.key_id, "key"))
    restored = None
    if sanitizer.restorable:
        restored = restored_in_parts(sanitizer, drawn[0].values, key, manifest.geometry)
    treated = (sanitizer, manifest.geometry, restored)
    subject = subject_of(
        opened.rows, *drawn, treated, task=manifest.task, options=request.options()
    )
    subject = with_treatment(subject, key)
    if request.augconv or request.first_conv:
        augconv, first = _layers(request, keystore, sanitizer)
        subject = replace(subject, augconv=augconv, first_conv=first)
    if request.public is None:
        return subject
    pictures = named_images(request.public, opened.terms.rule)
    return replace(subject, public=pictures, public_name=f"{len(pictures)} pictures of --public")


def _layers(request: AuditRequest, keystore: Keystore, sanitizer: Sanitizer) -> tuple[Any, Any]:
    if sanitizer.name != "morph":
        raise UsageError(
            f"a release of {sanitizer.name} has no Aug-Conv",
            remedy="leave --augconv and --first-conv out",
        )
    morphed = Morphed.open(request.release, keystore)
    if request.first_conv is not None:
        return imagined_layers(morphed, request.first_conv)
    try:
        sealed = keystore.get(newest_layer(keystore, morphed.release_id), "augconv")
    except KeystoreMissingError as error:
        raise UsageError(
            f"--augconv: {error}", remedy="or name a first layer with --first-conv FILE"
        ) from None
    return open_layers(sealed)


def _write(opened: _Opened, keystore: Keystore, sample: Sample, findings: Findings) -> Path:
    """Write the report and its page into a new folder of the private state."""
    report = _report(opened, keystore, sample, findings.audit)
    page = private_page(report, (), PrivateNotes(), sample, findings)
    folder = _new_folder(opened.manifest.release_id)
    write_private(folder / "report.json", [report.to_json().encode()])
    write_private(folder / "report.html", [page.encode("utf-8", "surrogateescape")])
    return folder / "report.html"


def _report(opened: _Opened, keystore: Keystore, sample: Sample, audit: Audit) -> LeakageReport:
    manifest, peak = opened.manifest, opened.manifest.geometry.peak
    facts = facts_of(manifest, opened.terms.sanitizer, keystore)
    dtype = np.dtype(manifest.dtype)
    return summarize(
        facts,
        score(sample.originals, sample.values, peak),
        baseline_scores(sample.originals, peak, dtype=dtype, as_maps=facts.as_maps),
        released=False,
        dtype=manifest.dtype,
        audit=audit,
    )


def _new_folder(release_id: str) -> Path:
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    audits = private_folder(ReleaseState(release_id).folder / "audits")
    taken = sum(entry.name.startswith(stamp) for entry in audits.iterdir())
    return private_folder(audits / (f"{stamp}-{taken}" if taken else stamp))
