"""A sanitizer for tests that releases feature maps: a convolution of drawn kernels, and pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from dpkit.audit.holdings import Stage
from dpkit.audit.options import Options
from dpkit.audit.photographs import PUBLIC, crops
from dpkit.audit.subject import Subject, sanitized, with_treatment
from dpkit.rng import Stream, derive
from dpkit.sanitizers.base import ImageSanitizer, param
from dpkit.types import Geometry, Key, SanitizedBatch
from tests.audit.stages import SEED


@dataclass(frozen=True, slots=True)
class _Maps(ImageSanitizer):
    """Kernels [β,c,3,3] are the key; whoever has them has the encoder."""

    channels: int = param(12, help="Channels of a map.")
    pooled: int = param(2, help="Pixels of a place of the map, a side.")

    def fit(self, _geometry, seed, _supply=None):
        words = Stream(derive(seed, "maps")).permutation(2**16)[: self.channels * 27]
        kernels = (words / 2**15 - 1).astype(np.float32).reshape(self.channels, 3, 3, 3)
        return Key(seed, {"kernels": kernels})

    def values_shape(self, geometry):
        return self.channels, geometry.height // self.pooled, geometry.width // self.pooled

    def apply(self, batch, key, geometry):
        planes = np.moveaxis(batch.pixels, -1, 1) / np.float32(geometry.peak)
        with torch.no_grad():
            values = self.encoder(key, geometry)(torch.from_numpy(planes)).numpy()
        return SanitizedBatch(values.astype(np.float16), batch.targets, batch.ids, batch.groups)

    def encoder(self, key, _geometry):
        kernels = torch.from_numpy(np.asarray(key.array("kernels")))
        return lambda x: nn.functional.avg_pool2d(
            nn.functional.conv2d(x, kernels, padding=1).relu(), self.pooled
        )

    def training(self, _geometry):
        return {}


@dataclass(frozen=True, slots=True)
class PublicMaps(_Maps):
    """Everybody can apply it."""

    name: ClassVar[str] = "hold"
    is_keyed: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class SecretMaps(_Maps):
    """Only the key holder can."""

    name: ClassVar[str] = "obfuscate"
    is_keyed: ClassVar[bool] = True


def mapped(sanitizer, *, side=16, n=240, more=20):
    """Return a release of `n` photographs with their originals, and of `more` without."""
    geometry = Geometry(3, side, side, 8)
    pixels, which = crops(PUBLIC, n + more, geometry, np.random.default_rng(5))
    values = sanitized(sanitizer, geometry, pixels, which, SEED)
    subject = Subject(
        sanitizer, geometry, values[:n], pixels[:n], which[:n], np.arange(n), values[n:], which[n:]
    )
    return with_treatment(subject, sanitizer.fit(geometry, SEED))


def mapped_stage(sanitizer, *, options=None, **asked):
    return Stage.of(mapped(sanitizer, **asked), options or Options(mode="quick"))
