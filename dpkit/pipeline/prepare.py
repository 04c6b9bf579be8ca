"""Scan, choose, draw the key, plan, seal: everything that precedes the first shard."""

from __future__ import annotations

import base64
import datetime as dt
import os
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dpkit.audit.options import faces_wanted
from dpkit.engines import LocalEngine
from dpkit.engines.local import blas_core
from dpkit.errors import UnlockError, UsageError
from dpkit.keystore.keys import open_key
from dpkit.keystore.plans import SealedPlan, open_plan, seal_plan
from dpkit.pipeline.budget import cost_of, refuse_overspent, reserved, reserved_images
from dpkit.pipeline.checkpoints import SealedCheckpoints
from dpkit.pipeline.company import find_companions, refuse_unmixable, within_sentence
from dpkit.pipeline.data_key import fresh_key, held_key
from dpkit.pipeline.partial import partial_folder
from dpkit.pipeline.quarantine import check_share
from dpkit.pipeline.request import Gates
from dpkit.pipeline.selfcheck import refuse_names_in_kept
from dpkit.pipeline.signing import signing_key
from dpkit.pipeline.state import Output, ReleaseState, RunRecord
from dpkit.pipeline.supply import supply_of
from dpkit.pipeline.terms import Terms, known_terms, new_terms, scan_options
from dpkit.plan import Borders, ReleaseName, duplicates, make_plan
from dpkit.readers.folder import FolderSource
from dpkit.readers.listing import source_folder
from dpkit.readers.scan import scan
from dpkit.rng import fresh_secret
from dpkit.types import Rows
from dpkit.types.supply import Supply

if TYPE_CHECKING:
    from dpkit.keystore.store import Keystore
    from dpkit.pipeline.budget import Cost, Reserved
    from dpkit.pipeline.request import ReleaseRequest
    from dpkit.plan import Split
    from dpkit.readers.scan import Scan
    from dpkit.readers.targets import Targets
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Geometry, Json, Key
    from dpkit.types.voice import Voice


MOST_SHARD_BYTES: Final = 2**31  # of originals, where a shard grows to hold a label's company


@dataclass(frozen=True, slots=True)
class Run:
    """An open run: sealed key and plan, and where the release grows."""

    output: Output
    state: ReleaseState
    keystore: Keystore
    plan: SealedPlan
    terms: Terms
    key: Key
    source: FolderSource
    gates: Gates
    reserved: Reserved | None = None  # by `begin` and `resume`, where ε is promised

    @property
    def sanitizer(self) -> Sanitizer:
        """The sanitizer with its public parameters."""
        return self.terms.sanitizer

    @property
    def geometry(self) -> Geometry:
        """The shape of every image of the release."""
        return self.source.geometry


def begin(request: ReleaseRequest, keystore: Keystore, voice: Voice, workers: int) -> Run:
    """Seal key and plan of a new release, or open those of the same interrupted command.

    Raises
    ------
    UsageError
        The output exists, another command's unfinished release lies there, or the request
        cannot be carried out.
    """
    refuse_places(request)
    output = Output(request.out)
    record = output.record()
    if record is None or not output.partial.exists():
        with partial_folder(output):
            return _begin_anew(request, keystore, voice, workers)
    if record.request != request.digest():
        raise UsageError(
            f"{output.partial} is the unfinished release of another command",
            remedy="give that command again, or delete the folder to begin anew",
        )
    voice.notice(f"going on with the unfinished release in {output.partial}")
    return resume(request.out, keystore, request.gates)


def refuse_places(request: ReleaseRequest) -> None:
    """Refuse a request at once, before a keystore is made for it.

    Raises
    ------
    UsageError
        The output exists, or the source does not.
    """
    if request.out.exists():
        raise UsageError(f"the output {request.out} exists", remedy="name another with --out")
    source_folder(request.source)
    refuse_unmixable(request)


def resume(out: Path, keystore: Keystore, gates: Gates | None = None) -> Run:
    """Open the unfinished run of an output folder from its sealed key and plan.

    Parameters
    ----------
    gates
        Other limits than those that were given at its beginning.

    Raises
    ------
    UsageError
        No release is being written there.
    UnlockError
        It belongs to another keystore.
    """
    output = Output(out)
    record = output.record()
    if record is None or not output.partial.exists():
        raise UsageError(
            f"no release is being written to {out}",
            remedy="begin one with `dpkit prepare` and the same --out, as the same user",
        )
    if record.keystore_uuid != keystore.uuid:
        raise UnlockError(
            f"the release in {output.partial} belongs to another keystore",
            remedy="name it with --keystore",
        )
    plan = open_plan(keystore, record.plan_object)
    sealed = keystore.get(plan.key_id, "key")
    terms = Terms.from_json(plan.settings["terms"])  # type: ignore[arg-type]  # sealed by us
    source = FolderSource(Path(str(plan.settings["source"])), terms.rule)
    state = ReleaseState(plan.release_id)
    gates = gates or Gates(**plan.settings["gates"])  # type: ignore[arg-type]  # sealed by us
    run = Run(output, state, keystore, plan, terms, open_key(sealed), source, gates)
    run = replace(run, reserved=reserved_images(run))
    refuse_overspent(run)
    return run


def _begin_anew(request: ReleaseRequest, keystore: Keystore, voice: Voice, workers: int) -> Run:
    """Refuse first; draw and seal the key only for a release that can be planned."""
    held = held_key(keystore, request.key_id) if request.key_id else None
    scanned = _scan(request, held.terms.split if held else request.split, voice, workers)
    if held:
        terms, targets = known_terms(request, held.terms, scanned, voice)
    else:
        terms, targets = new_terms(request, scanned, voice)
    rows = _rows(scanned, targets, terms)
    refuse_names_in_kept(rows)
    left = SealedCheckpoints(keystore, request.digest(), rows)
    seed = held.key.seed if held else left.seed
    supply = Supply(voice=voice)
    if held is None:
        supply = supply_of(request, terms, rows, left, voice)
        terms = terms.completed(supply)
    dropped: tuple[tuple[str, str], ...] = ()
    if terms.sanitizer.least_company:
        found = find_companions(request, terms, scanned, rows, seed)
        rows, dropped = found.rows, found.dropped
        _say_dropped(dropped, voice)
        if within := _within(request, scanned):
            voice.notice(within)
    cost = cost_of(request, terms, rows, keystore, (LocalEngine(workers), voice))
    rows = cost.rows
    plan = make_plan(rows, terms.split, seed, _name_release(), _borders(request, terms))
    settings = _settings(request, terms, scanned, cost, dropped)
    with nullcontext(held) if held else fresh_key(keystore, terms, seed, supply) as key:
        signing_key(keystore)  # made now, so that whoever publishes finds it
        with reserved(keystore, plan.release_id, cost, request.gates):
            sealed = seal_plan(keystore, plan, key.key_id, settings)
    left.end()
    output, state = Output(request.out), ReleaseState(plan.release_id)
    output.begin(
        RunRecord(plan.release_id, sealed.sealed.object_id, keystore.uuid, request.digest())
    )
    source = FolderSource(request.source, terms.rule)
    run = Run(output, state, keystore, sealed, terms, key.key, source, request.gates)
    return replace(run, reserved=reserved_images(run))


def _scan(request: ReleaseRequest, split: Split, voice: Voice, workers: int) -> Scan:
    def progress(done: int, total: int) -> None:
        voice.progress("reading headers", done, total)

    options = scan_options(request.table, split)
    scanned = scan(request.source, options, progress=progress, workers=workers)
    for notice in scanned.notices:
        voice.notice(notice)
    if scanned.skipped:
        voice.notice(f"files passed over, no images by their names: {scanned.skipped:,}")
    total = len(scanned.bad) + len(scanned.paths)
    check_share(_listed(scanned), total, request.gates.max_bad)
    return scanned


def _listed(scanned: Scan) -> list[tuple[str, str]]:
    return [(file.path, file.reason) for file in scanned.bad]


def _rows(scanned: Scan, targets: Targets, terms: Terms) -> Rows:
    """Return the rows of a release; where ε is promised, no group follows from files' content."""
    return Rows(
        scanned.paths,
        scanned.sha256,
        targets.values,
        scanned.groups,
        scanned.parts,
        scanned.kept,
        by_content=terms.sanitizer.guarantee(terms.rule.geometry) is None,
    )


def _settings(
    request: ReleaseRequest,
    terms: Terms,
    scanned: Scan,
    cost: Cost,
    dropped: tuple[tuple[str, str], ...],
) -> dict[str, Json]:
    return {
        "terms": terms.to_json(),
        "source": str(request.source.resolve()),
        "task": scanned.task,
        "label_columns": list(scanned.label_names),
        "grouped": scanned.groups is not None,
        "gates": asdict(request.gates),
        "audit_images": request.audit_images,
        "audit": request.audit,
        "utility": request.utility,
        "faces": faces_wanted(request.faces, request.audit),
        "with_remote": request.with_remote,
        "blas": blas_core(),
        "bad": [[path, reason] for path, reason in (*_listed(scanned), *cost.bad)],
        "dropped": [list(entry) for entry in dropped],
        "within": _within(request, scanned),
        "skipped": scanned.skipped,
        "notices": list(scanned.notices),
        "duplicates": [list(paths) for paths in duplicates(cost.rows)],
    }


def _within(request: ReleaseRequest, scanned: Scan) -> str:
    if not request.sanitizer.least_company:
        return ""
    return within_sentence(
        scanned.task, mix_by=scanned.strata is not None, is_merged=bool(request.merge_labels)
    )


def _borders(request: ReleaseRequest, terms: Terms) -> Borders:
    geometry, sanitizer = terms.rule.geometry, terms.sanitizer
    row_bytes = prod(sanitizer.values_shape(geometry)) * sanitizer.values_dtype(geometry).itemsize
    rows = max(1, request.shard_mb * 2**20 // row_bytes)
    most = max(rows, MOST_SHARD_BYTES // row_bytes)
    return Borders(rows, sanitizer.least_company, most)


def _say_dropped(dropped: tuple[tuple[str, str], ...], voice: Voice) -> None:
    for reason, count in Counter(reason for _, reason in dropped).items():
        voice.notice(f"left out, because {reason}: {count:,} images")


def _name_release() -> ReleaseName:
    release_id = base64.b32encode(os.urandom(10)).decode().lower()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return ReleaseName(release_id, today, fresh_secret())
