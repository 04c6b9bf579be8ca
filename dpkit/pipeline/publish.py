"""Close a release: measure, report, check, sign, rename. Nothing is published before the rename."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit import __version__
from dpkit.engines.local import one_blas_thread
from dpkit.errors import DpkitError, GateError, UsageError
from dpkit.leakage.gate import parse_condition
from dpkit.leakage.verdict import verdict
from dpkit.pipeline.counts import count_parts
from dpkit.pipeline.evidence import Evidence, gather_evidence
from dpkit.pipeline.private_csv import csv_pieces
from dpkit.pipeline.published import Published
from dpkit.pipeline.quarantine import check_share
from dpkit.pipeline.remix import count_again, enter_images, remix_sentence
from dpkit.pipeline.rows import Finished
from dpkit.pipeline.scores import ShardScores
from dpkit.pipeline.selfcheck import check_release
from dpkit.pipeline.signing import signing_key
from dpkit.pipeline.state import private_folder, write_private
from dpkit.release.aside import sync_folder, write_file
from dpkit.release.bag import seal
from dpkit.release.card import card
from dpkit.release.index import IndexRows, write_index
from dpkit.release.manifest import Manifest
from dpkit.release.manifest_entries import SanitizerEntry, Signer
from dpkit.release.read import Release
from dpkit.release.remote import write_remote
from dpkit.release.tree import CARD, INDEX, REMOTE, REPORT, REPORT_PAGE
from dpkit.release.verify import verify
from dpkit.sanitizers.base import parameters
from dpkit.types import PARTS
from dpkit.types.evidence import STATEMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dpkit.engines import LocalEngine
    from dpkit.pipeline.prepare import Run
    from dpkit.release.signature import SigningKey
    from dpkit.types import Json
    from dpkit.types.supply import Weights
    from dpkit.types.voice import Voice


def close(run: Run, engine: LocalEngine, voice: Voice) -> Published:
    """Publish the release of a run whose shards are all written.

    Raises
    ------
    UsageError
        A shard is missing.
    DpkitError
        Too many images are bad, or the self-check found something.
    """
    finished = finished_shards(run)
    bad, dropped = _bad(run, finished), _pairs(run, "dropped")
    images = sum(f.shard.rows for f in finished)
    private = private_folder(run.state.folder)
    quarantine = private / "quarantine.csv"
    write_private(quarantine, csv_pieces(["file", "reason"], sorted([*bad, *dropped])))
    check_share(bad, images + len(bad), run.gates.max_bad)
    if not images:
        raise DpkitError("no image is left to publish", remedy=f"see the reasons in {quarantine}")
    voice.notice("measuring and checking the release")
    again = count_again(run, finished)
    signer = signing_key(run.keystore)
    manifest = manifest_of(run, finished, signer)
    left_out, cautions = sorted([*bad, *dropped]), _cautions(run, again)
    with one_blas_thread():  # its products are small: a second thread would only spin
        evidence = gather_evidence(
            run, finished, manifest, left_out, engine, voice=voice, cautions=cautions
        )
    voice.safe_point()
    _refuse_unmet(run, evidence)
    manifest = replace(manifest, statement=evidence.top_line)
    folder = run.output.partial
    _write_documents(run, finished, manifest, evidence, signer)
    check_release(run, finished, manifest, engine)
    voice.safe_point()
    verify(folder)
    voice.safe_point()
    for name, pieces in evidence.private.items():
        write_private(private / name, pieces)
    enter_images(run, finished, again)
    _move_into_place(run)
    return Published(
        run.output.out, run.plan.release_id, run.plan.key_id, images, len(bad) + len(dropped),
        len(_list(run.plan.settings["duplicates"])), manifest.parts, signer.public.fingerprint,
        evidence.top_line, evidence.private_line, evidence.promise, private / "report.html",
        quarantine,
    )  # fmt: skip


def _refuse_unmet(run: Run, evidence: Evidence) -> None:
    """Raise `GateError` where the audit does not meet what is required; the reports say why."""
    if not run.gates.require:
        return
    if evidence.audit is None:
        raise UsageError(
            "--require needs an audit, and this release was begun with --audit none",
            remedy="begin it anew with --audit quick or full",
        )
    try:
        parse_condition(run.gates.require).check(evidence.audit)
    except GateError as error:
        folder = private_folder(run.state.folder)
        for name, pieces in evidence.private.items():
            write_private(folder / name, pieces)
        raise GateError(
            f"nothing was published: {error}", remedy=f"see {folder / 'report.html'}"
        ) from None


def finished_shards(run: Run) -> list[Finished]:
    """Return every shard of the plan as the journal has it.

    Raises
    ------
    UsageError
        One is missing.
    """
    finished = []
    for number, planned in enumerate(run.plan.shards):
        shard = run.state.finished(number, run.plan.sealed.object_id)
        if shard is None:
            raise UsageError(
                f"shard {number} of {len(run.plan.shards)} ({planned.file}) is not written",
                remedy=f"write the part I/N with {number} % N == I, then publish",
            )
        finished.append(Finished(number, shard, ShardScores.load(run.state.scores(number))))
    return finished


def manifest_of(run: Run, finished: list[Finished], signer: SigningKey) -> Manifest:
    """Put together everything public about the release."""
    settings = run.plan.settings
    classes = run.terms.entries()
    rows = ((f.shard.part, f.rows(run)) for f in finished if f.shard.rows)
    plain = [part for part in PARTS if run.sanitizer.leaves_plain(part)]
    task: Any = settings["task"]
    parts = count_parts(rows, classes, plain)
    images = sum(part.images for part in parts)
    said = verdict(run.sanitizer.name, parameters(run.sanitizer), run.geometry, images)
    return Manifest(
        release_id=run.plan.release_id,
        key_id=run.plan.key_id,
        created=run.plan.created,
        tool=f"dpkit {__version__}",
        sanitizer=SanitizerEntry(run.sanitizer.name, parameters(run.sanitizer)),
        geometry=run.geometry,
        map_shape=_map_shape(run),
        dtype=run.sanitizer.values_dtype(run.geometry).name,
        reading=dict(run.source.describe()),
        task=task,
        classes=classes,
        label_columns=_label_columns(run),
        grouped=bool(settings["grouped"]),
        kept_columns=tuple(str(name) for name in _list(settings["kept_columns"])),
        parts=parts,
        shards=tuple(f.shard for f in finished if f.shard.rows),
        training={**run.sanitizer.training(run.geometry), **_moments(run, finished)},
        statement=". ".join(filter(None, (STATEMENT, said))),
        signer=Signer(signer.public.text, signer.public.fingerprint),
    )


def released_remote(run: Run) -> Weights | None:
    """Return the rest of the network where the provider gives it to the developer."""
    asked = bool(run.plan.settings.get("with_remote", False))
    return run.sanitizer.remote(run.key, run.geometry) if asked else None


def _map_shape(run: Run) -> tuple[int, int, int] | None:
    geometry, shape = run.geometry, run.sanitizer.values_shape(run.geometry)
    own = (geometry.channels, geometry.height, geometry.width)
    return None if shape == own else shape


def _cautions(run: Run, again: int) -> tuple[str, ...]:
    within = str(run.plan.settings["within"])
    return tuple(f"{said}." for said in (within, remix_sentence(again)) if said)


def _label_columns(run: Run) -> tuple[str, ...]:
    names = tuple(str(name) for name in _list(run.plan.settings["label_columns"]))
    match run.plan.settings["task"]:
        case "multi":
            return tuple(entry.name for entry in run.terms.entries())
        case "none":
            return ()
        case _:
            return names


def _moments(run: Run, finished: list[Finished]) -> dict[str, Json]:
    """Return mean and deviation by channel over the training part, or over all without one."""
    of_training = [f for f in finished if f.shard.part == "train" and f.shard.rows]
    chosen = of_training or finished
    _, height, width = run.sanitizer.values_shape(run.geometry)
    count = height * width * sum(f.shard.rows for f in chosen)
    mean, square = np.sum([f.scores.sums for f in chosen], axis=0) / max(count, 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return {"mean": [float(m) for m in mean], "std": [float(s) for s in deviation]}


def _write_documents(
    run: Run, finished: list[Finished], manifest: Manifest, evidence: Evidence, signer: SigningKey
) -> None:
    folder = run.output.partial
    index = write_index(folder / INDEX, manifest.kept_columns, _index_rows(run, finished, manifest))
    remote = released_remote(run)
    if remote is not None:
        write_remote(folder / REMOTE, remote)
    promised = evidence.promise.promise if evidence.promise else ""
    text = card(manifest, evidence.learned, promised, has_remote=remote is not None)
    write_file(folder / CARD, text.encode())
    write_file(folder / REPORT, evidence.report_json.encode())
    write_file(folder / REPORT_PAGE, evidence.report_html.encode())
    seal(folder, manifest, index, signer)


def _index_rows(run: Run, finished: list[Finished], manifest: Manifest) -> Iterator[IndexRows]:
    release = Release(run.output.partial, manifest)
    for one in finished:
        if one.shard.rows:
            kept = one.rows(run).kept
            cells = list(zip(*kept.values(), strict=True)) if kept else ()
            yield IndexRows(one.shard, release.columns(one.shard), cells)


def _move_into_place(run: Run) -> None:
    """Rename the whole release; its folder entries are on the disk before and after."""
    out, partial = run.output.out, run.output.partial
    sync_folder(partial / "data")
    sync_folder(partial)
    if out.exists():
        raise UsageError(f"the output {out} exists by now", remedy="move it away, publish again")
    partial.rename(out)
    sync_folder(out.resolve().parent)
    run.output.end()


def _bad(run: Run, finished: list[Finished]) -> list[tuple[str, str]]:
    return sorted([*_pairs(run, "bad"), *(entry for one in finished for entry in one.scores.bad)])


def _pairs(run: Run, name: str) -> list[tuple[str, str]]:
    pairs = (_list(entry) for entry in _list(run.plan.settings[name]))
    return [(str(path), str(reason)) for path, reason in pairs]


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
