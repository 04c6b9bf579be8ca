"""The layers that a release's developer would hold: from the keystore, or made for the occasion."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.augconv import plan_augconv, shuffled, ungrouped, whole_matrix
from dpkit.errors import DpkitError, KeystoreMissingError
from dpkit.exchange.build import FIRST, FIRST_BIAS, FIRST_WEIGHT, refuse_foreign
from dpkit.exchange.cost import in_bytes
from dpkit.release.augconv import matrix_name
from dpkit.release.first_conv import read_first_conv
from dpkit.sanitizers.sizes import physical_memory
from dpkit.types import AugConv, FirstConv

if TYPE_CHECKING:
    from pathlib import Path

    from dpkit.exchange.morphed import Morphed
    from dpkit.keystore.sealed import ExportableObject
    from dpkit.keystore.store import Keystore

_MEMORY_SHARE: Final = 0.5  # of the machine's, for a layer that is measured


def open_layers(sealed: ExportableObject) -> tuple[AugConv, FirstConv]:
    """Return a sealed Aug-Conv and the developer's layer that it was made for.

    Raises
    ------
    DpkitError
        It is too large to be attacked here.
    """
    return _open_layer(sealed), _open_first(sealed)


def imagined_layers(morphed: Morphed, path: Path) -> tuple[AugConv, FirstConv]:
    """Make the Aug-Conv of a first layer in memory, to be attacked and thrown away.

    Raises
    ------
    UsageError
        The layer does not fit the release.
    DpkitError
        C^ac is too large for this machine's memory.
    """
    first = read_first_conv(path)
    refuse_foreign(first, morphed)
    made = shuffled(ungrouped(first), morphed.channel_order(first))
    plan = plan_augconv(made, morphed.blocks, morphed.morph.kappa, is_distinct=morphed.is_distinct)
    _refuse_large(4 * plan.elements, "the Aug-Conv of this layer")
    inverses = morphed.inverses()
    matrices = tuple(whole_matrix(plan, i, inverses) for i in range(len(plan.reaches)))
    layer = AugConv(
        matrices, plan.matrix_of, plan.windows, made.bias, plan.blocks, first.input_shape,
        first.output_shape, morphed.release_id, {},
    )  # fmt: skip
    return layer, first


def newest_layer(keystore: Keystore, release_id: str) -> str:
    """Return the object id of the newest Aug-Conv that was made for a release.

    Raises
    ------
    KeystoreMissingError
        None was made.
    """
    made = [
        entry
        for entry in keystore.entries()
        if entry.kind == "augconv" and entry.state == "active" and entry.label == release_id
    ]
    if not made:
        raise KeystoreMissingError(
            f"no Aug-Conv was made for release {release_id}",
            remedy="`dpkit augconv build RELEASE --first-conv FILE` makes one",
        )
    return made[-1].object_id


def _open_layer(sealed: ExportableObject) -> AugConv:
    names = [name for name in sealed.names() if re.fullmatch(r"matrix_\d{5}", name)]
    size = sum(math.prod(sealed.shape(n)) * sealed.dtype(n).itemsize for n in names)
    _refuse_large(size, f"Aug-Conv {sealed.object_id}")
    settings: dict[str, Any] = sealed.settings
    return AugConv(
        tuple(sealed.array(matrix_name(i)) for i in range(len(names))),
        sealed.array("matrix_of"),
        sealed.array("windows"),
        sealed.array("bias") if "bias" in sealed.names() else None,
        settings["blocks"],
        tuple(settings["input_shape"]),
        tuple(settings["output_shape"]),
        settings["release_id"],
        {},
    )


def _open_first(sealed: ExportableObject) -> FirstConv:
    settings: dict[str, Any] = dict(sealed.settings)[FIRST]  # type: ignore[assignment]  # a mapping, as `build` wrote it
    bias = sealed.array(FIRST_BIAS) if FIRST_BIAS in sealed.names() else None
    return FirstConv(
        np.asarray(sealed.array(FIRST_WEIGHT)), bias, tuple(settings["stride"]),
        tuple(settings["padding"]), tuple(settings["dilation"]), settings["groups"],
        tuple(settings["input_size"]), settings["normalize"],
    )  # fmt: skip


def _refuse_large(size: int, what: str) -> None:
    if size > _MEMORY_SHARE * physical_memory():
        raise DpkitError(
            f"{what} of {in_bytes(size)} is too large to be attacked in the memory of this "
            "machine, and nothing leaves unmeasured",
            remedy="hand it over on a larger machine, or make a smaller layer",
        )
