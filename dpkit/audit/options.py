"""What an audit is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from dpkit.errors import UsageError
from dpkit.leakage.faces import are_available, require_faces

Mode: TypeAlias = Literal["none", "quick", "full"]

PAIRS: Final = (1, 3, 10, 30)
QUICK_PAIRS: Final = (30,)
QUICK_SECONDS: Final = 120.0  # a limit that the quick suite never reaches on a healthy machine
FULL_SECONDS: Final = 600.0
QUICK_ROWS: Final = 512  # released rows that attacks see
FULL_ROWS: Final = 8192
MOST_BYTES: Final = 2**29  # of such rows in memory


@dataclass(frozen=True, slots=True)
class Options:
    """Which attacks, on how many images, for how long.

    Parameters
    ----------
    mode
        `quick` takes the attacks of about two seconds, `full` all.
    attacks
        Names; None takes all that the mode has.
    images
        Scored images, at most.
    pairs
        Known images of the curve, ascending.
    budget_seconds
        Of the wall clock, for all attacks and controls together.
    seed
        Of every draw.
    with_utility
        Whether a network is trained on originals and release.
    with_faces
        Whether faces are looked for; `faces_wanted` says by default.

    Raises
    ------
    UsageError
        A name is unknown, or a number cannot work.
    """

    mode: Mode = "full"
    attacks: tuple[str, ...] | None = None
    images: int = 256
    pairs: tuple[int, ...] = PAIRS
    budget_seconds: float = FULL_SECONDS
    seed: int = 0
    with_utility: bool = False
    with_faces: bool = False

    def __post_init__(self) -> None:
        if self.attacks:
            _refuse_unknown(self.attacks)
        if not self.pairs or min(self.pairs) < 1 or max(self.pairs) > FULL_ROWS:
            raise UsageError(f"--pairs {self.pairs} are not numbers of images, 1 to {FULL_ROWS}")
        if self.images < 1:
            raise UsageError(f"--images {self.images} is below 1")
        if self.budget_seconds <= 0:
            raise UsageError(f"--budget {self.budget_seconds:g} s leaves no time")

    @property
    def is_full(self) -> bool:
        """Whether slow attacks are tried too."""
        return self.mode == "full"

    @property
    def rows(self) -> int:
        """Return how many released rows attacks may see."""
        return FULL_ROWS if self.is_full else QUICK_ROWS


def faces_wanted(asked: bool | None, mode: Mode) -> bool:
    """Say whether faces are looked for: as asked, else by a full audit where the extra is there.

    Raises
    ------
    UsageError
        They are asked for, and the extra `faces` is not installed, or there is no audit.
    """
    if asked and mode == "none":
        raise UsageError("--faces needs an audit", remedy="say --audit quick or full")
    if asked:
        require_faces()
    return asked if asked is not None else mode == "full" and are_available()


def _refuse_unknown(names: tuple[str, ...]) -> None:
    from dpkit.leakage.attacks import ATTACKS  # noqa: PLC0415 (loads every attack: only where named)

    for name in names:
        if name not in ATTACKS:
            raise UsageError(
                f"--attacks names {name!r}, which is no attack",
                remedy=f"name some of {', '.join(ATTACKS)}, or all",
            )
