"""How sure a network stays of an image whose feature maps are sampled and held.

    symbol    here           meaning                                             paper
    n         window         samples of a window                                 Algorithm 1
    IFM       maps           what a layer is given, one stream of samples        section 3
    γ         degree         the probability falls to 2^−γ of its value or less  Eq. 6
              probability    of the original class: the one that the network     Figs. 2, 4, 5
                             gives to the image as it is
    eff_san   effectiveness  share of windows that reach the degree              see below

Chun, Hong, Huh and Kang, "Controlling the privacy loss with the input feature maps of the layers
in convolutional neural networks" (2018). γ is a degree of sanitization that is measured on given
images; it bounds nothing for others.

The paper's Eq. 8 was not at hand when this was written. What is computed: a window *reaches* the
degree for an image where the probability is at most 2^−γ times what it is without sanitization;
the effectiveness of a layer is the share of pairs of an image and a window above 1 that do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from dpkit.errors import UsageError
from dpkit.kernels.hold import hold
from dpkit.nets.answers import probabilities_of
from dpkit.nets.cut import Cut, layer_names, logits_through, one_thread
from dpkit.sanitizers.hold_rules import LEAST_DEGREE
from dpkit.sweep.said import Judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from dpkit.sweep.said import Said
    from dpkit.sweep.sample import Sample
    from dpkit.types.voice import Voice

    Steps = tuple[tuple[str, int], ...]

AT_ONCE: Final = 64  # images; the results do not depend on it but for the last bits


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """What is swept: layers by windows, and cascades of (layer, window) in the network's order.

    Raises
    ------
    UsageError
        Nothing is to be swept, a window is below 1, or a degree is below 0.01.
    """

    layers: tuple[str, ...]
    windows: tuple[int, ...]
    cascades: tuple[Steps, ...] = ()
    degree: float = 1.0

    def __post_init__(self) -> None:
        if not self.layers or not self.windows:
            raise UsageError("a sweep needs layers and windows", remedy="such as 1,2,4,8")
        least = min((*self.windows, *(n for steps in self.cascades for _, n in steps)))
        if least < 1:
            raise UsageError(f"a window of {least} holds no sample", remedy="give 1 or more")
        if not LEAST_DEGREE <= self.degree < math.inf:
            raise UsageError(f"degree {self.degree} is not {LEAST_DEGREE:g} or more")


@dataclass(frozen=True, slots=True)
class HeldLayer:
    """One layer: shape [c,h,w] of its maps, share of zeros in them, and a result a window."""

    layer: str
    shape: tuple[int, ...]
    zeros: float
    windows: Mapping[int, Said]
    effectiveness: float | None  # None without a window above 1

    @property
    def samples(self) -> int:
        """Length of the stream; a longer window is the whole of it."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class HeldCascade:
    """Several layers held in one pass, and each of them alone."""

    steps: Steps
    together: Said
    alone: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class HoldSweep:
    """All results, beside what the network says of the images as they are."""

    images: int
    labelled: int
    degree: float
    plain: Said
    layers: tuple[HeldLayer, ...]
    cascades: tuple[HeldCascade, ...]


def sweep_hold(
    network: nn.Module, sample: Sample, classes: tuple[str, ...], plan: HoldPlan, voice: Voice
) -> HoldSweep:
    """Run the network on every image under every setting of the plan.

    Parameters
    ----------
    network
        As `nets.named.build_network` makes it.
    classes
        What the network calls its outputs, in order; () where nobody says.

    Raises
    ------
    UsageError
        A layer does not exist or does not run once, the network cannot take the images, or an
        answer is no number.
    """
    try:
        _check_order(network, plan)
        with one_thread():
            return _swept(network, sample, classes, plan, voice)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _check_order(network: nn.Module, plan: HoldPlan) -> None:
    for layer in (*plan.layers, *(name for steps in plan.cascades for name, _ in steps)):
        Cut(network, layer)
    order = {name: i for i, name in enumerate(layer_names(network))}
    for steps in plan.cascades:
        names = [name for name, _ in steps]
        places = [order.get(name, 0) for name in names]
        is_ordered = places == sorted(places) or not set(names) <= order.keys()
        if len(set(names)) < len(names) or not is_ordered:
            raise ValueError(f"a cascade names each layer once, in order: {', '.join(names)}")


def _swept(
    network: nn.Module, sample: Sample, classes: tuple[str, ...], plan: HoldPlan, voice: Voice
) -> HoldSweep:
    settings = _settings(plan)
    asked = {setting: _Asked() for setting in settings}
    maps = {layer: _Maps() for layer in plan.layers}
    starts = range(0, len(sample), AT_ONCE)
    for number, start in enumerate(starts):
        part = sample.images[start : start + AT_ONCE]
        told = partial(_tell, voice, number * len(settings), len(starts) * len(settings))
        _ask(network, part, asked, maps, told)
    plain = asked[()].joined()
    labels = sample.labels(classes, plain.shape[1])
    judge = Judge(plain, labels, plan.degree)
    said = {setting: judge.said(answers.joined()) for setting, answers in asked.items()}
    return HoldSweep(
        images=len(sample),
        labelled=int(np.count_nonzero(labels >= 0)),
        degree=plan.degree,
        plain=said[()],
        layers=tuple(_layer(layer, maps[layer], plan.windows, said) for layer in plan.layers),
        cascades=tuple(
            HeldCascade(steps, said[steps], tuple(said[(step,)] for step in steps))
            for steps in plan.cascades
        ),
    )


def _settings(plan: HoldPlan) -> list[Steps]:
    """Return every setting once: no layer, each layer and window, the cascades and their parts."""
    single: list[Steps] = [((layer, n),) for layer in plan.layers for n in plan.windows]
    parts: list[Steps] = [(step,) for steps in plan.cascades for step in steps]
    return list(dict.fromkeys([(), *single, *parts, *plan.cascades]))


class _Asked:
    """Logits under one setting, batch after batch."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float64]] = []

    def add(self, logits: Tensor) -> None:
        self._parts.append(probabilities_of(logits))

    def joined(self) -> NDArray[np.float64]:
        """Return probabilities [n,classes]."""
        return np.concatenate(self._parts)


class _Maps:
    """Shape and zeros of a layer's maps, batch after batch."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self._zeros, self._samples = 0, 0

    def add(self, maps: Tensor) -> None:
        self.shape = tuple(maps.shape[1:])
        self._zeros += int((maps == 0).sum())
        self._samples += maps.numel()

    @property
    def zeros(self) -> float:
        """Their share."""
        return self._zeros / self._samples


def _tell(voice: Voice, before: int, total: int, done: int) -> None:
    voice.progress("sweeping: runs", before + done, total)


def _ask(
    network: nn.Module,
    part: NDArray[np.float32],
    asked: Mapping[Steps, _Asked],
    maps: Mapping[str, _Maps],
    told: Callable[[int], None],
) -> None:
    """Run some images under every setting; `told` hears how many are done."""
    batch = torch.from_numpy(part)
    with torch.no_grad():
        for layer, seen in maps.items():
            seen.add(Cut(network, layer).maps(batch))
        for done, (steps, answers) in enumerate(asked.items(), start=1):
            replaces = {layer: holding(window) for layer, window in steps}
            answers.add(logits_through(network, batch, replaces))
            told(done)


def holding(window: int) -> Callable[[Tensor], Tensor]:
    """Return the function that holds maps [n,…] float32, each image one stream in C order.

    Of maps [n,c,h,w] that is the paper's order: along the width, down the height, then by channel.
    """

    def held(maps: Tensor) -> Tensor:
        samples: NDArray[Any] = maps.detach().contiguous().numpy()
        out = maps.new_empty(maps.shape)
        hold(samples, window, out.numpy())
        return out

    return held


def _layer(
    layer: str, maps: _Maps, windows: tuple[int, ...], said: Mapping[Steps, Said]
) -> HeldLayer:
    results = {window: said[((layer, window),)] for window in windows}
    above = [result.reached for window, result in results.items() if window > 1]
    return HeldLayer(
        layer, maps.shape, maps.zeros, results, float(np.mean(above)) if above else None
    )
