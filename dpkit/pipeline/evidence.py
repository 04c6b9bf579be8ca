"""The two reports of a release: one for the developer, one for the provider alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.audit import RoundTrips, sample_rows
from dpkit.leakage.metrics import baseline_scores
from dpkit.leakage.report.html import PrivateNotes, render_private, render_released
from dpkit.leakage.report.pictures import PicturePair, ReleasePicture
from dpkit.leakage.summary import ReleaseFacts, most_alike, summarize
from dpkit.leakage.view import picture
from dpkit.pipeline.counts import count_lines
from dpkit.pipeline.private_csv import csv_pieces
from dpkit.pipeline.rows import ReleasedRows
from dpkit.sanitizers.base import parameters
from dpkit.types.evidence import LEAST_IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dpkit.engines import LocalEngine
    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.rows import Finished
    from dpkit.release.manifest import Manifest
    from dpkit.types import Json
    from dpkit.types.evidence import RoundTrip

PAIRS: Final = 24  # originals in the private report, at most
PICTURES: Final = 12
_AT_ONCE: Final = 32  # rows in memory


@dataclass(frozen=True, slots=True)
class Evidence:
    """The released report as JSON and page, and the private files by name, in pieces."""

    top_line: str
    report_json: str
    report_html: str
    private: Mapping[str, Iterable[bytes]]


def gather_evidence(
    run: Run,
    finished: Sequence[Finished],
    manifest: Manifest,
    bad: Sequence[tuple[str, str]],
    engine: LocalEngine,
    *,
    cautions: tuple[str, ...] = (),
) -> Evidence:
    """Measure the sample, and write both editions of the report; `cautions` are said in both."""
    rows = ReleasedRows(run, finished, manifest)
    written = [one for one in finished if one.shard.rows]
    scores = {
        name: np.concatenate([one.scores.metrics[name] for one in written])
        for name in written[0].scores.metrics
    }
    drawn = sample_rows(len(rows), int(str(run.plan.settings["audit_images"])), run.plan.secret)
    originals, measured = _measure(run, rows, drawn, engine)
    baselines = baseline_scores(originals, run.geometry.peak, dtype=np.dtype(manifest.dtype))
    facts = _facts(run, manifest, cautions)
    enough = measured if len(originals) >= LEAST_IMAGES else None
    released = summarize(facts, scores, baselines, round_trip=enough, dtype=manifest.dtype)
    notices = tuple(str(text) for text in _list(run.plan.settings["notices"]))
    private = summarize(
        replace(facts, notices=notices),
        scores,
        baselines,
        round_trip=measured,
        released=False,
        dtype=manifest.dtype,
    )
    shown = rows.read(drawn[:PICTURES]).values
    duplicates = tuple(tuple(map(str, _list(e))) for e in _list(run.plan.settings["duplicates"]))
    notes = PrivateNotes(tuple(bad), duplicates)
    page = render_private(private, _pairs(rows, scores, drawn), notes)
    return Evidence(
        released.top_line,
        released.to_json(),
        render_released(released, tuple(ReleasePicture(picture(v)) for v in shown)),
        {
            "report.html": [_bytes(page)],
            "report.json": [_bytes(private.to_json())],
            "scores.csv": csv_pieces(["file", *scores], _score_rows(rows, scores)),
        },
    )


def _measure(
    run: Run, rows: ReleasedRows, drawn: NDArray[np.int64], engine: LocalEngine
) -> tuple[NDArray[Any], RoundTrip | None]:
    """Return the originals of the drawn rows, and how well the key restores them, if it does."""
    originals, trips = [], RoundTrips(run.sanitizer, run.key, run.geometry)
    spans = [drawn[start : start + _AT_ONCE] for start in range(0, len(drawn), _AT_ONCE)]
    for sample in engine.map(rows.read, spans):
        originals.append(sample.originals)
        if run.sanitizer.restorable:
            trips.add(sample.originals, sample.values)
    measured = trips.result() if run.sanitizer.restorable else None
    return np.concatenate(originals), measured


def _facts(run: Run, manifest: Manifest, cautions: tuple[str, ...]) -> ReleaseFacts:
    return ReleaseFacts(
        release_id=manifest.release_id,
        created=manifest.created,
        tool=manifest.tool,
        sanitizer=run.sanitizer.name,
        parameters=parameters(run.sanitizer),
        geometry=run.geometry,
        images=manifest.images,
        treatment=(*run.sanitizer.describe(run.geometry), *cautions),
        counts=count_lines(manifest.parts, manifest.classes),
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


def _score_rows(
    rows: ReleasedRows, scores: Mapping[str, NDArray[Any]]
) -> Iterator[tuple[str | float, ...]]:
    for number, path in enumerate(rows.paths()):
        yield path, *(float(column[number]) for column in scores.values())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
