"""A state dict out of a torch file, opened with `weights_only=True`: no code of the file runs."""

from __future__ import annotations

import warnings
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

HELD_UNDER: Final = ("state_dict", "model")  # where training scripts keep the state dict


class NoStateDictError(ValueError):
    """The file is a torch file, or claims to be one, and holds no state dict.

    `remedy` is what its writer can do.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def torch_state(file: Path | BinaryIO) -> dict[Any, Any]:
    """Return a state dict, or the one under `state_dict` or `model`; some value is a tensor.

    Names and the other values are what the file holds: nothing of them is checked.

    Raises
    ------
    NoStateDictError
        It is no torch file, would have to run code, or holds no tensor by name.
    """
    held = _without_code(file)
    for name in HELD_UNDER:
        if isinstance(held, dict) and isinstance(held.get(name), dict):
            held = held[name]
    if not isinstance(held, dict) or not any(isinstance(part, Tensor) for part in held.values()):
        raise NoStateDictError(
            f"holds no state dict, but a {type(held).__name__}",
            "save it with torch.save(network.state_dict(), FILE)",
        )
    return held


def _without_code(file: Path | BinaryIO) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's own about a stranger's pickle
            return torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except UnpicklingError:
        raise NoStateDictError(
            "is no torch file of tensors alone, and no code of it was run",
            "save torch.save(network.state_dict(), FILE)",
        ) from None
    except Exception as error:  # noqa: BLE001 (torch's reader stumbles over damage in every way)
        raise NoStateDictError(
            f"is no torch file ({type(error).__name__})",
            "save it with torch.save(network.state_dict(), FILE)",
        ) from None
