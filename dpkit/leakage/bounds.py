"""The papers' numbers by which a sanitizer is called safe: pure functions, in log scale.

MoLe: Shen, Liu, Chen and Li, "Towards efficient and secure delivery of data for deep learning with
privacy-preserving" (arXiv 1909.07632).
Mixing: Xiang, Li, Ren, Zhu and Choo, "A Lightweight Privacy-Preserving Scheme Using Label-based
Pixel Block Mixing for Image Classification in Deep Learning" (arXiv 2105.08876).

    symbol   here          meaning
    N        elements      αhw, length of an unrolled image (MoLe)
    κ        kappa         diagonal blocks of the morphing matrix
    q        core_size     N / κ, side of the core (Eq. 3)
    n²       positions     outputs of one channel of the developer's first convolution
    β        channels      output channels of that convolution
    N_b      blocks        blocks of a mixed image (mixing, Eq. 6)
    N        images        mixed images

    Eq. 10   2^-(q²)           guess all q² elements of the core
    Eq. 13   κ ≤ N / n²        a channel of C^ac has fewer equations than the core has unknowns
    Eq. 14   2^-(q (q - n²))   guess what one channel of C^ac leaves open
    P_r,bf   1 / β!            guess the secret order of the channels
    Eq. 8    1 / N_b!          guess the order of the blocks of one mixed image
    Eq. 9    (1 / N_b!)^N      of N mixed images

The exponents are those of MoLe's worked values (3072² = 9.4e6 and 2048 · 3072 = 6.3e6 for CIFAR at
κ = 1, with n = 32), at the odds of one half for each unknown that these values take. None of them
is the probability that an attack succeeds: `morph_bounds` and `mix_bounds` print each as a claim,
with the reason why.
"""

from __future__ import annotations

import math


def log2_guess_core(core_size: int) -> float:
    """Return log2 of the odds of guessing all q² elements of a core (MoLe, Eq. 10)."""
    return -float(core_size * core_size)


def largest_kappa(elements: int, positions: int) -> int:
    """Return the largest κ at which one channel of C^ac leaves the core open (MoLe, Eq. 13)."""
    return elements // positions


def log2_rest_of_core(core_size: int, positions: int) -> float:
    """Return log2 of the odds of guessing what one channel of C^ac leaves open (MoLe, Eq. 14).

    0 where nothing is left open.
    """
    return 0.0 - core_size * max(core_size - positions, 0)


def log10_channel_orders(channels: int) -> float:
    """Return log10 of the odds of guessing the order of β channels (MoLe, P_r,bf)."""
    return 0.0 - math.lgamma(channels + 1) / math.log(10)


def log_arrangements(blocks: int, images: int = 1) -> float:
    """Return ln of the odds of guessing the block orders of N mixed images (mixing, Eqs. 8, 9)."""
    return 0.0 - images * math.lgamma(blocks + 1)
