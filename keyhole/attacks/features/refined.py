"""Refined attacks and ladders, white box: a learned network's latent is where the optimiser starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Self

import torch
from torch import Tensor

from keyhole.attacks.base import Access, BlackBox, Budget, Estimate, Observation, RunSettings, WhiteBox
from keyhole.attacks.entry import TOGETHER, Rung, RungOutline
from keyhole.attacks.features.black_box import BlackBoxAttack
from keyhole.attacks.features.denoising import latent_attack
from keyhole.attacks.features.guided import Guided, GuidedRecipe
from keyhole.attacks.features.objective import OptimiserSettings
from keyhole.attacks.features.own_head import feature_distances
from keyhole.attacks.features.trained_recipe import TRAINING_STEPS, TrainedRecipe
from keyhole.attacks.features.white_box import OwnOracle, WhiteBoxAttack
from keyhole.attacks.preparation import Preparation
from keyhole.attacks.white_recipe import WhiteBoxRecipe
from keyhole.defences import randomness
from keyhole.generators.base import LatentCoordinates

REFINING = 0.6
"""Share of a frame's time that goes to the latent, where a sampler follows."""


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
    inverter: BlackBoxAttack
    generator: LatentCoordinates
    optimiser: WhiteBoxAttack
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

    def prepare(self) -> Preparation | None:
        """What the network's training took, which ended when the context was entered, or goes on beside the frames."""
        return self.inverter.spent

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
        return _Judged(pictures, feature_distances(self.known, pictures, frames))


@dataclass(frozen=True)
class _Judged:
    """Pictures with the distances of their features from the frames'."""

    pictures: Tensor
    distances: Tensor

    @property
    def loss(self) -> float:
        return float(self.distances.mean())

    def or_nearer(self, other: _Judged) -> _Judged:
        """For each picture, the version whose features match better."""
        nearer = other.distances < self.distances
        pictures = torch.where(nearer[:, None, None, None], other.pictures, self.pictures)
        return _Judged(pictures, torch.minimum(self.distances, other.distances))


@dataclass(frozen=True)
class RefinedRecipe(WhiteBoxRecipe):
    """Start from a network's latent.

    Attributes:
        first: the network, and its training.
        settings: of the optimiser that refines the latent.
        generator: in whose coordinates it is refined, from what is known.
        denoised: whether a diffusion model holds it among latents of pictures meanwhile.
        last: that samples from there, with a budget of its own; None: nothing.
    """

    first: TrainedRecipe
    settings: OptimiserSettings
    generator: Callable[[WhiteBox], LatentCoordinates]
    denoised: bool = False
    last: GuidedRecipe | None = None

    @property
    def prepares(self) -> int:
        """Steps of the network's training."""
        return TRAINING_STEPS

    @property
    def describes(self) -> bool:
        """Whether the network does."""
        return self.first.describes

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.settings.iterations

    @property
    def samples(self) -> bool:
        """Whether a sampler comes last."""
        return self.last is not None

    def make(self, known: WhiteBox, run: RunSettings) -> Refined:
        """The network, the optimiser and the sampler."""
        black = BlackBox(
            OwnOracle(known, randomness(run.seed, "adversary")),
            known.public(),
            known.size,
            known.prior,
            known.device,
            described=known.described,
        )
        return self.refine(known, run, self.first.make(black, _without_losses(run)))

    def refine(self, known: WhiteBox, run: RunSettings, inverter: BlackBoxAttack) -> Refined:
        """Optimiser and sampler on what a network makes."""
        sampler = None
        if self.last is not None:
            budget = dataclasses.replace(run.budget, iterations=self.last.iterations)
            sampler = self.last.make(known, dataclasses.replace(_without_losses(run), budget=budget))
        generator = self.generator(known)
        optimiser = latent_attack(known, generator, self.settings, run, denoised=self.denoised)
        return Refined(known, inverter, generator, optimiser, sampler, run.training)


@dataclass(frozen=True)
class LadderRecipe:
    """Two attacks that share a network. On the rung *amortised*, black box, it answers every frame as it comes. On the
    rung *refined*, white box, its latent of the newest frame is the start of an optimiser, until that is done or its
    time is up; then comes the frame that is the newest by then. The network learns from the oracle all the while.

    Attributes:
        refined: the network, and what refines its latent.
    """

    refined: RefinedRecipe
    learns: ClassVar[bool] = False

    def steps(self, queries: int | None = None) -> int:
        """Steps of the optimiser for one frame, unless the clock ends them."""
        return self.refined.steps(queries)

    def outline(self, queries: int | None = None) -> tuple[RungOutline, ...]:
        """The network's rung and the optimiser's."""
        return (
            RungOutline("amortised", "black box", self.refined.first.steps(queries)),
            RungOutline("refined", "white box"),
        )

    def rungs(self, access: Access, run: Callable[[str], RunSettings], stack: ExitStack) -> tuple[Rung, ...]:
        """Both rungs, ready for frames until the stack closes.

        Raises:
            UsageError: no prior.
        """
        quick, thorough = run("amortised"), run("refined")
        inverter = stack.enter_context(self.refined.first.make(access.black(), quick))
        refined = self.refined.refine(access.white(), thorough, inverter)
        return (
            Rung("amortised", "black box", inverter, together=TOGETHER),
            Rung("refined", "white box", refined, waiting=1),
        )


def _without_losses(run: RunSettings) -> RunSettings:
    """The loss of a refined attack is that of its optimiser. Its network is asked of a head at hand, without a codec,
    and none that was trained on an oracle's answers is looked for."""
    return dataclasses.replace(run, watch=dataclasses.replace(run.watch, noted=_unnoted), trained=lambda _: None)


def _unnoted(_loss: float) -> None:
    """A callback that drops the loss."""
