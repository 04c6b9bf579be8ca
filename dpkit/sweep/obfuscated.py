"""What a sweep of obfuscators found, λ by λ: each seed's accuracy and its best attacker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dpkit.sweep.obfuscate import is_cut

if TYPE_CHECKING:
    from dpkit.sweep.obfuscate import Swept
    from dpkit.types import Json

MEASURED: Final = ("psnr", "ssim", "perceptual", "faces", "faces of originals")


@dataclass(frozen=True, slots=True)
class Reached:
    """What one kind of reconstructor reached against the obfuscator of one seed.

    Parameters
    ----------
    psnr, ssim
        None where it came to no step.
    perceptual
        Perceptual distance, where it was measured.
    faces, original_faces
        Share of its pictures, and of the originals, in which a face is found; None where it was not
        looked for, or no original has one.
    is_cut
        Whether its time ended its training, so that this is a lower bound.
    counts
        Whether its PSNR is above the mean image's.
    """

    kind: str
    seed: int
    psnr: float | None
    ssim: float | None
    perceptual: float | None
    faces: float | None
    original_faces: float | None
    is_cut: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class Line:
    """The obfuscators of one λ and every attacker of them; tuples are by seed.

    Parameters
    ----------
    accuracy
        Shares of the test part.
    adversary
        PSNR of the training's own adversary; empty without one.
    """

    weight: float
    accuracy: tuple[float, ...]
    adversary: tuple[float, ...]
    epochs: tuple[int, ...]
    attackers: tuple[Reached, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of attackers, in their order."""
        return tuple(dict.fromkeys(each.kind for each in self.attackers))

    def of_kind(self, kind: str) -> tuple[Reached, ...]:
        """Return one kind's figures, by seed."""
        return tuple(each for each in self.attackers if each.kind == kind)

    def best(self, measure: str = "psnr") -> tuple[Reached | None, ...]:
        """Return the best attacker that counts by `psnr` or `ssim`, by seed; None without one."""
        return tuple(
            max(
                (each for each in self.attackers if each.seed == seed and each.counts),
                key=lambda each: getattr(each, measure),
                default=None,
            )
            for seed in range(len(self.accuracy))
        )


def lines_of(swept: Swept) -> tuple[Line, ...]:
    """Return one line a λ, the undefended first."""
    weights = dict.fromkeys(one.weight for one in swept.trained)
    return tuple(_line(swept, weight) for weight in weights)


def _line(swept: Swept, weight: float) -> Line:
    every: list[dict[str, Any]] = [one.figures for one in swept.trained if one.weight == weight]
    own = [figures["adversary"] for figures in every]
    guess = swept.guesses["mean image"].psnr
    return Line(
        weight,
        tuple(figures["accuracy"] for figures in every),
        tuple(psnr for psnr in own if psnr is not None),
        tuple(len(figures["curve"]) for figures in every),
        tuple(
            _reached(kind, seed, figures, guess)
            for (of, seed, kind), figures in swept.attacks.items()
            if of == weight
        ),
    )


def _reached(kind: str, seed: int, figures: dict[str, Json], guess: float) -> Reached:
    psnr, ssim, perceptual, faces, of_originals = (
        None if (found := figures.get(name)) is None else float(str(found)) for name in MEASURED
    )
    return Reached(
        kind,
        seed,
        psnr,
        ssim,
        perceptual,
        faces,
        of_originals,
        is_cut=is_cut(figures),
        counts=psnr is not None and psnr > guess,
    )
