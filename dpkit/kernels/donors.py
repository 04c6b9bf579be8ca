"""Label-based pixel block mixing: who gives, and which block is replaced by whose.

"A Lightweight Privacy-Preserving Scheme Using Label-based Pixel Block Mixing for Image
Classification in Deep Learning", Algorithm 1.

    symbol     here           meaning
    I_l        donors         [n,N_s], rows that give blocks to an image, of its label
    N_t        words          [n,N_t,B], one 64-bit word for each round and block
    S01        threshold      a block is replaced with probability threshold / 2**32
    N_b        B              blocks of an image, numbered row by row

Donors' blocks come from originals in every round, so the last hit of a block is all that counts:
the rounds are played on the map of sources. The words are drawn by the caller; equal words give
equal results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.kernels.arrays import require, require_within, require_writable, shape_of
from dpkit.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

CERTAIN: Final = 2**32  # the threshold that every word is below
_HALF, _LOW = np.uint64(32), np.uint64(2**32 - 1)


def draw_donors(
    words: NDArray[np.uint64],
    pool: NDArray[np.int64],
    group_of: NDArray[np.int64],
    targets: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Draw for each target N_s distinct rows of the pool that are not of the target's group.

    A partial Fisher-Yates shuffle of the k eligible rows takes index ⌊u k / 2**32⌋, u the upper
    half of a word: each row's probability is within 2**-32 of 1/k, and the N_s draws together are
    within N_s k / 2**34 of uniform in total variation.

    Parameters
    ----------
    words
        [n,N_s], uniform.
    pool
        [m], the rows of one label, ascending.
    group_of
        [rows], the group of every row; its length bounds `pool` and `targets`.
    targets
        [n], the rows to be mixed.
    out
        [n,N_s]; a line of -1 where fewer than N_s rows are eligible.
    """
    n, n_donors = shape_of("words", words, 2)
    require("words", words, np.uint64, (n, n_donors))
    require("pool", pool, np.int64, shape_of("pool", pool, 1))
    require("group_of", group_of, np.int64, shape_of("group_of", group_of, 1))
    require("targets", targets, np.int64, (n,))
    require("out", out, np.int64, (n, n_donors))
    require_within("pool", pool, 0, len(group_of))
    require_within("targets", targets, 0, len(group_of))
    require_writable(out, words, pool, group_of, targets)
    if len(pool) >= CERTAIN or (pool[1:] <= pool[:-1]).any():
        raise ValueError("pool: rows must be ascending, and fewer than 2**32")
    _draw_donors(words, pool, group_of, targets, out)


def choose_sources(
    words: NDArray[np.uint64],
    donors: NDArray[np.int64],
    threshold: np.uint64 | int,
    out: NDArray[np.int64],
) -> None:
    """Say for each block whose it becomes after N_t rounds: a donor's row, or -1 for its own.

    In a round a block is replaced when the upper half of its word is below `threshold`, by donor
    ⌊v N_s / 2**32⌋, v the lower half: each donor's probability is within 2**-32 of 1/N_s.

    Parameters
    ----------
    words
        [n,N_t,B], uniform.
    donors
        [n,N_s], rows.
    threshold
        0 (never) to 2**32 (always).
    out
        [n,B].
    """
    n, rounds, blocks = shape_of("words", words, 3)
    require("words", words, np.uint64, (n, rounds, blocks))
    _, n_donors = shape_of("donors", donors, 2)
    require("donors", donors, np.int64, (n, n_donors))
    require("out", out, np.int64, (n, blocks))
    require_writable(out, words, donors)
    if not 0 <= threshold <= CERTAIN:
        raise ValueError(f"threshold: {threshold} is not within 0 to 2**32")
    if not 1 <= n_donors < CERTAIN:
        raise ValueError(f"donors: {n_donors} of an image, not within 1 to 2**32 - 1")
    _choose_sources(words, donors, np.uint64(threshold), out)


@compiled
def _draw_donors(
    words: NDArray[np.uint64],
    pool: NDArray[np.int64],
    group_of: NDArray[np.int64],
    targets: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    eligible = np.empty_like(pool)
    for i in range(len(targets)):
        k = 0
        for row in pool:
            eligible[k] = row
            k += group_of[row] != group_of[targets[i]]
        if k < out.shape[1]:
            out[i] = -1
            continue
        for j in range(out.shape[1]):
            pick = j + np.int64((words[i, j] >> _HALF) * np.uint64(k - j) >> _HALF)
            out[i, j] = eligible[pick]
            eligible[pick] = eligible[j]


@compiled
def _choose_sources(
    words: NDArray[np.uint64],
    donors: NDArray[np.int64],
    threshold: np.uint64,
    out: NDArray[np.int64],
) -> None:
    n_donors = np.uint64(donors.shape[1])
    out[:] = -1
    for i in range(len(words)):
        for t in range(words.shape[1]):
            for b in range(words.shape[2]):
                word = words[i, t, b]
                donor = donors[i, (word & _LOW) * n_donors >> _HALF]
                # No branch: it would be guessed wrong every other time.
                out[i, b] = donor if word >> _HALF < threshold else out[i, b]
