"""Discrete Laplace noise without a floating-point number: exact draws from given words.

Canonne, Kamath and Steinke, The Discrete Gaussian for Differential Privacy (arXiv 2004.00010),
Algorithms 1 and 2. A draw Z has P(z) ∝ exp(-|z| s/t), z any whole number.

    symbol   here           meaning
    t, s     t, s           the scale t/s in lowest terms
    U        u              uniform below t, kept with probability exp(-U/t)
    V        v              how often in a row exp(-1) came true
    K        k              the step of Algorithm 1, which ends with probability 1 - γ/K
    B        word & 1       the sign; a negative zero is drawn again

Why it is exact: a word is a uniform number below 2**64. A uniform number below n is its remainder
by n, once those words are passed over that would make some remainders more frequent than others.
Bernoulli(U/(tK)) is the product of Bernoulli(1/K) and Bernoulli(U/t), so that no number grows with
K. V stops growing at 2**62/t. Nothing overflows, and a draw that stopped there is 2**62/s or more:
`most_sum` says how large a number may be that is clipped to afterwards, and is then the same.

Every draw reads the words where the one before it stopped. When words run out, an unfinished draw
begins again from its first word, and more are appended: what is drawn depends on the
sequence of words alone, never on how many came at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.kernels.arrays import require, require_writable, shape_of
from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_T: Final = 2**54  # leaves V a reach of 2**8 at least
MOST_S: Final = 2**34
_REACH: Final = 2**62
_WORDS_A_DRAW: Final = 11  # a little more than the mean, for any scale
_SLACK: Final = 64
_NONE, _ONE = np.uint64(0), np.uint64(1)


def most_sum(s: int) -> int:
    """Return the largest number that may be added to a draw, and the sum be clipped to."""
    return _REACH // s // 2


def words_for(draws: int) -> int:
    """Return how many words are enough for so many draws, nearly always."""
    return _WORDS_A_DRAW * draws + _SLACK


def draw_discrete_laplace(
    words: NDArray[np.uint64],
    scale: tuple[int, int],
    out: NDArray[np.int64],
    done: NDArray[np.int64],
) -> None:
    """Draw noise line by line, as far as each line's words reach.

    Parameters
    ----------
    words
        [n,w], uniform.
    scale
        t and s, 1 to `MOST_T` and 1 to `MOST_S`.
    out
        [n,d], the draws; those from `done` on are written.
    done
        [n,2], how many draws of a line are finished and how many of these words they took; the
        first is read, both are written.
    """
    n, _ = shape_of("words", words, 2)
    require("words", words, np.uint64, words.shape)
    require("out", out, np.int64, (n, shape_of("out", out, 2)[1]))
    require("done", done, np.int64, (n, 2))
    require_writable(out, words, done)
    require_writable(done, words)
    t, s = scale
    if not (1 <= t <= MOST_T and 1 <= s <= MOST_S):
        raise ValueError(f"scale: {t}/{s} is not within 1 to {MOST_T} over 1 to {MOST_S}")
    if out.size and not 0 <= done[:, 0].min() <= done[:, 0].max() <= out.shape[1]:
        raise ValueError(f"done: more draws than the {out.shape[1]} of a line, or fewer than none")
    _draw_lines(words, np.uint64(t), np.uint64(s), out, done)


@compiled
def _draw_lines(
    words: NDArray[np.uint64],
    t: np.uint64,
    s: np.uint64,
    out: NDArray[np.int64],
    done: NDArray[np.int64],
) -> None:
    for i in range(len(words)):
        at = 0
        finished = done[i, 0]
        while finished < out.shape[1]:
            z, after = _draw(words[i], at, t, s)
            if after < 0:
                break
            out[i, finished] = z
            at = after
            finished += 1
        done[i, 0] = finished
        done[i, 1] = at


@compiled
def _draw(line: NDArray[np.uint64], at: int, t: np.uint64, s: np.uint64) -> tuple[np.int64, int]:
    """Return a draw and the place after its last word; a place of -1 where words ran out."""
    most = np.uint64(_REACH) // t
    while True:
        u, at = _below(line, at, t)
        kept, at = _is_kept(line, at, u, t)
        if not kept:
            if at < 0:
                break
            continue
        v = _NONE
        more, at = _is_kept(line, at, _ONE, _ONE)
        while more:
            if v < most:  # `v += v < most` would make a float of it
                v += _ONE
            more, at = _is_kept(line, at, _ONE, _ONE)
        y = np.int64((u + t * v) // s)
        sign, at = _below(line, at, np.uint64(2))
        if at < 0:
            break
        if sign == _NONE:
            return y, at
        if y != 0:
            return -y, at
    return np.int64(0), -1


@compiled
def _is_kept(line: NDArray[np.uint64], at: int, u: np.uint64, t: np.uint64) -> tuple[bool, int]:
    """Return Bernoulli(exp(-u/t)) for u from 0 to t: whether the first K to fail is odd."""
    k = _ONE
    while True:
        first, at = _below(line, at, k)
        goes_on = first == _NONE
        if goes_on and u < t:
            second, at = _below(line, at, t)
            goes_on = second < u
        if at < 0:
            return False, -1
        if not goes_on:
            return (k & _ONE) == _ONE, at
        k += _ONE


@compiled
def _below(line: NDArray[np.uint64], at: int, n: np.uint64) -> tuple[np.uint64, int]:
    """Return a uniform number below n, and the place after the words that it took."""
    if n == _ONE:
        return _NONE, at
    while 0 <= at < len(line):
        word = line[at]
        at += 1
        rest = word % n
        if word - rest <= _NONE - n:  # this word's run of n ends before 2**64
            return rest, at
    return _NONE, -1
