"""`dpkit sweep hold` from files to files: network and images in, tables and plot out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dpkit.readers.choice import ReadOptions
from dpkit.sweep.heldplot import held_plot
from dpkit.sweep.heldtable import held_facts, held_lines
from dpkit.sweep.hold import sweep_hold
from dpkit.sweep.network import open_network
from dpkit.sweep.private import PRIVATE, refuse_existing, write_folder
from dpkit.sweep.sample import read_sample

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.sweep.hold import HoldPlan, HoldSweep
    from dpkit.types import Json
    from dpkit.types.voice import Voice


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What is asked of one sweep.

    Parameters
    ----------
    model, network, normalize
        The weights' file; what it does not say of itself.
    images, seed
        How many are drawn of the source, and by what.
    out
        A new folder for tables and plot; None writes nothing.
    """

    source: Path
    model: Path
    plan: HoldPlan
    network: str | None = None
    normalize: str | None = None
    read: ReadOptions = field(default_factory=ReadOptions)
    images: int = 256
    seed: int = 0
    out: Path | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The result of a request, and where it lies."""

    sweep: HoldSweep
    request: HoldRequest
    sha256: str  # of the model

    def facts(self) -> dict[str, Json]:
        """Return everything for a program; private."""
        return {
            "sweep": "hold",
            "model_sha256": self.sha256,
            "seed": self.request.seed,
            **held_facts(self.sweep),
        }

    def lines(self) -> list[str]:
        """Return the tables for a person; private."""
        known = f", {self.sweep.labelled:,} of known class" if self.sweep.labelled else ""
        lines = [f"{self.sweep.images:,} images{known}", *held_lines(self.sweep)]
        out = self.request.out
        return lines if out is None else [*lines, "", f"written to {out}; {PRIVATE}"]


def hold_folder(request: HoldRequest, voice: Voice) -> Held:
    """Read, sweep, and write `sweep.json` and `sweep.svg` where a folder is named.

    Raises
    ------
    UsageError
        The folder exists, or network, images and plan do not fit each other.
    """
    if request.out is not None:
        refuse_existing(request.out)
    asked = open_network(request.model, request.network, request.normalize)
    sample = read_sample(
        request.source, request.read, count=request.images, seed=request.seed, voice=voice
    )
    sweep = sweep_hold(asked.network, sample, asked.classes, request.plan, voice)
    held = Held(sweep, request, asked.sha256)
    if request.out is not None:
        facts = json.dumps(held.facts(), indent=2, sort_keys=True, allow_nan=False).encode()
        write_folder(request.out, {"sweep.json": facts + b"\n", "sweep.svg": held_plot(sweep)})
    return held
