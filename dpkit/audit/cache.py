"""Controls that an earlier audit computed, by a digest of everything that decides them.

They were taken on photographs that everybody has and tell nothing of any release; a changed
program, geometry, type, number of rows, budget or seed gives another digest. What a control is
carried out on is made again each time: one that was kept of other arrays is not used. One that its
time cut short before what should fall fell is not kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping  # noqa: TC003 (strict_json reads the annotations)
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from dpkit.audit.controls import NOT_RUN
from dpkit.audit.experiments import EXPERIMENTS, SEED, digests
from dpkit.errors import DpkitError
from dpkit.types.attacks import Control  # noqa: TC001 (strict_json reads the annotations)
from dpkit.types.strict_json import dump, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from dpkit.audit.experiments import Experiment
    from dpkit.audit.holdings import Stage
    from dpkit.leakage.attacks.attack import Attack
    from dpkit.types import AugConv, FirstConv

VERSION: Final = 2
ROOMS: Final = ("audit", "kernels", "leakage", "nets", "sanitizers", "types")
FILES: Final = ("augconv.py", "rng.py")


@dataclass(frozen=True, slots=True)
class Kept:
    """A control as a file, with the SHA-256 of its arrays by name."""

    version: int
    control: Control
    arrays: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ControlCache:
    """A folder of controls for one audit; None keeps nothing.

    Parameters
    ----------
    write
        Writes a private file.
    made
        Digests of what the controls of this audit are carried out on, by its name.
    """

    folder: Path | None
    write: Callable[[Path, list[bytes]], None]
    made: dict[str, dict[str, str]] = field(default_factory=dict)

    def control(
        self,
        kind: str,
        at: tuple[Attack, str],
        stage: Stage,
        carry_out: Callable[[Experiment], Control],
    ) -> Control | None:
        """Return the control of an attack at a rung, carried out or from the cache.

        Parameters
        ----------
        kind
            `positive` or `null`; None comes back where there is no such control.
        """
        experiment = EXPERIMENTS[kind](*at, stage)
        if experiment is None:
            return None
        if self.folder is None:
            return carry_out(experiment)
        path = self.folder / f"{_digest(kind, at, stage)}.json"
        if (held := _held(path)) and dict(held.arrays) == self._arrays(experiment):
            return replace(held.control, is_cached=True)
        subject = experiment.make()
        found = carry_out(replace(experiment, make=lambda: subject))
        if found.measure != NOT_RUN:
            self.write(path, [dump(Kept(VERSION, found, digests(subject))).encode()])
        return found

    def _arrays(self, experiment: Experiment) -> dict[str, str]:
        """Return the digests of an experiment's arrays, which are made once an audit."""
        if experiment.name not in self.made:
            self.made[experiment.name] = digests(experiment.make())
        return self.made[experiment.name]


def _held(path: Path) -> Kept | None:
    try:
        return load(Kept, path.read_bytes(), "a kept control", VERSION)
    except (OSError, DpkitError):
        return None


def _digest(kind: str, at: tuple[Attack, str], stage: Stage) -> str:
    attack, rung = at
    subject, options = stage.subject, stage.options
    facts = {
        "code": code_digest(),
        "kind": kind,
        "attack": [attack.name, rung],
        "sanitizer": [subject.sanitizer.name, repr(subject.sanitizer)],
        "geometry": asdict(subject.geometry),
        "rows": [len(subject), len(subject.others)],
        "values": [str(subject.values.dtype), *subject.values.shape[1:]],
        "asked": subject.encoder is not None,
        "options": [options.mode, options.images, list(options.pairs), SEED],
        "budget": options.budget_seconds,  # loops size themselves to their share of it
        "public": subject.public_name,
        "layer": _layer(subject.first_conv, subject.augconv),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _layer(conv: FirstConv | None, layer: AugConv | None) -> list[str]:
    shapes = [repr((conv.weight.shape, conv.stride, conv.padding, conv.dilation))] if conv else []
    return [*shapes, str(layer.matrices[0].dtype)] if layer else shapes


@cache
def code_digest() -> str:
    """Return a digest of every source that decides what a control finds."""
    digest = hashlib.sha256()
    for room in ROOMS:
        for source in _sources(files("dpkit") / room):
            digest.update(source.name.encode() + source.read_bytes())
    for name in FILES:
        digest.update((files("dpkit") / name).read_bytes())
    return digest.hexdigest()


def _sources(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _sources(entry)
        elif entry.name.endswith(".py"):
            yield entry
