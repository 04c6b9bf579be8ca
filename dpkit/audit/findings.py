"""What an audit ends with: figures for the report, and pictures for the provider alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dpkit.types.audit import Audit


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """Recovered images of one rung, private.

    Parameters
    ----------
    rung, title
        Of the best attack there.
    rows
        int64 [k]: places among the sampled rows, the best recovered first.
    recovered
        float [k,h,w,c or 1] in grey levels.
    ssim, psnr
        float64 [k].
    """

    rung: str
    title: str
    rows: NDArray[Any]
    recovered: NDArray[Any]
    ssim: NDArray[Any]
    psnr: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """The audit, what it exposed by rung, and the best score of each image.

    `rows` int64 [n] are places among the sampled rows; `ssim` float64 [n] the best over the suite.
    """

    audit: Audit
    exposed: tuple[Exposed, ...]
    rows: NDArray[Any]
    ssim: NDArray[Any]
