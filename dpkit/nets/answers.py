"""What a network says of images, as probabilities; an answer that is none is refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dpkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AXES: Final = 2  # images, classes


def probabilities_of(logits: Any) -> NDArray[np.float64]:
    """Return the probabilities [n,classes] of a network's logits.

    Raises
    ------
    UsageError
        They are no tensor [n,classes] of one class or more, or give a probability that is no
        number: one is NaN or +∞, or all of an image are -∞.
    """
    is_tensor = isinstance(logits, torch.Tensor)
    if not is_tensor or logits.ndim != _AXES or not logits.shape[1]:
        found = list(logits.shape) if is_tensor else f"a {type(logits).__name__}"
        raise UsageError(
            f"the network answers with {found}, and not with logits [images,classes]",
            remedy="give a classifier's weights",
        )
    found = logits.detach().double().softmax(dim=1).numpy()
    if not np.isfinite(found).all():
        raise UsageError(
            "the network's answer is no number: a logit is infinite or not defined",
            remedy="see --normalize and the weights; give --dtype float32 where it is float16",
        )
    return np.asarray(found)
