"""What a provider asks of an audit of a published release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpkit.audit.options import Options, faces_wanted
from dpkit.errors import UsageError
from dpkit.leakage.gate import parse_condition

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.audit.options import Mode


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What a provider asks of an audit.

    Parameters
    ----------
    source
        The originals; None takes the folder that the release was made of.
    augconv
        Whether the newest Aug-Conv of the release in the keystore is attacked too.
    first_conv
        A first layer whose Aug-Conv is made in memory, attacked and thrown away.
    public
        A folder of pictures that the adversary may hold.
    earlier
        Folders of earlier releases of the same images.
    faces
        Whether faces are looked for; None: in the full audit, where the extra is installed.
    require
        A condition on the figures; empty requires nothing.

    The others as in `audit.Options`.
    """

    release: Path
    source: Path | None = None
    attacks: tuple[str, ...] | None = None
    mode: Mode = "full"
    augconv: bool = False
    first_conv: Path | None = None
    public: Path | None = None
    earlier: tuple[Path, ...] = ()
    pairs: tuple[int, ...] = Options().pairs
    images: int = 256
    budget_seconds: float = Options().budget_seconds
    seed: int = 0
    utility: bool = False
    faces: bool | None = None
    require: str = ""

    def __post_init__(self) -> None:
        faces_wanted(self.faces, self.mode)
        if self.require:
            parse_condition(self.require)
        if self.augconv and self.first_conv:
            raise UsageError(
                "--augconv attacks the layer in the keystore, --first-conv one that is not there",
                remedy="give one of them",
            )

    def options(self) -> Options:
        """Return what the engine is asked to do."""
        return Options(
            self.mode, self.attacks, self.images, self.pairs, self.budget_seconds, self.seed,
            self.utility, faces_wanted(self.faces, self.mode),
        )  # fmt: skip
