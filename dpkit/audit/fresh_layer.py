"""A layer made for a control: the release's geometry and blocks, a fresh key, random kernels.

Attacks on C^ac have no weaker key to be tried on: the layer is the break. Where one does not
succeed on the layer that was handed over, it is tried on this one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from dpkit.audit.subject import sanitized
from dpkit.augconv import plan_augconv, shuffled, ungrouped, whole_matrix
from dpkit.sanitizers.forms import inverses
from dpkit.types import AugConv, Blocks

if TYPE_CHECKING:
    from dpkit.audit.subject import Subject
    from dpkit.sanitizers.morph import Morph
    from dpkit.types import FirstConv, Secret


def released_under_key(subject: Subject, seed: Secret) -> Subject:
    """Return photographs that are not yet released, released under the key of a seed."""
    labels = np.zeros(len(subject), np.int64)
    values = sanitized(subject.sanitizer, subject.geometry, subject.originals, labels, seed)
    return replace(subject, values=values)


def with_fresh_layer(subject: Subject, like: AugConv, conv: FirstConv, seed: Secret) -> Subject:
    """Return a subject that was released under the key of a seed, with C^ac for random kernels.

    Parameters
    ----------
    like, conv
        The layers whose geometry and type are taken; no weight of theirs is.
    """
    morph = cast("Morph", subject.sanitizer)
    key = morph.fit(subject.geometry, seed)
    first = _random_kernels(conv)
    order = np.random.default_rng(len(subject)).permutation(first.maps)
    made = shuffled(ungrouped(first), order)
    plan = plan_augconv(made, like.blocks, like.kappa, is_distinct=morph.cores == "distinct")
    opened = inverses(key, is_orthogonal=morph.core == "orthogonal")
    dtype = like.matrices[0].dtype
    matrices = tuple(whole_matrix(plan, i, opened).astype(dtype) for i in range(len(plan.reaches)))
    layer = AugConv(
        matrices, plan.matrix_of, plan.windows, made.bias, cast("Blocks", morph.blocks),
        first.input_shape, first.output_shape, "control", {},
    )  # fmt: skip
    return replace(subject, augconv=layer, first_conv=first)


def _random_kernels(conv: FirstConv) -> FirstConv:
    """Return the layer with the kernels of He and others at the beginning of a training."""
    rng = np.random.default_rng(conv.weight.size)
    spread = np.sqrt(2 / np.prod(conv.weight.shape[1:]))
    weight = (spread * rng.standard_normal(conv.weight.shape)).astype(np.float32)
    return replace(conv, weight=weight, bias=None)
