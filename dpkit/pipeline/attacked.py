"""Rows of a release drawn for its audit: some with their originals, more without."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.audit.options import MOST_BYTES
from dpkit.audit.round_trips import sample_rows
from dpkit.audit.subject import Subject
from dpkit.pipeline.state import private_folder, state_root, write_private
from dpkit.types import PARTS
from dpkit.types.utility import MOST_TRAINED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.audit.findings import Findings
    from dpkit.audit.options import Options
    from dpkit.engines import LocalEngine
    from dpkit.pipeline.rows import ReleasedRows, Sample
    from dpkit.sanitizers.base import Sanitizer
    from dpkit.types import Geometry, Key, Secret, Task
    from dpkit.types.voice import Voice

OWN_BYTES: Final = 2**24  # of originals in a full audit: 5,461 of 32x32x3, where A7 needs 4,608
OWN_ROWS: Final = 4096  # at least, where `MOST_BYTES` of them and their released rows allow it
_AT_ONCE: Final = 32  # rows in memory of one thread


def rows_with_originals(options: Options, sanitizer: Sanitizer, geometry: Geometry) -> int:
    """Return how many rows are read with their originals: half are scored, half the adversary's."""
    released = 4 * prod(sanitizer.values_shape(geometry))
    original = geometry.elements * geometry.pixel_dtype.itemsize
    fitting = max(2, MOST_BYTES // (released + 3 * original))
    learned = MOST_TRAINED[options.is_full] if options.with_utility else 0
    own = max(OWN_ROWS, min(options.rows, OWN_BYTES // original))
    wanted = max(2 * options.images, own) if options.is_full else options.images
    return max(2, min(max(wanted, learned), fitting))


def sanitized_rows(rows: ReleasedRows, sanitizer: Sanitizer) -> NDArray[np.int64]:
    """Return the numbers of the rows that are attacked: not those that are released as they are.

    Where every part is released as it is, all rows are attacked.
    """
    plain = [part for part in PARTS if sanitizer.leaves_plain(part)]
    found = rows.numbers(without=plain)
    return found if len(found) else rows.numbers()


def draw(
    rows: ReleasedRows,
    numbers: NDArray[np.int64],
    count: int,
    secret: Secret,
    engine: LocalEngine,
) -> tuple[Sample, NDArray[np.int64]]:
    """Return a sample of some rows, drawn by the release secret, and all of them as drawn."""
    drawn = numbers[sample_rows(len(numbers), len(numbers), secret)]
    count = min(count, len(drawn))
    spans = [drawn[start : min(start + _AT_ONCE, count)] for start in range(0, count, _AT_ONCE)]
    read = list(engine.map(rows.read, [span for span in spans if len(span)]))
    return joined(read), drawn


def joined(samples: list[Sample]) -> Sample:
    """Return several samples as one."""
    paths = tuple(path for sample in samples for path in sample.paths)
    names = ("numbers", "originals", "values", "targets", "groups")
    columns = {name: np.concatenate([getattr(s, name) for s in samples]) for name in names}
    return type(samples[0])(paths=paths, **columns)


def subject_of(
    rows: ReleasedRows,
    sample: Sample,
    drawn: NDArray[np.int64],
    treated: tuple[Sanitizer, Geometry, NDArray[Any] | None],
    *,
    task: Task,
    options: Options,
) -> Subject:
    """Return what is attacked: the sample, and further rows of groups that are not in it.

    Parameters
    ----------
    treated
        The sanitizer, the geometry, and what the key gives back of the sample, if it gives.
    """
    sanitizer, geometry, restored = treated
    row_bytes = int(np.prod(sample.values.shape[1:])) * 4  # float32, as attacks compute
    most = max(0, min(options.rows, MOST_BYTES // row_bytes) - len(sample.numbers) // 2)
    further = drawn[~np.isin(drawn, sample.numbers)][:most]
    others, targets = _further(rows, further, sample)
    is_single = task == "single"
    return Subject(
        sanitizer,
        geometry,
        sample.values,
        sample.originals,
        sample.targets.astype(np.int64) if is_single else None,
        sample.groups,
        others,
        targets.astype(np.int64) if is_single else np.zeros(len(others), np.int64),
        restored=restored,
    )


def restored_in_parts(
    sanitizer: Sanitizer, values: NDArray[Any], key: Key, geometry: Geometry
) -> NDArray[Any]:
    """Return what the key gives back of released values, u8 or u16 [n,h,w,c]."""
    parts = [values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE)]
    return np.concatenate([sanitizer.restore(part, key, geometry) for part in parts])


def attack(subject: Subject, options: Options, voice: Voice) -> Findings:
    """Run the suite, with the controls that the user's state folder keeps."""
    # here: they load every attack, and a release without an audit needs none
    from dpkit.audit.cache import ControlCache  # noqa: PLC0415
    from dpkit.audit.suite import audit  # noqa: PLC0415

    controls = ControlCache(private_folder(state_root() / "controls"), write_private)
    return audit(subject, options, controls, voice)


def _further(
    rows: ReleasedRows, numbers: NDArray[np.int64], sample: Sample
) -> tuple[NDArray[Any], NDArray[Any]]:
    if not len(numbers):
        return sample.values[:0], sample.targets[:0]
    values, targets, groups = rows.values(numbers)
    apart = ~np.isin(groups, sample.groups)
    return values[apart], targets[apart]
