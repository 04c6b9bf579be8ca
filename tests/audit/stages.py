"""Small releases of photographs under audit."""

import numpy as np

from dpkit.audit.holdings import Stage
from dpkit.audit.options import Options
from dpkit.audit.photographs import PUBLIC, crops
from dpkit.audit.subject import Subject, sanitized
from dpkit.sanitizers import SANITIZERS
from dpkit.types import Geometry, Secret

SEED = Secret(bytes(range(32)))


def subject(name="morph", *, side=16, n=60, more=20, labelled=True, **parameters):
    """Return a release of `n` photographs with their originals, and of `more` without."""
    geometry = Geometry(3, side, side, 8)
    sanitizer = SANITIZERS[name](**parameters)
    pixels, which = crops(PUBLIC, n + more, geometry, np.random.default_rng(5))
    values = sanitized(sanitizer, geometry, pixels, which, SEED)
    labels = which if labelled else None
    return Subject(
        sanitizer, geometry, values[:n], pixels[:n], labels[:n] if labelled else None,
        np.arange(n), values[n:], which[n:],
    )  # fmt: skip


def stage(*, options=None, **asked):
    return Stage.of(subject(**asked), options or Options(mode="quick"))
