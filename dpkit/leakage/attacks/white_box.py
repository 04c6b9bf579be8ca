"""Pictures whose values come nearest to the released ones, where the network is known.

The search is `leakage.inversion`'s. It starts from the mean of the adversary's own pictures, then,
where time is left, from drawn ones; each picture keeps the start of least misfit. It converged
where every picture that was kept comes from a start that took all its steps. The weight of
smoothness is the one of a short grid that serves some of its own pictures best; without any, a
usual one. Nothing is trained, so no pair is needed.

Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them" (2015); He,
Zhang and Lee, "Model Inversion Attacks Against Collaborative Inference" (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from dpkit.errors import UsageError
from dpkit.leakage.attacks.attack import FEATURES, Attack, Effort, Stopwatch, finite
from dpkit.leakage.attacks.examples import grey_levels
from dpkit.types.adversary import Reconstruction

if TYPE_CHECKING:
    from torch import Tensor

    from dpkit.leakage.inversion import Found, Network
    from dpkit.types.adversary import AdversaryView

WEIGHTS: Final = (0.003, 0.03, 0.3)
USUAL_WEIGHT: Final = 0.03
ASKED: Final = 8  # of its own pictures, to choose the weight with
FOR_WEIGHT: Final = 0.1  # of the time, for each weight at the most
STEPS: Final = {True: 600, False: 150}  # full and quick
STARTS: Final = {True: 3, False: 1}
SPREAD: Final = 0.2  # of a drawn start about the mean picture
AT_ONCE: Final = 32  # pictures
LEAST_VARIANCE: Final = 1e-12


def no_encoder(view: AdversaryView) -> str:
    """Say that the network is not known; empty where it is."""
    return "" if view.encoder else "the network that made the values is not known"


def run(view: AdversaryView, effort: Effort) -> Reconstruction:
    """Choose the weight, then search the targets' pictures from several starts."""
    watch, search = Stopwatch(), _Search.of(view, effort)
    weight = search.best_weight(view)
    found, starts = search.pictures(view, weight)
    misfit = float(found.misfits.mean())
    end = "ended" if found.is_complete else "was cut by the budget, so a lower bound"
    return Reconstruction(
        "white-box",
        grey_levels(view, found.pictures.numpy()),
        {
            "misfit": misfit,
            "weight": weight,
            "starts": float(starts),
            "converged": float(found.is_complete),
        },
        watch.seconds,
        f"The search over the pixels {end}; {100 * misfit:.2g} % of the values' variance is "
        f"left unmet, from the best of {starts} starts.",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """The network, the first guess [c,h,w] of 0 to 1, and the time."""

    network: Network
    mean: Tensor
    effort: Effort

    @classmethod
    def of(cls, view: AdversaryView, effort: Effort) -> _Search:
        import torch  # noqa: PLC0415 (slow, and the table is imported by the command line)

        from dpkit.leakage.inversion import Network  # noqa: PLC0415 (same)

        if view.encoder is None:
            raise UsageError(no_encoder(view))
        variance = float(finite("released values", view.values).astype(np.float64).var())
        network = Network(view.encoder, max(variance, LEAST_VARIANCE))
        side = view.geometry
        mean = torch.full((side.channels, side.height, side.width), 0.5)
        return cls(network, mean if view.public is None else _own(view).mean(dim=0), effort)

    def best_weight(self, view: AdversaryView) -> float:
        """Return the weight that gives some of the adversary's own pictures back best."""
        import torch  # noqa: PLC0415 (slow, and the table is imported by the command line)

        if view.public is None or not view.encoder:
            return USUAL_WEIGHT
        own = _own(view)[:ASKED]
        with torch.no_grad():
            values = self.network.encoder(own)
        time = FOR_WEIGHT * self.effort.left
        errors = {}
        for weight in WEIGHTS:
            part = Effort(time, self.effort.seed, self.effort.is_full)
            found = self._from(self.mean.expand_as(own), values, weight, part)
            errors[weight] = float(((found.pictures - own) ** 2).mean())
        return min(errors, key=errors.__getitem__)

    def pictures(self, view: AdversaryView, weight: float) -> tuple[Found, int]:
        """Return the best of all starts, and how many there were."""
        import torch  # noqa: PLC0415 (slow, and the table is imported by the command line)

        generator = torch.Generator().manual_seed(self.effort.seed)
        values = torch.from_numpy(view.targets.astype(np.float32))
        start = self.mean.expand(len(values), *self.mean.shape)
        before = self.effort.left
        best, starts = self._all(start, values, weight), 1
        for _ in range(STARTS[self.effort.is_full] - 1):
            if self.effort.left < (before - self.effort.left) / starts:
                break
            drawn = SPREAD * torch.randn(start.shape, generator=generator)
            best = best.or_better(self._all((start + drawn).clamp(0, 1), values, weight))
            starts += 1
        return best, starts

    def _all(self, start: Tensor, values: Tensor, weight: float) -> Found:
        """Search all pictures from one start, a batch at a time, each with its share of time."""
        import torch  # noqa: PLC0415 (slow, and the table is imported by the command line)

        from dpkit.leakage.inversion import Found  # noqa: PLC0415 (same)

        batches = list(zip(torch.split(start, AT_ONCE), torch.split(values, AT_ONCE), strict=True))
        parts = []
        for left, (first, wanted) in zip(range(len(batches), 0, -1), batches, strict=True):
            self.effort.check()
            share = Effort(self.effort.left / left, self.effort.seed, self.effort.is_full)
            parts.append(self._from(first, wanted, weight, share))
        return Found(
            torch.cat([part.pictures for part in parts]),
            torch.cat([part.misfits for part in parts]),
            torch.cat([part.ended for part in parts]),
        )

    def _from(self, start: Tensor, values: Tensor, weight: float, effort: Effort) -> Found:
        from dpkit.leakage.inversion import inverted  # noqa: PLC0415 (imports torch, slow)

        steps = STEPS[effort.is_full]
        return inverted(self.network, values, start, weight=weight, steps=steps, effort=effort)


def _own(view: AdversaryView) -> Tensor:
    """Return the adversary's own pictures, float32 [p,c,h,w] of 0 to 1."""
    import torch  # noqa: PLC0415 (slow, and the table is imported by the command line)

    if view.public is None:
        raise UsageError("the view has no public pictures")
    planes = np.moveaxis(view.public.pixels, -1, 1).astype(np.float32) / view.geometry.peak
    return torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))


ATTACK: Final = Attack(
    name="white-box",
    title="Pictures by a search through the network",
    rung="A2",
    needs="the network that made the values: public, or for learned sanitizers the key",
    sanitizers=FEATURES,
    run=run,
    unfit=no_encoder,
    also=("A8",),
    is_trained=True,
)
