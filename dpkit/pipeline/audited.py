"""What an audit ends with, for a person and for a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpkit.leakage.gate import parse_condition
from dpkit.types.evidence import statement_of

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.types import Json
    from dpkit.types.audit import Audit


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
