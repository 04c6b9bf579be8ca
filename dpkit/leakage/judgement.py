"""From what the attacks reached to one verdict in plain words.

An attack succeeded where its pictures are nearer to the originals than the best of all guesses,
image by image and by a margin that chance does not explain (`beats`), where it tells whose images
are whose beyond chance (`is_linked`), or where it has a finding. Then:

    broken: key recovered        an attack that solves for the key gives pictures of 30 dB or more
    broken: pictures recovered   the best attacks' mean SSIM is 0.5 or more, or an image has 0.9
    leaks: …                     anything else succeeded
    none                         nothing did; that is not a proof
    unknown                      no attack had power
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.leakage.advice import advice
from dpkit.leakage.intervals import bootstrap_mean
from dpkit.types.audit import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dpkit.leakage.recovery import Recovery
    from dpkit.types.attacks import AttackResult
    from dpkit.types.scores import ImageScores, LinkScores

KEY_DB: Final = 30.0  # above, a viewer sees no difference that matters
RECOGNISED: Final = 0.5  # mean SSIM
NEARLY_EXACT: Final = 0.9  # SSIM of one image
SSIM_MARGIN: Final = 0.05
NCC_MARGIN: Final = 0.1
WITH_ORIGINALS: Final = ("A6", "A7")  # rungs that hold some
EYE: Final = "A0"  # whoever looks needs no control, and finds out nothing by calculation
CHANCE_MARGIN: Final = 3.0  # times the share that guessing links


def beats(found: Recovery, guess: Recovery) -> bool:
    """Say whether recovered images are nearer than guesses of the same images, on average.

    The low end of the 95 % interval of the paired difference must exceed the margin.
    """
    alike = bootstrap_mean(found.ssim - guess.ssim).low > SSIM_MARGIN  # never, where undefined
    return alike or bootstrap_mean(found.ncc - guess.ncc).low > NCC_MARGIN


def is_linked(links: LinkScores) -> bool:
    """Say whether more rows are told to be whose they are than chance explains."""
    return links.top1.low > CHANCE_MARGIN * links.chance


def shows_pictures(best: Recovery, guess: Recovery) -> bool:
    """Say whether originals are recognised: on average, or one image nearly exactly."""
    if np.isnan(best.ssim).any():  # too small for SSIM
        return bool(best.psnr.mean() >= KEY_DB)
    exact = (best.ssim >= NEARLY_EXACT) & (best.ssim > guess.ssim + SSIM_MARGIN)
    return bool(exact.any()) or bool(best.ssim.mean() >= RECOGNISED and beats(best, guess))


def judge(
    sanitizer: str,
    results: Sequence[AttackResult],
    *,
    is_pictured: bool,
    keys: frozenset[str],
) -> Verdict:
    """Return the verdict over all attacks that need no key.

    Parameters
    ----------
    results
        Of every attack that is meant for such a release and whose adversary exists.
    is_pictured
        What `shows_pictures` says of the best of them.
    keys
        Names of the attacks whose exact pictures mean that the key is found.
    """
    had_power = sum(result.had_power for result in results)
    won = [result for result in results if result.state == "succeeded"]
    word, said = _said(won, keys, is_pictured=is_pictured)
    if word == "leaks" and all(result.rung in WITH_ORIGINALS for result in won):
        said = f"{said}. {_without_originals(results)}"
    if not won and not any(result.had_power and result.rung != EYE for result in results):
        beyond = "" if not had_power else ", beyond a look at the file,"
        word, said = "unknown", f"unknown: no attack of this suite{beyond} had power here"
    return Verdict(word, said, advice(sanitizer, won, word), had_power, len(results))


def _said(
    won: Sequence[AttackResult], keys: frozenset[str], *, is_pictured: bool
) -> tuple[str, str]:
    for result in won:
        if result.name in keys and _is_exact(result.images):
            return "broken", f"broken: key recovered, by {_named(result)}"
    pictured = [r for r in won if r.images is not None and not r.is_upper_bound]
    if pictured and is_pictured:
        strongest = max(pictured, key=_mean_ssim)
        return "broken", f"broken: pictures recovered, best by {_named(strongest)}"
    if won:
        what = [r.finding or f"{_named(r)} {_does(r)}" for r in won]
        return "leaks", f"leaks: {'; '.join(dict.fromkeys(what))}"
    return "none", "no attack of this suite succeeded; that is not a proof"


def _without_originals(results: Sequence[AttackResult]) -> str:
    tried = [r for r in results if r.had_power and r.rung not in (EYE, *WITH_ORIGINALS)]
    if tried:
        return "Without any original no attack succeeded; that is not a proof"
    return "Without any original nothing but a look at the file was tried with power"


def _does(result: AttackResult) -> str:
    if result.images is None and result.links is not None:
        return "tells whose row is whose"
    return "recovers something of the images"


def _is_exact(images: ImageScores | None) -> bool:
    return images is not None and images.psnr.mean.value >= KEY_DB


def _mean_ssim(result: AttackResult) -> float:
    return result.images.ssim.mean.value if result.images and result.images.ssim else 0.0


def _named(result: AttackResult) -> str:
    held = f", with {result.held}" if result.held else ""
    return f"{result.title[0].lower()}{result.title[1:]} ({result.rung}{held})"
