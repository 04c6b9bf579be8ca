"""The network that a sweep asks: read from the file that the provider names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpkit.errors import UsageError
from dpkit.nets.named import build_network, class_names
from dpkit.readers.network import read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A network, the names of its classes (or none), and the digest of its file."""

    network: nn.Module
    classes: tuple[str, ...]
    sha256: str


def open_network(model: Path, name: str | None = None, normalize: str | None = None) -> Asked:
    """Read and build a network; without a name and normalisation the file's own words are taken.

    Raises
    ------
    UsageError
        The file holds no weights, or not those of this network.
    """
    weights = read_weights(model)
    try:
        network = build_network(weights.arrays, weights.metadata, network=name, normalize=normalize)
        return Asked(network, class_names(weights.metadata), weights.sha256)
    except ValueError as error:
        raise UsageError(f"{model}: {error}", remedy="see --network and --normalize") from None
