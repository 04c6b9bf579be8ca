"""The rest of the provider's network, where a release holds it: from released values to answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

from dpkit.errors import IntegrityError, UsageError
from dpkit.nets import REMOTES
from dpkit.release.read import Release
from dpkit.release.remote import read_remote
from dpkit.release.tree import REMOTE

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


def remote_part(release: str | Path) -> nn.Module:
    """Return the network that goes on from released values [n,c,h,w], in evaluation mode.

    Its outputs are the classes of the release in ascending order of their numbers. It may be
    trained on, and answers what the provider encodes later under the same key.

    Raises
    ------
    UsageError
        The release holds none, or of a network that this version does not know.
    IntegrityError
        The file is not what was signed, or its weights do not fit its network.
    """
    opened = Release.open(release, verify="full")
    path = opened.path / REMOTE
    if not path.exists():
        raise UsageError(
            f"release {opened.manifest.release_id} holds no rest of a network",
            remedy="ask the provider for one made with --with-remote, or train your own",
        )
    weights = read_remote(path)
    name, arguments = weights.metadata["network"], json.loads(weights.metadata["arguments"])
    if name not in REMOTES:
        raise UsageError(f"this version knows no network {name!r}", remedy="install a newer dpkit")
    return _loaded(path, REMOTES[name], arguments, weights.arrays)


def _loaded(path: Path, build: Any, arguments: dict[str, Any], arrays: Any) -> nn.Module:
    """Build the network without memory, as a stranger chose its size, and put the weights in."""
    remedy = "ask the provider for the release again"
    state = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    try:
        with torch.device("meta"):
            network: nn.Module = build(**arguments)
        counters = [n for n in network.state_dict() if n.endswith("num_batches_tracked")]
        state |= {name: torch.zeros((), dtype=torch.int64) for name in counters}
        network.load_state_dict(state, assign=True)
    except (TypeError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:160]
        raise IntegrityError(f"{path}: weights do not fit ({said})", remedy=remedy) from error
    return network.requires_grad_(True).eval()
