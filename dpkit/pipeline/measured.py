"""A sample of a release with its originals, attacked and measured before publication."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.audit.halves import OneGroupError
from dpkit.audit.options import FULL_SECONDS, QUICK_PAIRS, QUICK_SECONDS, Options
from dpkit.audit.round_trips import RoundTrips
from dpkit.audit.subject import with_treatment
from dpkit.leakage.metrics import baseline_scores
from dpkit.pipeline.attacked import (
    attack,
    draw,
    restored_in_parts,
    rows_with_originals,
    sanitized_rows,
    subject_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dpkit.audit.findings import Findings
    from dpkit.engines import LocalEngine
    from dpkit.pipeline.prepare import Run
    from dpkit.pipeline.rows import ReleasedRows, Sample
    from dpkit.release.manifest import Manifest
    from dpkit.types.evidence import RoundTrip
    from dpkit.types.voice import Voice


@dataclass(frozen=True, slots=True)
class Measured:
    """A sample with its originals, all attacked rows as drawn, and what was found on the sample."""

    sample: Sample
    drawn: NDArray[np.int64]
    baselines: Mapping[str, Mapping[str, NDArray[np.float64]]]
    round_trip: RoundTrip | None
    findings: Findings | None


def measured(
    run: Run, rows: ReleasedRows, manifest: Manifest, engine: LocalEngine, voice: Voice
) -> Measured:
    """Attack and measure a sample; baselines and the way back are of what was asked for alone."""
    asked = int(str(run.plan.settings["audit_images"]))
    options = _options(run)
    attacked = rows_with_originals(options, run.sanitizer, run.geometry) if options else 0
    count = max(asked, attacked)
    numbers = sanitized_rows(rows, run.sanitizer)
    sample, drawn = draw(rows, numbers, count, run.plan.secret, engine)
    restored = _restored(run, sample.values if options else sample.values[:asked])
    findings = _attacked(run, rows, (sample, drawn, restored), options, voice) if options else None
    dtype = np.dtype(manifest.dtype)
    baselines = baseline_scores(
        sample.originals[:asked], run.geometry.peak, dtype=dtype,
        as_maps=manifest.map_shape is not None,
    )  # fmt: skip
    return Measured(sample, drawn, baselines, _round_trip(run, sample, restored, asked), findings)


def _options(run: Run) -> Options | None:
    """Return what is attacked before publication, None where nothing is.

    The seed follows from the release's name, so that the same run finds the same.
    """
    mode = str(run.plan.settings.get("audit", "none"))
    if mode == "none":
        return None
    return Options(
        mode="full" if mode == "full" else "quick",
        images=int(str(run.plan.settings["audit_images"])),
        pairs=Options().pairs if mode == "full" else QUICK_PAIRS,
        budget_seconds=FULL_SECONDS if mode == "full" else QUICK_SECONDS,
        seed=zlib.crc32(run.plan.release_id.encode()),
        with_utility=bool(run.plan.settings.get("utility", False)),
        with_faces=bool(run.plan.settings.get("faces", False)),
    )


def _attacked(
    run: Run,
    rows: ReleasedRows,
    drawn: tuple[Sample, NDArray[np.int64], NDArray[Any] | None],
    options: Options,
    voice: Voice,
) -> Findings | None:
    """Attack the sample; None where it cannot be cut in halves and nothing is required of it."""
    task: Any = run.plan.settings["task"]
    sample, numbers, restored = drawn
    treated = (run.sanitizer, run.geometry, restored)
    subject = subject_of(rows, sample, numbers, treated, task=task, options=options)
    subject = with_treatment(subject, run.key)
    try:
        return attack(subject, options, voice)
    except OneGroupError as error:
        if run.gates.require:
            raise
        voice.notice(f"no attack was run: {error}")
        return None


def _restored(run: Run, values: NDArray[Any]) -> NDArray[Any] | None:
    """Return what the key gives back of released values [n,h,w,c], None where it gives nothing."""
    if not run.sanitizer.restorable:
        return None
    return restored_in_parts(run.sanitizer, values, run.key, run.geometry)


def _round_trip(
    run: Run, sample: Sample, restored: NDArray[Any] | None, asked: int
) -> RoundTrip | None:
    """Return how well the key restores the sample, where it does."""
    if restored is None:
        return None
    trips = RoundTrips(run.sanitizer, run.key, run.geometry)
    trips.add_restored(sample.originals[:asked], restored[:asked])
    return trips.result()
