"""An audit of a published release: its files are read, only private reports are written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dpkit.audit.options import Options, faces_wanted
from dpkit.audit.subject import with_treatment
from dpkit.engines import LocalEngine
from dpkit.engines.local import one_blas_thread
from dpkit.errors import KeystoreMissingError, UsageError
from dpkit.exchange.morphed import Morphed
from dpkit.exchange.opened import imagined_layers, newest_layer, open_layers
from dpkit.keystore.keys import open_key
from dpkit.keystore.plans import require_plan
from dpkit.leakage.gate import parse_condition
from dpkit.leakage.metrics import baseline_scores, score
from dpkit.leakage.report.html import PrivateNotes
from dpkit.leakage.summary import ReleaseFacts, summarize
from dpkit.pipeline.attacked import (
    attack,
    draw,
    restored_in_parts,
    rows_with_originals,
    sanitized_rows,
    subject_of,
)
from dpkit.pipeline.budget import promise_for
from dpkit.pipeline.counts import count_lines
from dpkit.pipeline.earlier import Here, versions_of
from dpkit.pipeline.exposed import private_page
from dpkit.pipeline.named import named_images
from dpkit.pipeline.rows import ReleasedRows, written_of
from dpkit.pipeline.state import ReleaseState, private_folder, write_private
from dpkit.pipeline.terms import Terms
from dpkit.readers.folder import FolderSource
from dpkit.release.read import Release
from dpkit.types.evidence import statement_of

if TYPE_CHECKING:
    from dpkit.audit.findings import Findings
    from dpkit.audit.options import Mode
    from dpkit.audit.subject import Subject
    from dpkit.keystore.plans import SealedPlan
    from dpkit.keystore.store import Keystore
    from dpkit.pipeline.rows import Sample
    from dpkit.release.manifest import Manifest
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Json
    from dpkit.types.audit import Audit
    from dpkit.types.voice import Voice


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What a provider asks of an audit.

    Parameters
    ----------
    source
        The originals; None takes the folder that the release was made of.
    augconv
        Whether the newest Aug-Conv of the release in the keystore is attacked too.
    first_conv
        A first layer whose Aug-Conv is made in memory, attacked and thrown away.
    public
        A folder of pictures that the adversary may hold.
    earlier
        Folders of earlier releases of the same images.
    faces
        Whether faces are looked for; None: in the full audit, where the extra is installed.
    require
        A condition on the figures; empty requires nothing.

    The others as in `audit.Options`.
    """

    release: Path
    source: Path | None = None
    attacks: tuple[str, ...] | None = None
    mode: Mode = "full"
    augconv: bool = False
    first_conv: Path | None = None
    public: Path | None = None
    earlier: tuple[Path, ...] = ()
    pairs: tuple[int, ...] = Options().pairs
    images: int = 256
    budget_seconds: float = Options().budget_seconds
    seed: int = 0
    utility: bool = False
    faces: bool | None = None
    require: str = ""

    def __post_init__(self) -> None:
        faces_wanted(self.faces, self.mode)
        if self.require:
            parse_condition(self.require)
        if self.augconv and self.first_conv:
            raise UsageError(
                "--augconv attacks the layer in the keystore, --first-conv one that is not there",
                remedy="give one of them",
            )

    def options(self) -> Options:
        """Return what the engine is asked to do."""
        return Options(
            self.mode, self.attacks, self.images, self.pairs, self.budget_seconds, self.seed,
            self.utility, faces_wanted(self.faces, self.mode),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit of a published release ends with."""

    release_id: str
    audit: Audit
    report: Path

    def facts(self) -> dict[str, Json]:
        """Return everything for a machine."""
        verdict = self.audit.verdict
        best = self.audit.best
        ssim = best.ssim if best else None
        return {
            "release_id": self.release_id,
            "verdict": verdict.word,
            "sentence": verdict.sentence,
            "advice": list(verdict.advice),
            "had_power": verdict.had_power,
            "attacks": verdict.of,
            "images": self.audit.images,
            "mean_ssim": ssim.mean.value if ssim else None,
            "worst_ssim": ssim.worst if ssim else None,
            "faces": self.audit.faces.sentence if self.audit.faces else None,
            "private_report": str(self.report),
        }

    def lines(self) -> list[str]:
        """Return a summary for a person, the verdict first."""
        audit = self.audit
        lines = [f"{statement_of(audit)}."]
        lines += [f"  {rung.rung}  {rung.sentence}" for rung in audit.rungs]
        if audit.best and audit.best.ssim:
            ssim = audit.best.ssim
            lines.append(
                f"  best of the suite on {audit.images} images: SSIM {ssim.mean.value:.3f} on "
                f"average, {ssim.worst:.3f} for the worst"
            )
        if audit.faces:
            lines.append(f"  faces: {audit.faces.sentence}")
        lines += [f"  {sentence}" for sentence in audit.verdict.advice]
        return [*lines, f"  your private report, with originals: {self.report}"]

    def check(self, require: str) -> None:
        """Raise `GateError` where the figures do not meet a condition."""
        if require:
            parse_condition(require).check(self.audit)


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
    """Write report and scores into a new folder of the private state."""
    manifest, sanitizer = opened.manifest, opened.terms.sanitizer
    geometry = manifest.geometry
    facts = ReleaseFacts(
        release_id=manifest.release_id,
        created=manifest.created,
        tool=manifest.tool,
        sanitizer=sanitizer.name,
        parameters=cast("dict[str, Json]", dict(manifest.sanitizer.parameters)),
        geometry=geometry,
        images=manifest.images,
        treatment=tuple(sanitizer.describe(geometry)),
        counts=count_lines(manifest.parts, manifest.classes),
        as_maps=manifest.map_shape is not None,
        guarantee=promise_for(
            keystore, manifest.release_id, sanitizer.guarantee(geometry), geometry
        ),
    )
    report = summarize(
        facts,
        score(sample.originals, sample.values, geometry.peak),
        baseline_scores(
            sample.originals,
            geometry.peak,
            dtype=np.dtype(manifest.dtype),
            as_maps=facts.as_maps,
        ),
        released=False,
        dtype=manifest.dtype,
        audit=findings.audit,
    )
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    audits = private_folder(ReleaseState(manifest.release_id).folder / "audits")
    taken = sum(entry.name.startswith(stamp) for entry in audits.iterdir())
    folder = private_folder(audits / (f"{stamp}-{taken}" if taken else stamp))
    write_private(folder / "report.json", [report.to_json().encode()])
    page = private_page(report, (), PrivateNotes(), sample, findings)
    write_private(folder / "report.html", [page.encode("utf-8", "surrogateescape")])
    return folder / "report.html"
