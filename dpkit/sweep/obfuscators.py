"""One obfuscator of a sweep: trained once, kept in the sweep's cells, and what it is worth."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dpkit.nets import REMOTES
from dpkit.rng import derive
from dpkit.sweep.attackers import Encoded
from dpkit.sweep.cells import CellCheckpoints, Cells, number_name
from dpkit.training.encoding import one_thread
from dpkit.training.state import load_into
from dpkit.types import ImageBatch, Key, Secret
from dpkit.types.supply import Supply

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from dpkit.sanitizers.obfuscate import Obfuscate
    from dpkit.sweep.source import Provided
    from dpkit.types import Json
    from dpkit.types.voice import Voice

AT_ONCE: Final = 256
ENCODER: Final = "obfuscator"  # what the name of its cell begins with


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """One obfuscator with its key, and figures of its training and its accuracy.

    Parameters
    ----------
    seed
        The repetition's, from 0.
    figures
        `accuracy`, a share of the test part; `adversary`, the PSNR of the training's own adversary
        on the deciding images at the epoch that counts, None without one; `seconds` of the
        processor that its training took since it was last begun or resumed; and the `curve`.
    """

    sanitizer: Obfuscate
    seed: int
    key: Key
    figures: dict[str, Json]

    @property
    def weight(self) -> float:
        """λ."""
        return self.sanitizer.lambda_


def trained(
    sanitizer: Obfuscate, seeds: tuple[int, int], source: Provided, cells: Cells, voice: Voice
) -> Trained:
    """Train one obfuscator, or take it from its cell.

    Parameters
    ----------
    seeds
        The sweep's, and the number of the repetition.
    """
    of_sweep, repetition = seeds
    name = f"{ENCODER}-{number_name(sanitizer.lambda_)}-{repetition}"
    checkpoints = CellCheckpoints(cells, name)
    supply = Supply(images=source.images, checkpoints=checkpoints, voice=voice)
    sanitizer = sanitizer.completed(source.geometry, supply)
    seed = derive(Secret(of_sweep.to_bytes(32, "big")), "sweep", name.encode())
    arrays, began = cells.arrays(name), time.process_time()
    if arrays is not None:
        checkpoints.end()  # a kill may have come between the two
    if arrays is None:
        voice.notice(f"λ {sanitizer.lambda_:g}, seed {repetition}: training the obfuscator")
        key = sanitizer.fit(source.geometry, seed, supply)
        cells.keep(name, {array: key.array(array) for array in key.names()})
        checkpoints.end()
    else:
        key = Key(seed, arrays)
    one, seconds = Trained(sanitizer, repetition, key, {}), time.process_time() - began
    return replace(one, figures=cells.figures(name, partial(_figures, one, source, seconds)))


def encoded(one: Trained, source: Provided, rows: NDArray[np.int64]) -> Encoded:
    """Return images and what would be released of them."""
    pixels = source.pixels(rows)
    ids = np.zeros(len(rows), "S26")
    batch = ImageBatch(pixels, source.images.labels[rows], ids, ids)
    values = one.sanitizer.apply(batch, one.key, source.geometry).values
    return Encoded(pixels, values)


def _figures(one: Trained, source: Provided, seconds: float) -> dict[str, Json]:
    rows, network = source.rows("test"), _classifier(one, source)
    right = 0
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        values = torch.from_numpy(encoded(one, source, part).values.astype(np.float32))
        with torch.inference_mode(), one_thread():
            answers = network(values).argmax(dim=1).numpy()
        right += int((answers == source.images.labels[part]).sum())
    return {
        "accuracy": right / len(rows),
        "tested": len(rows),
        "adversary": _own_adversary(one),
        "seconds": round(seconds, 1),
        "curve": _numbers(one.key.array("curve")),
    }


def _own_adversary(one: Trained) -> float | None:
    curve = one.sanitizer.training_curve(one.key)
    if curve is None or not one.weight:
        return None
    return curve.epochs[curve.kept - 1][curve.columns.index("deciding PSNR")]


def _numbers(curve: NDArray[Any]) -> list[Json]:
    """Return a curve's lines; None stands where an epoch came to no number."""
    return [[x if math.isfinite(x) else None for x in line] for line in curve.tolist()]


def _classifier(one: Trained, source: Provided) -> nn.Module:
    rest = one.sanitizer.remote(one.key, source.geometry)
    if rest is None:
        raise TypeError("an obfuscator has a classifier")
    network = REMOTES[rest.metadata["network"]](**json.loads(rest.metadata["arguments"]))
    load_into(network, rest.arrays, "")
    return network.eval()
