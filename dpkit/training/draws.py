"""Draws named by what they are for: a killed training needs no generator's state to go on.

A seed, a purpose and any numbers (epoch, step) name a generator. The seed is secret, of 256 bits;
the generators are numpy's and torch's own, good enough for orders, shifts and first weights, which
protect nothing by themselves.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dpkit.types import Secret


def seed_of(secret: Secret) -> int:
    """Return the number, 0 or more, that a training is seeded with."""
    return int.from_bytes(secret.reveal(), "big")


def generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return the generator of one purpose and some numbers."""
    return np.random.default_rng(_sequence(seed, purpose, numbers))


@contextmanager
def torch_draws(seed: int, purpose: str, *numbers: int) -> Iterator[None]:
    """Let torch's own draws (first weights, dropout) be those of one purpose while this runs."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    word = _sequence(seed, purpose, numbers).generate_state(1, np.uint64)[0]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(int(word >> np.uint64(1)))
        yield


def _sequence(seed: int, purpose: str, numbers: tuple[int, ...]) -> np.random.SeedSequence:
    name = int.from_bytes(purpose.encode(), "big")
    return np.random.SeedSequence([seed, len(purpose), name, *numbers])
