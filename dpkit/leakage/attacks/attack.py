"""What an entry of the table ATTACKS is, and how much effort one attack may spend."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import DpkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from dpkit.types import AugConv, FirstConv, Json
    from dpkit.types.adversary import AdversaryView, Reconstruction

    Numbers = NDArray[np.float64]

ANY: Final = ("*",)
FEATURES: Final = ("hold", "obfuscate", "partition")  # may release feature maps


class OutOfBudgetError(DpkitError):
    """An attack's time is up: it is then unknown what it would have found."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long an attack may try, and from which seed its own draws come.

    Parameters
    ----------
    seconds
        Of the wall clock, from the making of this object.
    seed
        Two runs with one seed find the same.
    is_full
        Whether to take the slow way where there is a quick one.
    """

    seconds: float = 600.0
    seed: int = 0
    is_full: bool = True
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that remain; 0 or less when the time is up."""
        return self.started + self.seconds - time.monotonic()

    def check(self) -> None:
        """Raise `OutOfBudgetError` when the time is up; long loops ask at every step."""
        if self.left <= 0:
            raise OutOfBudgetError("not finished within its time")

    def rng(self) -> np.random.Generator:
        """Return a generator of the attack's own draws."""
        return np.random.default_rng(self.seed)


def always(_view: AdversaryView) -> str:
    """Say that nothing speaks against trying."""
    return ""


@dataclass(frozen=True, slots=True)
class Attack:
    """One entry of the table.

    Parameters
    ----------
    name
        Also that of its page, `docs/attacks/<name>.md`, and with `_` of its file.
    title
        For readers, a few words.
    rung
        The lowest rung of the ladder A0 to A8 (docs/threat-model.md) that holds what it needs.
    needs
        That, in words.
    sanitizers
        Whose releases it is for; `ANY` for all.
    run
        From a view to what it recovered; raises `UsageError` where the view lacks a need, and
        `OutOfBudgetError` when its time is up.
    unfit
        Why it cannot be tried on this view, in words; empty where it can. Asks for public
        parameters and shapes alone, and returns at once.
    weak
        Parameters of the sanitizer under which this attack is known to succeed: its positive
        control. `block` stands for the κ whose blocks are nearest to that many values.
    gives_key
        Whether exact pictures from it mean that the key, or as good as the key, is found.
    is_quick
        Whether it is part of the quick suite: about two seconds on 256 images of 128x128.
    also
        Higher rungs where it is tried too, ascending: what it needs is held there in another way.
    is_trained
        Whether it takes all the time that it gets, so that those like it share it evenly.
    """

    name: str
    title: str
    rung: str
    needs: str
    sanitizers: tuple[str, ...]
    run: Callable[[AdversaryView, Effort], Reconstruction]
    unfit: Callable[[AdversaryView], str] = always
    weak: Mapping[str, Json] = field(default_factory=dict)
    gives_key: bool = False
    is_quick: bool = False
    also: tuple[str, ...] = ()
    is_trained: bool = False

    @property
    def rungs(self) -> tuple[str, ...]:
        """Every rung where it may be tried, the lowest first."""
        return (self.rung, *self.also)

    def is_for(self, sanitizer: str) -> bool:
        """Say whether it is meant for releases of this sanitizer."""
        return self.sanitizers == ANY or sanitizer in self.sanitizers


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


def without_layer(view: AdversaryView) -> str:
    """Say why no attack on C^ac can be tried: it is not held, or not of blocks of pixels."""
    if view.augconv is None:
        return "the adversary has no Aug-Conv layer"
    return "the places of the pixels are secret (interleaved)" if view.is_interleaved else ""


def without_layers(view: AdversaryView) -> str:
    """Say the same where the developer's own first layer is needed too."""
    lacks_conv = view.first_conv is None
    return without_layer(view) or ("the adversary has no first layer" if lacks_conv else "")


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
