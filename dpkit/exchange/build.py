"""Make the Aug-Conv layer of a morphed release for a developer's first layer, into the keystore."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dpkit.augconv import CHECKED_IMAGES, matrix_pieces, plan_augconv, shuffled, ungrouped
from dpkit.errors import DpkitError, UsageError
from dpkit.exchange.check import feature_error
from dpkit.exchange.cost import cost_of, in_bytes, refuse_full_disk, refuse_large, refuse_memory
from dpkit.exchange.morphed import Morphed
from dpkit.keystore.arrays import StreamedArray
from dpkit.release.augconv import augconv_settings, matrix_name
from dpkit.release.first_conv import read_first_conv
from dpkit.sanitizers.normalization import parse
from dpkit.types.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dpkit.augconv import AugConvPlan
    from dpkit.exchange.cost import Cost
    from dpkit.keystore.store import Keystore
    from dpkit.types import FirstConv, Json

MAX_BYTES: Final = 2**31  # 2 GiB
FIRST: Final = "first_conv"  # the developer's own layer, kept beside what was made of it
FIRST_WEIGHT: Final = f"{FIRST}/weight"
FIRST_BIAS: Final = f"{FIRST}/bias"
_SEALED_A_SECOND: Final = 5e8  # bytes encrypted and written, on an ordinary disk


@dataclass(frozen=True, slots=True)
class Built:
    """A layer in the keystore.

    `error` is that of the features of a few of the release's own images, relative to the
    convolution of their originals in float64.
    """

    object_id: str
    release_id: str
    size_bytes: int
    dense_bytes: int
    matrices: int
    dtype: str
    seconds: float
    error: float

    def facts(self) -> dict[str, Json]:
        """Return the same for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    def lines(self) -> list[str]:
        """Say what was made."""
        size = f"{in_bytes(self.size_bytes)} in {self.matrices} matrices of {self.dtype}"
        return [
            f"Aug-Conv {self.object_id} for release {self.release_id}",
            f"{size}, made and sealed in {self.seconds:.1f} s",
            f"its features differ from the original layer's by {self.error:.1e}, relative",
            "nothing was handed over: `dpkit augconv export` does that, and measures first",
        ]


def build(
    path: Path,
    first_conv: Path,
    keystore: Keystore,
    *,
    dtype: str = "float32",
    max_bytes: int = MAX_BYTES,
    voice: Voice | None = None,
) -> Built:
    """Make C^ac for a release and a first layer, seal it, and measure it.

    Raises
    ------
    UsageError
        The layer is made for other images or another normalisation, or exceeds `max_bytes`.
    UnlockError
        The keystore holds no key of the release.
    IntegrityError
        Release or layer are not what they say.
    DpkitError
        The disk is too small.
    """
    speaking = voice or Voice()
    layer = read_first_conv(first_conv)
    morphed = Morphed.open(path, keystore)
    refuse_foreign(layer, morphed)
    made = shuffled(ungrouped(layer), morphed.channel_order(layer))
    plan = plan_augconv(made, morphed.blocks, morphed.morph.kappa, is_distinct=morphed.is_distinct)
    stored = np.dtype(dtype)
    cost = cost_of(plan, stored)
    refuse_memory(plan)
    refuse_large(plan, cost, max_bytes)
    free = refuse_full_disk(keystore.path, cost)
    inverses = morphed.inverses()
    speaking.notice(cost.sentence(plan.kappa, free, _expected_seconds(plan, inverses, cost)))
    begun = time.monotonic()
    arrays: dict[str, NDArray[Any] | StreamedArray] = {
        **_matrices(plan, inverses, stored, speaking),
        **_columns(plan, layer),
    }
    settings = augconv_settings(
        release_id=morphed.release_id, blocks=plan.blocks, input_shape=layer.input_shape,
        output_shape=layer.output_shape, consent={},
    )  # fmt: skip
    settings[FIRST] = _geometry(layer)
    object_id = keystore.put("augconv", settings, arrays, label=morphed.release_id)
    seconds = time.monotonic() - begun
    error = _checked(object_id, plan, morphed, keystore)
    return Built(
        object_id, morphed.release_id, cost.size_bytes, cost.dense_bytes, len(plan.reaches),
        dtype, seconds, error,
    )  # fmt: skip


def _checked(object_id: str, plan: AugConvPlan, morphed: Morphed, keystore: Keystore) -> float:
    """Return the error of a sealed layer's features; destroy a layer that was not seen to be right.

    Raises
    ------
    DpkitError
        The features hold more error than anything else.
    """
    try:
        error = feature_error(keystore.get(object_id, "augconv"), plan, morphed, CHECKED_IMAGES)
        _refuse_noise(error)
    except BaseException:
        keystore.destroy(object_id)
        raise
    return error


def _refuse_noise(error: float) -> None:
    if not error < 1:
        raise DpkitError(
            f"the features of this Aug-Conv differ by {error:.1e} from the original layer's: the "
            "core is too badly conditioned for the types of release and layer",
            remedy="use --dtype float32, and release again in float32 or with --core orthogonal",
        )


def _expected_seconds(plan: AugConvPlan, inverses: NDArray[np.float64], cost: Cost) -> float:
    """Return about how long making and sealing will take, from one piece."""
    next(matrix_pieces(plan, 0, inverses))  # loads torch and compiles
    begun = time.monotonic()
    piece = next(matrix_pieces(plan, len(plan.reaches) - 1, inverses))
    of_a_row = (time.monotonic() - begun) / len(piece)
    rows = plan.core_size * len(plan.reaches)
    return of_a_row * rows + cost.size_bytes / _SEALED_A_SECOND


def refuse_foreign(layer: FirstConv, morphed: Morphed) -> None:
    """Raise `UsageError` where a first layer does not fit the release, or none would."""
    geometry, morph = morphed.geometry, morphed.morph
    _refuse_interleaved(morphed)
    shape = (geometry.channels, geometry.height, geometry.width)
    if layer.input_shape != shape:
        raise UsageError(
            f"the first layer takes images of {_text(layer.input_shape)}, the release holds "
            f"{_text(shape)}",
            remedy=f"export it again with --input-size {geometry.height}x{geometry.width}",
        )
    if not layer.weight.any():
        raise UsageError(
            "the first layer's weights are all zero",
            remedy="ask for the layer of a trained network",
        )
    if parse(layer.normalize) != parse(morph.normalize):
        raise UsageError(
            f"the first layer was trained on pixels normalised by {layer.normalize!r}, the "
            f"release by {morph.normalize!r}",
            remedy=f"release again with --normalize {layer.normalize}, or train the layer on "
            f"{morph.normalize}",
        )


def _refuse_interleaved(morphed: Morphed) -> None:
    if morphed.morph.interleave:
        raise UsageError(
            f"release {morphed.release_id} is interleaved: its pixels were scattered secretly, so "
            "Aug-Conv would have no windows, and would hand over the scatter and the key",
            remedy="the developer trains on the release as it is, with the first layer that it "
            "names; or release again with --no-interleave",
        )


def _text(shape: tuple[int, int, int]) -> str:
    return "x".join(str(side) for side in shape)


def _matrices(
    plan: AugConvPlan, inverses: NDArray[np.float64], dtype: np.dtype[Any], voice: Voice
) -> dict[str, StreamedArray]:
    total = plan.core_size * len(plan.reaches)

    def pieces(number: int) -> Iterator[NDArray[Any]]:
        done = plan.core_size * number
        for piece in matrix_pieces(plan, number, inverses):
            with np.errstate(over="ignore"):  # infinities are looked for below
                stored = piece.astype(dtype, copy=False)
            if not np.isfinite(stored).all():
                raise DpkitError(
                    f"a value of Aug-Conv exceeds {dtype}'s range",
                    remedy="use --dtype float32, or ask for a first layer with smaller weights",
                )
            yield stored
            done += len(piece)
            voice.progress("making Aug-Conv: rows", done, total)

    return {
        matrix_name(i): StreamedArray(dtype, plan.shape(i), lambda i=i: pieces(i))  # type: ignore[misc]  # mypy cannot type a bound default
        for i in range(len(plan.reaches))
    }


def _columns(plan: AugConvPlan, layer: FirstConv) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {
        "matrix_of": plan.matrix_of, "windows": plan.windows, FIRST_WEIGHT: layer.weight,
    }  # fmt: skip
    if layer.bias is not None and plan.layer.bias is not None:
        columns |= {"bias": plan.layer.bias, FIRST_BIAS: layer.bias}
    return columns


def _geometry(layer: FirstConv) -> dict[str, Json]:
    """Return what a layer is beside its arrays."""
    return {
        "stride": list(layer.stride),
        "padding": list(layer.padding),
        "dilation": list(layer.dilation),
        "groups": layer.groups,
        "input_size": list(layer.input_size),
        "normalize": layer.normalize,
    }
