"""Exact discrete Laplace noise from streams of words, read as far as the draws need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpkit.rng import next_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from dpkit.rng import Stream


def draw_laplace(streams: Sequence[Stream], scale: Fraction, out: NDArray[np.int64]) -> None:
    """Fill each line of `out` [n,d] from its own stream, P(z) ∝ exp(-|z|/scale).

    A line depends on its stream alone: the few that need more words than most are given more.
    """
    from dpkit.kernels.discrete_laplace import (  # noqa: PLC0415 (loads numba, not for --help)
        draw_discrete_laplace,
        words_for,
    )

    ratio, draws = (scale.numerator, scale.denominator), out.shape[1]
    words = next_words(streams, words_for(draws))
    done = np.zeros((len(streams), 2), np.int64)
    draw_discrete_laplace(words, ratio, out, done)
    for i in map(int, np.flatnonzero(done[:, 0] < draws)):
        line = words[i]
        while done[i, 0] < draws:
            more = streams[i].uint64(words_for(draws - int(done[i, 0])))
            line = np.concatenate([line[done[i, 1] :], more])
            draw_discrete_laplace(line[None], ratio, out[i : i + 1], done[i : i + 1])
