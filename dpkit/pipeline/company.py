"""Who may be mixed with whom, decided before anything is drawn; who cannot be is refused by name.

A row's stratum is what it mixes within: its label, or the column of `--mix-by`, or all images
where there is neither. Donors come from the same stratum and part and from another group, so each
stratum of each part needs N_s such rows for every row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.plan import group_rows, part_indices
from dpkit.readers.labels import read_rows
from dpkit.readers.targets import are_measures
from dpkit.types import PARTS
from dpkit.types.plans import keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from dpkit.pipeline.request import ReleaseRequest
    from dpkit.pipeline.terms import Terms
    from dpkit.readers.scan import Scan
    from dpkit.types import Part, Rows, Secret

ALL: Final = "all images"
_SHOWN: Final = 12  # labels in a refusal


@dataclass(frozen=True, slots=True)
class Companions:
    """The rows that can be mixed, with their strata; `dropped` lists the others and why."""

    rows: Rows
    names: tuple[str, ...]
    dropped: tuple[tuple[str, str], ...]


def within_sentence(task: str, *, mix_by: bool, is_merged: bool) -> str:
    """Say within what images were mixed, where that is not their one label; else empty."""
    if mix_by:
        return "Images were mixed within classes of the provider's own, not within their targets"
    if task == "none":
        return (
            "The images have no labels and were mixed as one class: an image of one thing holds "
            "pieces of images of another"
        )
    if is_merged:
        return "Some labels were mixed as one: an image of one holds pieces of images of another"
    return ""


def refuse_unmixable(request: ReleaseRequest) -> None:
    """Refuse several labels an image, before any file is read, unless told what to mix by.

    Raises
    ------
    UsageError
        With the table of label counts.
    """
    table = request.table
    if not request.sanitizer.least_company or table is None or table.mix_column is not None:
        return
    many = table.label_sep is not None or len(table.label_columns) > 1
    if not many and table.task in (None, "single"):
        return
    columns = read_rows(table).columns
    counts = {
        f"{name}={label}" if len(table.label_columns) > 1 else label: count
        for name in table.label_columns
        for label, count in _labels(columns[name], table.label_sep).items()
    }
    what = "numbers" if table.task == "regression" else "several labels"
    raise UsageError(
        f"images with {what} have no one label to be mixed within; in the table: "
        f"{_counted(counts)}",
        remedy="name a column that parts them, such as a finding, with --mix-by COLUMN",
    )


def find_companions(
    request: ReleaseRequest, terms: Terms, scanned: Scan, rows: Rows, seed: Secret
) -> Companions:
    """Give every row its stratum, and leave out who may be left out.

    Raises
    ------
    UsageError
        A stratum is too small in a part, by name, with what would help.
    """
    names = _merged(_names(request, scanned), request.merge_labels)
    parts = part_indices(rows, terms.split, seed)
    first = np.ones(len(rows), np.bool_)
    first[_later_copies(rows)] = False
    kinds, codes = np.unique(np.array(names, dtype=object), return_inverse=True)
    strata = codes.reshape(-1).astype(np.int64)
    small = _too_small(request, rows, first, parts, strata)
    if small and not request.drop_small_labels:
        _refuse_small(request, small, [str(kind) for kind in kinds])
    lost = np.zeros(len(rows), np.bool_)
    for part, stratum, _ in small:
        lost |= (parts == part) & (strata == stratum)
    dropped = [
        (path, "equal to another image of this release, byte for byte")
        for path in _where(rows.paths, ~first)
    ]
    dropped += [
        (path, "its label has too few images in its part to be mixed")
        for path in _where(rows.paths, lost & first)
    ]
    stay = first & ~lost
    if not stay.any():
        raise UsageError("no label has images enough to be mixed", remedy="lower --Ns")
    return Companions(
        keep(replace(rows, strata=strata), stay), tuple(map(str, kinds)), tuple(dropped)
    )


def _names(request: ReleaseRequest, scanned: Scan) -> tuple[str, ...]:
    """Return what each row mixes within, in words."""
    if scanned.strata is not None:
        return _binned(scanned.strata, request.mix_bins)
    if scanned.task == "single" and scanned.labels is not None:
        return tuple(labels[0] for labels in scanned.labels)
    if scanned.task == "none":
        return (ALL,) * len(scanned.paths)
    raise UsageError(
        f"task {scanned.task} gives no one label to be mixed within",
        remedy="name a column that parts the images with --mix-by COLUMN",
    )


def _binned(cells: tuple[str, ...], bins: int | None) -> tuple[str, ...]:
    """Return the cells, or which of `bins` classes of equal size each number falls into."""
    if bins is None:
        if are_measures(cells):
            raise UsageError(
                "the column of --mix-by holds fractions, few of them equal",
                remedy="say into how many classes of equal size they fall, with --mix-bins N",
            )
        return cells
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError as error:
        raise UsageError(f"--mix-bins needs a column of numbers: {error}") from None
    edges = np.quantile(numbers, np.arange(1, bins) / bins)
    return tuple(f"bin {i}" for i in np.searchsorted(edges, numbers, side="right"))


def _merged(names: tuple[str, ...], merges: Iterable[str]) -> tuple[str, ...]:
    """Return the names after each of `a,b,…` was put under one."""
    known: set[str] = set(names)
    joint: dict[str, str] = {}
    for text in merges:
        labels = [label.strip() for label in text.split(",")]
        unknown = [label for label in labels if label not in known]
        if unknown or len(labels) < 2:  # noqa: PLR2004 (one label is not merged with anything)
            raise UsageError(
                f"--merge-labels {text} names {unknown[0] if unknown else 'one label'!r}",
                remedy=f"name two or more of {_some(sorted(known))}, with commas between",
            )
        joint |= dict.fromkeys(labels, "+".join(labels))
    return tuple(joint.get(name, name) for name in names)


def _later_copies(rows: Rows) -> NDArray[np.int64]:
    """Return the rows whose bytes an earlier row has: mixed twice, an image shows through."""
    _, first = np.unique(
        np.ascontiguousarray(rows.sha256).view("V32").reshape(-1), return_index=True
    )
    return np.setdiff1d(np.arange(len(rows)), first)


def _too_small(
    request: ReleaseRequest,
    rows: Rows,
    first: NDArray[np.bool_],
    parts: NDArray[np.int64],
    strata: NDArray[np.int64],
) -> list[tuple[int, int, int]]:
    """Return (part, stratum, images) where some row would find fewer than N_s donors."""
    groups = group_rows(rows).index
    found = []
    for part, stratum in sorted(set(zip(parts.tolist(), strata.tolist(), strict=True))):
        here = (parts == part) & (strata == stratum) & first
        if request.sanitizer.leaves_plain(_part(part)) or not here.any():
            continue
        largest = int(np.bincount(groups[here]).max())
        if int(here.sum()) - largest < request.sanitizer.donors:
            found.append((part, stratum, int(here.sum())))
    return found


def _refuse_small(
    request: ReleaseRequest, small: list[tuple[int, int, int]], kinds: Sequence[str]
) -> None:
    listed = _some([f"{kinds[s]!r} in {PARTS[p]} ({n:,} images)" for p, s, n in small])
    raise UsageError(
        f"too few images to be mixed with {request.sanitizer.donors} donors of other groups: "
        f"{listed}",
        remedy="lower --Ns, join labels with --merge-labels A,B, or leave them out with "
        "--drop-small-labels",
    )


def _labels(cells: Iterable[str], separator: str | None) -> Mapping[str, int]:
    if separator is None:
        return Counter(cells)
    return Counter(label.strip() for cell in cells for label in cell.split(separator))


def _counted(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return _some([f"{label or '(empty)'} {count:,}" for label, count in ordered])


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _where(paths: tuple[str, ...], mask: NDArray[np.bool_]) -> list[str]:
    return [paths[i] for i in np.flatnonzero(mask)]


def _part(index: int) -> Part:
    return PARTS[index]
