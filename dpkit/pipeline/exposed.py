"""The provider's page with what attacks made of some images beside their originals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dpkit.leakage.report.html import render_private
from dpkit.leakage.report.pictures import ReconstructionPictures, RecoveredPicture
from dpkit.leakage.view import picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.audit.findings import Exposed, Findings
    from dpkit.leakage.report.html import PrivateNotes
    from dpkit.leakage.report.pictures import PicturePair
    from dpkit.pipeline.rows import Sample
    from dpkit.types.evidence import LeakageReport


def private_page(
    report: LeakageReport,
    pairs: tuple[PicturePair, ...],
    notes: PrivateNotes,
    sample: Sample,
    findings: Findings | None,
) -> str:
    """Return the page for the provider; `findings` None where no attack was run."""
    exposed = findings.exposed if findings else ()
    shown = tuple(_pictures(one, sample, report.geometry.peak) for one in exposed)
    return render_private(report, pairs, notes, shown)


def _pictures(exposed: Exposed, sample: Sample, peak: int) -> ReconstructionPictures:
    columns = zip(exposed.rows, exposed.recovered, exposed.ssim, exposed.psnr, strict=True)
    return ReconstructionPictures(
        exposed.rung,
        exposed.title,
        tuple(
            RecoveredPicture(
                sample.paths[row],
                sample.originals[row],
                picture(sample.values[row]),
                _pixels(recovered, sample.originals.dtype, peak),
                {"ssim": float(ssim), "psnr": float(psnr)},
            )
            for row, recovered, ssim, psnr in columns
        ),
    )


def _pixels(recovered: NDArray[Any], dtype: np.dtype[Any], peak: int) -> NDArray[Any]:
    return np.asarray(np.rint(np.clip(recovered, 0, peak)), dtype)
