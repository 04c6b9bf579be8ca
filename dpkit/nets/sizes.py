"""What a network's sizes must be before any of its tensors is made."""

from __future__ import annotations


def positive(**sizes: int) -> None:
    """Refuse a size below 1.

    Raises
    ------
    ValueError
        With the name, the value and the limit.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} {size} is below 1")


def probability(**shares: float) -> None:
    """Refuse a share of dropped values outside of [0, 1).

    Raises
    ------
    ValueError
        With the name, the value and the limit.
    """
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ValueError(f"{name} {share} is not within 0 to 1, 1 excluded")


def divides(name: str, part: int, whole_name: str, whole: int) -> None:
    """Refuse a part of which the whole is no multiple.

    Raises
    ------
    ValueError
        With both names and values.
    """
    if whole % part:
        raise ValueError(f"{name} {part} does not divide {whole_name} {whole}")
