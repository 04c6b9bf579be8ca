"""Networks and optimizers as named arrays, and back: what a checkpoint and a key hold.

Names are `group/network/parameter` and `optimizer/parameter number/state`, as torch's own
state dicts call them. Never pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import nn
    from torch.optim import Optimizer

    Arrays = Mapping[str, NDArray[Any]]


def arrays_of(network: nn.Module, prefix: str) -> dict[str, NDArray[Any]]:
    """Return copies of a network's parameters and buffers by `prefix/name`, or by name alone."""
    state = network.state_dict()
    return {_named(prefix, name): _array(value) for name, value in state.items()}


def load_into(network: nn.Module, arrays: Arrays, prefix: str) -> None:
    """Put parameters and buffers back.

    Raises
    ------
    RuntimeError
        The network is of another shape.
    """
    lead = _named(prefix, "")
    found = {
        name.removeprefix(lead): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(lead)
    }
    network.load_state_dict(found)


def optimizer_arrays(optimizer: Optimizer, prefix: str) -> dict[str, NDArray[Any]]:
    """Return copies of what an optimizer remembers of each parameter."""
    return {
        f"{prefix}/{number}/{name}": _array(value)
        for number, known in optimizer.state_dict()["state"].items()
        for name, value in known.items()
    }


def load_into_optimizer(optimizer: Optimizer, arrays: Arrays, prefix: str) -> None:
    """Put back what an optimizer remembered; its rates stay as they are."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for path, value in arrays.items():
        if path.startswith(f"{prefix}/"):
            number, name = path.removeprefix(f"{prefix}/").split("/")
            state.setdefault(int(number), {})[name] = torch.from_numpy(np.array(value))
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _named(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _array(value: torch.Tensor) -> NDArray[Any]:
    return np.array(value.detach().cpu().numpy(), order="C")
