"""The morphing core M′: how its elements are drawn, and when a draw is thrown away.

    law           elements                                   redrawn above the condition number
    gaussian      normal, mean 0, variance 1/q               40 q
    uniform       uniform on (0, 1), the authors' code       40 q^1.5
    orthogonal    Haar: QR of a Gaussian, signs corrected    1 + 1e-6
    bounded       U diag(s) V: U and V Haar, s below         the stated one, times 1 + 1e-6

The singular values s of a bounded core are log-uniform over a range of the stated condition
number, and scaled so that their squares have the mean 1: its elements then have the mean
square 1/q, as a Gaussian core's.

A square Gaussian matrix exceeds x·q with a probability of about 2/x (Edelman 1988), so the
limit throws about one draw in twenty away: the ones from which float32 does not lead back.
The mean of the uniform law adds a direction of length q/2, which costs a further √q. The
paper (section 4.2) asks for elements other than zero and for an inverse, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from dpkit.errors import DpkitError
from dpkit.kernels import condition
from dpkit.kernels.normal import to_normal
from dpkit.rng import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dpkit.types import Secret

Matrix: TypeAlias = "NDArray[np.float64]"

MAX_DRAWS: Final = 20  # chance of failing them all: about 0.05**20
_WORDS_AT_ONCE: Final = 1 << 20  # 8 MiB of keystream


@dataclass(frozen=True, slots=True)
class Law:
    """How one core [q,q] is drawn from a stream, and its largest condition number by q."""

    draw: Callable[[Stream, Matrix], None]
    limit: Callable[[int], float]
    is_orthogonal: bool = False


@dataclass(frozen=True, slots=True)
class Cores:
    """`core` [blocks,q,q], with the condition number and the count of draws of each [blocks]."""

    core: Matrix
    condition: Matrix
    draws: NDArray[np.int64]


def draw_cores(law: Law, secret: Secret, shape: tuple[int, int]) -> Cores:
    """Draw the cores of `shape` (blocks, q): a function of `law`, `secret` and `shape` alone.

    Raises
    ------
    DpkitError
        A core stays badly conditioned through `MAX_DRAWS` draws.
    """
    blocks, q = shape
    cores = Cores(np.empty((blocks, q, q)), np.empty(blocks), np.zeros(blocks, np.int64))
    pending = np.arange(blocks)
    for attempt in range(MAX_DRAWS):
        for block in pending:
            nonce = int(block) * MAX_DRAWS + attempt
            law.draw(Stream(secret, nonce), cores.core[block])
        cores.draws[pending] += 1
        cores.condition[pending] = _conditions(law, cores.core, pending)
        pending = pending[cores.condition[pending] > law.limit(q)]
        if not len(pending):
            return cores
    raise DpkitError(
        f"a core of {q}x{q} exceeds the condition number {law.limit(q):.3g} in {MAX_DRAWS} draws",
        remedy="run again for another key, or choose --core orthogonal",
    )


def _conditions(law: Law, core: Matrix, pending: NDArray[np.int64]) -> Matrix:
    """Return the condition numbers of the `pending` cores; infinite where an element is zero."""
    q = core.shape[-1]
    if q <= condition.EXACT_LIMIT:
        found = condition.exact(core[pending])
    else:
        measure = condition.orthogonality if law.is_orthogonal else condition.estimate
        found = np.array([measure(core[block]) for block in pending])
    has_zero = np.array([not core[block].all() for block in pending])
    found[has_zero] = np.inf
    return found


def _draw_uniform(stream: Stream, core: Matrix) -> None:
    flat = core.reshape(-1)
    for start in range(0, flat.size, _WORDS_AT_ONCE):
        part = flat[start : start + _WORDS_AT_ONCE]
        part[:] = stream.uniform(part.size)


def _draw_gaussian(stream: Stream, core: Matrix) -> None:
    _draw_uniform(stream, core)
    to_normal(core.reshape(-1), 1.0 / np.sqrt(float(len(core))))


def _draw_orthogonal(stream: Stream, core: Matrix) -> None:
    """Mezzadri (2007): Q of a QR is Haar once each diagonal element of R is made positive."""
    _draw_gaussian(stream, core)
    q, r = np.linalg.qr(core)
    core[:] = q * np.where(np.diagonal(r) < 0.0, -1.0, 1.0)


def _draw_bounded(condition: float, stream: Stream, core: Matrix) -> None:
    left = np.empty_like(core)
    _draw_orthogonal(stream, left)
    _draw_orthogonal(stream, core)
    values = condition ** stream.uniform(len(core))
    values /= np.sqrt(np.mean(values**2))
    core[:] = (left * values) @ core


def bounded(condition: float) -> Law:
    """Return the law of cores whose condition number stays within `condition` >= 1."""
    return Law(partial(_draw_bounded, condition), lambda _: condition * (1.0 + 1e-6))


def law_of(name: str, condition: float) -> Law:
    """Return a law by its name; `condition` matters to the bounded one alone."""
    return bounded(condition) if name == "bounded" else LAWS[name]


LAWS: Final[dict[str, Law]] = {
    "gaussian": Law(_draw_gaussian, lambda q: 40.0 * q),
    "uniform": Law(_draw_uniform, lambda q: 40.0 * q**1.5),
    "orthogonal": Law(_draw_orthogonal, lambda _: 1.0 + 1e-6, is_orthogonal=True),
    "bounded": bounded(10.0),
}
