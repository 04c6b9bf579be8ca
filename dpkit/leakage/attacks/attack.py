"""What an entry of the table ATTACKS is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dpkit.types import AugConv, FirstConv
    from dpkit.types.adversary import AdversaryView, Reconstruction

    Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Attack:
    """One entry of the table.

    Parameters
    ----------
    name
        Also that of its page, `docs/attacks/<name>.md`, and with `_` of its file.
    rung
        The lowest rung of the ladder A0 to A8 (docs/threat-model.md) that holds what it needs.
    needs
        That, in words.
    run
        From a view to what it recovered; raises `UsageError` where the view lacks a need.
    """

    name: str
    rung: str
    needs: str
    run: Callable[[AdversaryView], Reconstruction]


def augconv_of(view: AdversaryView) -> AugConv:
    """Return C^ac, or raise `UsageError` where the adversary does not hold it."""
    if view.augconv is None:
        raise UsageError("this attack needs the Aug-Conv layer, and the view has none")
    return view.augconv


def layers_of(view: AdversaryView) -> tuple[AugConv, FirstConv]:
    """Return C^ac and the developer's own layer, or raise `UsageError` where one is missing."""
    augconv = augconv_of(view)
    if view.first_conv is None:
        raise UsageError("this attack needs the developer's first layer, and the view has none")
    return augconv, view.first_conv


def finite(what: str, array: Numbers) -> Numbers:
    """Return the array, or raise `UsageError` where a value overflowed its storage."""
    if not np.isfinite(array).all():
        raise UsageError(
            f"{what}: a value is not finite", remedy="store the layer and the release as float32"
        )
    return array


class Stopwatch:
    """CPU seconds of this process since it was made."""

    def __init__(self) -> None:
        self._start = time.process_time()

    @property
    def seconds(self) -> float:
        """Return how many."""
        return time.process_time() - self._start
