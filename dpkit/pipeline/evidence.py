"""The two reports of a release: one for the developer, one for the provider alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.leakage.report.html import PrivateNotes, render_released
from dpkit.leakage.report.pictures import PicturePair, ReleasePicture
from dpkit.leakage.summary import ReleaseFacts, most_alike, summarize
from dpkit.leakage.view import picture
from dpkit.pipeline.exposed import private_page
from dpkit.pipeline.facts import facts_of
from dpkit.pipeline.measured import measured
from dpkit.pipeline.private_csv import csv_pieces
from dpkit.pipeline.rows import ReleasedRows
from dpkit.types.evidence import LEAST_IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dpkit.engines import LocalEngine
    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.rows import Finished
    from dpkit.release.manifest import Manifest
    from dpkit.types import Json
    from dpkit.types.attacks import AttackResult
    from dpkit.types.audit import Audit
    from dpkit.types.promise import PrivacyGuarantee
    from dpkit.types.voice import Voice

PAIRS: Final = 24  # originals in the private report, at most
PICTURES: Final = 12


@dataclass(frozen=True, slots=True)
class Evidence:
    """The released report as JSON and page, and the private files by name, in pieces.

    `audit` is None where no attack was run; `learned` says what a network learned of the release.
    `private_line` is the first line of the private edition, `promise` what both guarantee.
    """

    top_line: str
    private_line: str
    promise: PrivacyGuarantee | None
    report_json: str
    report_html: str
    private: Mapping[str, Iterable[bytes]]
    audit: Audit | None
    learned: str


def gather_evidence(
    run: Run,
    finished: Sequence[Finished],
    manifest: Manifest,
    bad: Sequence[tuple[str, str]],
    engine: LocalEngine,
    *,
    voice: Voice,
    cautions: tuple[str, ...] = (),
) -> Evidence:
    """Attack and measure a sample, and write both editions of the report.

    `cautions` are said in both.
    """
    rows = ReleasedRows.of_run(run, finished, manifest)
    scores = _scores(finished)
    found = measured(run, rows, manifest, engine, voice)
    attacked = found.findings.audit if found.findings else None
    facts = _facts(run, manifest, cautions)
    enough = found.round_trip if len(found.sample.paths) >= LEAST_IMAGES else None
    released = summarize(
        facts, scores, found.baselines, round_trip=enough, dtype=manifest.dtype,
        audit=_without_timings(attacked) if attacked else None,
    )  # fmt: skip
    notices = tuple(str(text) for text in _list(run.plan.settings["notices"]))
    private = summarize(
        replace(facts, notices=notices), scores, found.baselines, round_trip=found.round_trip,
        released=False, dtype=manifest.dtype, audit=attacked,
    )  # fmt: skip
    shown, _, _ = rows.values(found.drawn[:PICTURES])
    duplicates = tuple(tuple(map(str, _list(e))) for e in _list(run.plan.settings["duplicates"]))
    notes = PrivateNotes(tuple(bad), duplicates)
    pairs = _pairs(rows, scores, found.drawn)
    page = private_page(private, pairs, notes, found.sample, found.findings)
    return Evidence(
        released.top_line,
        private.top_line,
        private.guarantee,
        released.to_json(),
        render_released(released, tuple(ReleasePicture(picture(v)) for v in shown)),
        {
            "report.html": [_bytes(page)],
            "report.json": [_bytes(private.to_json())],
            "scores.csv": csv_pieces(["file", *scores], _score_rows(rows, scores)),
        },
        attacked,
        released.audit.utility.sentence if released.audit and released.audit.utility else "",
    )


def _without_timings(audit: Audit) -> Audit:
    """Return an audit without what differs from run to run: a release is the same bytes."""
    return replace(audit, seconds=0.0, attacks=tuple(_untimed(one) for one in audit.attacks))


def _untimed(one: AttackResult) -> AttackResult:
    positive, null = (
        replace(control, is_cached=False) if control else None
        for control in (one.positive, one.null)
    )
    reason = "" if one.state == "crashed" else one.reason  # an error's text may quote anything
    return replace(one, seconds=0.0, positive=positive, null=null, reason=reason)


def _facts(run: Run, manifest: Manifest, cautions: tuple[str, ...]) -> ReleaseFacts:
    facts = facts_of(manifest, run.sanitizer, run.keystore)
    return replace(
        facts,
        treatment=(*facts.treatment, *cautions),
        training=run.sanitizer.training_curve(run.key),
    )


def _pairs(
    rows: ReleasedRows, scores: Mapping[str, NDArray[Any]], drawn: NDArray[np.int64]
) -> tuple[PicturePair, ...]:
    """Return the images most like their originals, the worst first; any where that is undefined."""
    by = "unchanged" if "unchanged" in scores else "ssim"
    worst = most_alike(by, scores[by], PAIRS)
    sample = rows.read(worst if len(worst) else drawn[:PAIRS])
    columns = zip(sample.numbers, sample.paths, sample.originals, sample.values, strict=True)
    return tuple(
        PicturePair(
            original,
            picture(values),
            path,
            {name: float(column[number]) for name, column in scores.items()},
        )
        for number, path, original, values in columns
    )


def _scores(finished: Sequence[Finished]) -> dict[str, NDArray[Any]]:
    """Return the scores [n] of all rows by metric, shard after shard."""
    written = [one.scores.metrics for one in finished if one.shard.rows]
    return {name: np.concatenate([one[name] for one in written]) for name in written[0]}


def _score_rows(
    rows: ReleasedRows, scores: Mapping[str, NDArray[Any]]
) -> Iterator[tuple[str | float, ...]]:
    for number, path in enumerate(rows.paths()):
        yield path, *(float(column[number]) for column in scores.values())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
