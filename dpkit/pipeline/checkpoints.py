"""Where a long fit leaves its state: sealed under the keystore, in the user's state folder.

A checkpoint belongs to one request over one set of files with their labels and parts. It holds
the seed that was drawn for the key, so that the fit which goes on is the fit that was begun.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.errors import IntegrityError
from dpkit.pipeline.state import private_folder, state_root
from dpkit.rng import fresh_secret
from dpkit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.keystore.store import Keystore
    from dpkit.types import Json, Rows

KIND: Final = "checkpoint"
_SEED: Final = "seed"
_ARRAY: Final = "fit/"


class SealedCheckpoints:
    """The checkpoint of one request over these rows (`types.Checkpoints`).

    Parameters
    ----------
    keystore
        The one whose master key seals it.
    request
        The request's digest.
    rows
        The images; another set begins anew, and so do other labels, parts or groups.
    """

    def __init__(self, keystore: Keystore, request: str, rows: Rows) -> None:
        self._keystore = keystore
        self._path = _folder() / f"{keystore.uuid}-{_digest(request, rows)[:32]}.dpk"
        self.seed = self._seed()

    def load(self) -> tuple[Mapping[str, Json], Mapping[str, NDArray[Any]]] | None:
        """Return settings and arrays of the last checkpoint, None where there is none."""
        if not self._path.exists():
            return None
        sealed = self._keystore.open_aside(self._path, KIND)
        names = [name for name in sealed.names() if name.startswith(_ARRAY)]
        return sealed.settings, {n.removeprefix(_ARRAY): sealed.array(n) for n in names}

    def save(self, settings: Mapping[str, Json], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Replace the checkpoint."""
        sealed: dict[str, NDArray[Any]] = {_ARRAY + name: arrays[name] for name in arrays}
        sealed[_SEED] = np.frombuffer(self.seed.reveal(), np.uint8)
        self._keystore.seal_aside(self._path, KIND, settings, sealed)

    def end(self) -> None:
        """Remove the checkpoint: the key is sealed."""
        self._path.unlink(missing_ok=True)

    def _seed(self) -> Secret:
        try:
            sealed = self._keystore.open_aside(self._path, KIND)
        except FileNotFoundError:
            return fresh_secret()
        except IntegrityError as error:
            raise IntegrityError(
                f"the checkpoint {self._path} cannot be read: {error}",
                remedy="delete it to begin the training anew",
            ) from error
        return Secret(sealed.array(_SEED).tobytes())


def _digest(request: str, rows: Rows) -> str:
    """Return one of all that decides which images are learned from, and as what."""
    targets = rows.targets
    digest = hashlib.sha256(f"{request}\0{targets.dtype.str}{targets.shape}\0".encode())
    digest.update(np.ascontiguousarray(targets).tobytes())
    columns = json.dumps([rows.paths, rows.parts, rows.groups])
    digest.update(columns.encode() + rows.sha256.tobytes())
    return digest.hexdigest()


def _folder() -> Path:
    return private_folder(state_root() / "checkpoints")
