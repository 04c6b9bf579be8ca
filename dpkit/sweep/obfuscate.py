"""What a learnable obfuscator costs and hides, over λ: Table 3 of its paper under fair attackers.

For each λ an obfuscator is trained, frozen, and attacked: every kind of reconstructor is trained
anew against it by every seed, on pictures of the training part, and scored on pictures of the test
part as they come out. λ = 0, the network without a defence, is always beside the others.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dpkit.errors import UsageError
from dpkit.nets import REMOTES
from dpkit.plan import Split
from dpkit.readers.choice import ReadOptions
from dpkit.rng import derive
from dpkit.sanitizers.base import parameters
from dpkit.sanitizers.obfuscate import MOST_WEIGHT, Obfuscate
from dpkit.sweep.attackers import GENERAL, PAPERS, Encoded, Quality, attacked, guesses
from dpkit.sweep.cells import CellCheckpoints, Cells, number_name
from dpkit.sweep.sharing import Shares
from dpkit.sweep.source import Provided, provided
from dpkit.sweep.strengths import check_strengths
from dpkit.training.encoding import one_thread
from dpkit.training.state import load_into
from dpkit.types import ImageBatch, Key, Secret
from dpkit.types.supply import Supply

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from dpkit.types import Json
    from dpkit.types.voice import Voice

KINDS: Final = PAPERS + GENERAL
AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class ObfuscateSweep:
    """What is swept.

    Parameters
    ----------
    weights
        λ, each within 0 to 100; 0 is always added.
    sanitizer
        All other parameters of the obfuscator.
    seeds
        Of each attacker, 1 or more.
    seconds
        For all attackers that are still to be trained, together.
    pairs, targets
        Pictures that an attacker learns from, and pictures that it is scored on, at most.
    retries_cut
        Whether attackers that an earlier budget cut are trained again, with the time there is.
    """

    source: Path
    out: Path
    weights: tuple[float, ...]
    sanitizer: Obfuscate = field(default_factory=Obfuscate)
    kinds: tuple[str, ...] = KINDS
    seeds: int = 3
    seconds: float = 1800.0
    pairs: int = 5000
    targets: int = 500
    split: Split = field(default_factory=Split)
    read: ReadOptions = field(default_factory=ReadOptions)
    seed: int = 0
    retries_cut: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown or not self.kinds:
            known = ", ".join(KINDS)
            raise UsageError(f"attackers {unknown} are not among {known}")
        check_strengths(self.weights, MOST_WEIGHT)

    @property
    def settings(self) -> tuple[Obfuscate, ...]:
        """The obfuscators, the undefended first."""
        weights = sorted({0.0, *self.weights})
        return tuple(replace(self.sanitizer, lambda_=weight) for weight in weights)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """One obfuscator with its key, and figures of its training and its accuracy."""

    sanitizer: Obfuscate
    key: Key
    figures: dict[str, Json]


@dataclass(frozen=True, slots=True, eq=False)
class Swept:
    """Everything that was found.

    Parameters
    ----------
    guesses
        What is reached without an encoder, by name.
    trained
        One an obfuscator.
    attacks
        By λ and kind: figures of each seed.
    """

    images: tuple[int, int, int]  # that learn or decide, that attackers learn from, scored
    guesses: dict[str, Quality]
    trained: tuple[Trained, ...]
    attacks: dict[tuple[float, str], list[dict[str, Json]]]


def sweep_obfuscate(sweep: ObfuscateSweep, voice: Voice) -> tuple[Swept, Cells]:
    """Train and attack every obfuscator, or go on where a killed sweep was.

    Raises
    ------
    UsageError
        The images cannot be learned from, or the output holds something else.
    """
    source = provided(sweep.source, sweep.split, sweep.read, sweep.seed, voice)
    cells = Cells(sweep.out, _asked(sweep, source))
    trained = [_trained(one, sweep, source, cells, voice) for one in sweep.settings]
    pairs = _some(source.rows("train", "validation"), sweep.pairs, sweep.seed)
    targets = _some(source.rows("test"), sweep.targets, sweep.seed)
    encoded = {
        one.sanitizer.lambda_: (_encoded(one, source, pairs), _encoded(one, source, targets))
        for one in trained
    }
    attacks = _attacked(sweep, source, encoded, cells, voice)
    found = guesses(*encoded[0.0], source.geometry.peak)
    learned = len(source.rows("train", "validation"))
    counts = (learned, len(pairs), len(targets))
    return Swept(counts, found, tuple(trained), attacks), cells


def _asked(sweep: ObfuscateSweep, source: Provided) -> dict[str, Json]:
    """Return what the figures of a cell depend on; more λ, kinds or seeds only add cells."""
    return {
        **source.asked(),
        "sanitizer": parameters(sweep.sanitizer) | {"lambda": None},
        "pairs": sweep.pairs,
        "targets": sweep.targets,
        "seed": sweep.seed,
    }


def _trained(
    sanitizer: Obfuscate, sweep: ObfuscateSweep, source: Provided, cells: Cells, voice: Voice
) -> Trained:
    """Train one obfuscator, or take it from its cell."""
    name = f"obfuscator-{number_name(sanitizer.lambda_)}"
    checkpoints = CellCheckpoints(cells, name)
    supply = Supply(images=source.images, checkpoints=checkpoints, voice=voice)
    sanitizer = sanitizer.completed(source.geometry, supply)
    seed = derive(Secret(sweep.seed.to_bytes(32, "big")), "sweep", name.encode())
    arrays = cells.arrays(name)
    if arrays is None:
        voice.notice(f"λ {sanitizer.lambda_:g}: training the obfuscator")
        key = sanitizer.fit(source.geometry, seed, supply)
        cells.keep(name, {array: key.array(array) for array in key.names()})
        checkpoints.end()
    else:
        key = Key(seed, arrays)
    trained = Trained(sanitizer, key, {})
    figures = cells.figures(name, partial(_figures, trained, source))
    return replace(trained, figures=figures)


def _figures(trained: Trained, source: Provided) -> dict[str, Json]:
    rows = source.rows("test")
    values = _encoded(trained, source, rows).values.astype(np.float32)
    network = _classifier(trained, source)
    with torch.inference_mode(), one_thread():
        parts = [network(torch.from_numpy(part)) for part in _parts(values)]
    right = torch.cat(parts).argmax(dim=1).numpy() == source.images.labels[rows]
    return {
        "accuracy": float(right.mean()),
        "tested": len(rows),
        "curve": _numbers(trained.key.array("curve")),
    }


def _numbers(curve: NDArray[Any]) -> list[Json]:
    """Return a curve's lines; None stands where an epoch came to no number."""
    return [[x if math.isfinite(x) else None for x in line] for line in curve.tolist()]


def _classifier(trained: Trained, source: Provided) -> nn.Module:
    rest = trained.sanitizer.remote(trained.key, source.geometry)
    if rest is None:
        raise TypeError("an obfuscator has a classifier")
    network = REMOTES[rest.metadata["network"]](**json.loads(rest.metadata["arguments"]))
    load_into(network, rest.arrays, "")
    return network.eval()


def _parts(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]


def _encoded(trained: Trained, source: Provided, rows: NDArray[np.int64]) -> Encoded:
    """Return images and what would be released of them."""
    pixels = source.pixels(rows)
    ids = np.zeros(len(rows), "S26")
    batch = ImageBatch(pixels, source.images.labels[rows], ids, ids)
    values = trained.sanitizer.apply(batch, trained.key, source.geometry).values
    return Encoded(pixels, values)


def _attacked(
    sweep: ObfuscateSweep,
    source: Provided,
    encoded: dict[float, tuple[Encoded, Encoded]],
    cells: Cells,
    voice: Voice,
) -> dict[tuple[float, str], list[dict[str, Json]]]:
    """Train every attacker, one seed of all before the next, time shared evenly."""
    asked = [
        (seed, weight, kind)
        for seed in range(sweep.seeds)
        for weight in encoded
        for kind in sweep.kinds
    ]
    due = {one for one in asked if _is_due(cells.done(_cell(*one)), sweep)}
    shares = Shares(sweep.seconds, len(due))
    found: dict[tuple[float, str], list[dict[str, Json]]] = {}
    for number, one in enumerate(asked):
        seed, weight, kind = one
        voice.progress("attacking: attackers", number, len(asked))
        voice.safe_point()
        before = cells.done(_cell(*one))
        if before is None or one in due:
            with shares.effort(seed) as effort:
                figures = attacked(kind, *encoded[weight], source.geometry, effort)
            before = _better(figures, before)
            cells.put(_cell(*one), before)
        found.setdefault((weight, kind), []).append(before)
    voice.progress("attacking: attackers", len(asked), len(asked))
    return found


def _is_due(figures: dict[str, Json] | None, sweep: ObfuscateSweep) -> bool:
    return figures is None or (sweep.retries_cut and is_cut(figures))


def _better(new: dict[str, Json], old: dict[str, Json] | None) -> dict[str, Json]:
    """Return the figures of the higher PSNR: less time must not make an attacker weaker."""
    if old is None or old["psnr"] is None:
        return new
    return old if new["psnr"] is None or float(str(new["psnr"])) < float(str(old["psnr"])) else new


def is_cut(figures: dict[str, Json] | None) -> bool:
    """Say whether an attacker's training was ended by its time."""
    return figures is not None and not (figures["psnr"] is not None and figures.get("converged", 1))


def _cell(seed: int, weight: float, kind: str) -> str:
    return f"{kind}-{number_name(weight)}-{seed}"


def _some(rows: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    drawn = np.random.default_rng(seed).permutation(rows)[:most]
    return np.sort(drawn)
