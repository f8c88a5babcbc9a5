"""White box from a learned start: a network's latent, refined through the decoder, diffused at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from keyhole.attacks.base import Budget, Estimate, Observation
from keyhole.attacks.features.black_box import Inverter
from keyhole.attacks.features.guided import Guided
from keyhole.attacks.features.objective import relative_distance
from keyhole.attacks.features.white_box import Optimiser, observed_of
from keyhole.attacks.knowledge import WhiteBox
from keyhole.generators.base import LatentCoordinates
from keyhole.partition import features_of

REFINING = 0.6
"""Share of a frame's time that goes to the latent, where a sampler follows."""


@dataclass(frozen=True)
class OwnOracle:
    """The known head and defence, asked like an oracle.

    Attributes:
        known: both.
        generator: the attacker's own random numbers.
    """

    known: WhiteBox
    generator: torch.Generator

    def query(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Protected features of RGB pictures in [0, 1], N×3×H×W."""
        features = tuple(tensor.cpu() for tensor in head_features(self.known, pictures))
        return self.known.defence.protect(features, self.generator)


@dataclass(frozen=True)
class Refined:
    """The network's latent is the start of the optimiser, and its picture that of guided sampling. Of what the stages
    make of a picture, that is kept whose features match best.

    Attributes:
        known: the head.
        inverter: of the head's answers about public pictures, through latents; trains while the context is open.
        generator: whose variable is the latent in the optimiser's coordinates.
        optimiser: of that variable.
        sampler: led from there; None: it ends with the latent.
        training: steps before the first frame; None: it trains beside the frames for as long as the context is open.
    """

    known: WhiteBox
    inverter: Inverter
    generator: LatentCoordinates
    optimiser: Optimiser
    sampler: Guided | None = None
    training: int | None = None

    def __enter__(self) -> Self:
        if self.training is None:
            self.inverter.__enter__()
        else:
            self.inverter.train(self.training)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.training is None:
            self.inverter.__exit__(kind, error, trace)

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """Refine the network's estimates; iterations and passes go on from stage to stage.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        clock = self.optimiser.watch.clock
        started = clock()
        start = self.inverter.latents(frames)
        if start is None:
            return
        with torch.no_grad():
            pictures = self.generator.decode(start.clone()).clamp(0, 1).cpu()
        best = self._judged(frames, pictures)
        iteration, passes = 0, self.inverter.passes
        yield Estimate(best.pictures, iteration, clock() - started, best.loss, final=False, passes=passes)
        for stage in (self._optimised, self._sampled):
            stage_iteration = stage_passes = 0
            for one in stage(frames, start, best.pictures, started):
                stage_iteration, stage_passes, pictures = one.iteration, one.passes, one.pictures
                at, spent = iteration + one.iteration, passes + one.passes
                if not one.final:
                    yield Estimate(one.pictures, at, clock() - started, one.loss, final=False, passes=spent)
            best = best.or_nearer(self._judged(frames, pictures))
            iteration, passes = iteration + stage_iteration, passes + stage_passes
        yield Estimate(best.pictures, iteration, clock() - started, best.loss, final=True, passes=passes)

    def _optimised(
        self, frames: Sequence[Observation], start: Tensor, _pictures: Tensor, started: float
    ) -> Iterator[Estimate]:
        budget = self._left(self.optimiser.budget, started, 1.0 if self.sampler is None else REFINING)
        return dataclasses.replace(self.optimiser, budget=budget).refine(frames, self.generator.variable(start.clone()))

    def _sampled(
        self, frames: Sequence[Observation], _start: Tensor, pictures: Tensor, started: float
    ) -> Iterator[Estimate]:
        if self.sampler is None:
            return iter(())
        sampler = dataclasses.replace(self.sampler, budget=self._left(self.sampler.budget, started))
        with torch.no_grad():
            latents = sampler.generator.encode(pictures.to(self.known.device))
        return sampler.refine(frames, latents)

    def _left(self, budget: Budget, started: float, share: float = 1.0) -> Budget:
        spent = self.optimiser.watch.clock() - started
        return dataclasses.replace(budget, seconds=max(1e-3, share * (budget.seconds - spent)))

    def _judged(self, frames: Sequence[Observation], pictures: Tensor) -> _Judged:
        observed = observed_of(frames, self.known.device)
        compared = self.known.defence.comparable(head_features(self.known, pictures), observed)
        return _Judged(pictures, relative_distance(*compared).cpu())


def head_features(known: WhiteBox, pictures: Tensor) -> tuple[Tensor, ...]:
    """What the head makes of RGB pictures in [0, 1], N×3×H×W, before the defence; on the device."""
    with torch.no_grad():
        return features_of(known.head, known.normalise, pictures.to(known.device))


@dataclass(frozen=True)
class _Judged:
    """Pictures with the distances of their features from the frames'."""

    pictures: Tensor
    distances: Tensor

    @property
    def loss(self) -> float:
        return float(self.distances.mean())

    def or_nearer(self, other: _Judged) -> _Judged:
        """Of each picture the one that matches better."""
        nearer = other.distances < self.distances
        pictures = torch.where(nearer[:, None, None, None], other.pictures, self.pictures)
        return _Judged(pictures, torch.minimum(self.distances, other.distances))
