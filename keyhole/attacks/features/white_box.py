"""The white-box attack: a generator's variable is optimised until its picture has the frame's features."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from keyhole.attacks.base import (
    UNWATCHED,
    Budget,
    Estimate,
    MismatchError,
    Observation,
    RunSettings,
    Watch,
    WhiteBox,
)
from keyhole.attacks.features.objective import OptimiserSettings, relative_distance
from keyhole.attacks.features.own_head import head_features, observed_of
from keyhole.attacks.features.relaxed import RelaxedHead
from keyhole.attacks.white_recipe import WhiteBoxRecipe
from keyhole.generators.base import Generator
from keyhole.sizes import height_width

TOLERANCE = 0.01
"""Share by which a distance must fall to count as better."""


class Regulariser(Protocol):
    """A term that the optimiser minimises besides those of its settings."""

    @property
    def passes(self) -> int:
        """U-Net passes that a call spends on each picture."""
        ...

    def __call__(self, variable: Tensor, progress: float, random: torch.Generator) -> Tensor:
        """One number per picture.

        Args:
            variable: of the generator.
            progress: share of the budget that is spent, 0 … 1.
            random: source of random numbers.
        """
        ...


@dataclass(frozen=True)
class WhiteBoxAttack:
    """The attack of Algorithm 1 (feature-inversion paper) for any generator; Eq. 4 and 6.

    Attributes:
        known: the head and its preprocessing.
        generator: D.
        settings: the hyper-parameters.
        budget: per call; the settings' iterations where it has more.
        seed: of the start, and of what the regulariser draws.
        watch: what is told on the way.
        regulariser: of the variable; None: the settings' smoothness alone.
        clip: frames of a clip, where the settings couple them.
    """

    known: WhiteBox
    generator: Generator
    settings: OptimiserSettings
    budget: Budget
    seed: int = 0
    watch: Watch = UNWATCHED
    regulariser: Regulariser | None = None
    clip: int = 1

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """Optimise the frames' pictures together, each by itself: no number of one enters another's, unless the
        settings couple the frames of a clip.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        return self.refine(frames, self.generator.start(len(frames), torch.Generator().manual_seed(self.seed)))

    def refine(self, frames: Sequence[Observation], start: Tensor) -> Iterator[Estimate]:
        """`reconstruct` from given variables of the generator, one for each frame.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        # Algorithm 1, input: the frame's features z, the head F₁, λ_s; v⁰ is the start
        settings, budget, watch = self.settings, self._limits, self.watch
        observed, head = observed_of(frames, self.known.device), RelaxedHead(self.known.head)
        variable = start.to(self.known.device).clone().requires_grad_(True)
        plateau, random = Plateau(settings.patience), torch.Generator().manual_seed(self.seed)
        coupled = settings.coupling(self.clip) if settings.coupling else None
        unexplained = self.known.defence.unexplained(observed)
        weight = settings.weight(
            3 * math.prod(height_width(self.known.size)), sum(tensor[0].numel() for tensor in observed)
        )
        adam = torch.optim.Adam(
            [variable], settings.learning_rate, settings.betas, settings.epsilon, amsgrad=settings.amsgrad
        )

        shown = 0
        started = reported = watch.clock()
        for iteration in range(1, budget.iterations + 1):
            progress = budget.progress(iteration - 1, watch.clock() - started)
            head.relax(settings.relaxation(progress))
            adam.param_groups[0]["lr"] = (
                settings.learning_rate * settings.rate(progress) * _ramp(iteration, settings.warm_up)
            )
            # Algorithm 1, x = D(v) and its features F₁(x)
            pictures = self.generator(variable)
            features = head(self.known.normalise(pictures))
            same_shapes(features, observed)
            # Eq. 6: L_re(F₁(x), z) + λ_s·R(x), here of what the defence leaves to compare, and a regulariser's term
            ours, theirs = self.known.defence.comparable(features, observed)
            losses = settings.scale(settings.distance(ours, theirs), unexplained)
            losses = losses + weight * settings.smoothness(pictures)
            if self.regulariser is not None:
                losses = losses + self.regulariser(variable, progress, random)
            if coupled is not None:
                losses = losses + coupled(variable, pictures, progress)
            # Algorithm 1, v ← v − η·∇ by Adam
            (variable.grad,) = torch.autograd.grad(losses.sum(), variable)
            adam.step()
            loss = float(losses.detach().mean())
            watch.noted(loss)
            watch.stepped()

            # Algorithm 1, output: D(v) when the budget ends; beyond the paper on the way too, and early at a plateau
            now = watch.clock()
            final = iteration == budget.iterations or now - started >= budget.seconds
            if settings.patience and plateau(relative_distance([tensor.detach() for tensor in ours], theirs)):
                final = True
            if final or now - reported >= watch.interval:
                with torch.no_grad():
                    current = self.generator(variable).clamp(0, 1).cpu()
                shown += 1
                passes = (iteration + shown) * self.generator.passes + iteration * self._regularising
                yield Estimate(current, iteration, now - started, loss, final, passes)
                reported = now
            if final:
                return

    @property
    def _regularising(self) -> int:
        return 0 if self.regulariser is None else self.regulariser.passes

    @property
    def _limits(self) -> Budget:
        return dataclasses.replace(self.budget, iterations=min(self.budget.iterations, self.settings.iterations))


def _ramp(iteration: int, warm_up: int) -> float:
    return min(1.0, iteration / warm_up) if warm_up else 1.0


def same_shapes(features: Sequence[Tensor], observed: Sequence[Tensor]) -> None:
    """Check that features can be compared.

    Raises:
        MismatchError: they cannot.
    """
    ours, theirs = ([tuple(tensor.shape[1:]) for tensor in tensors] for tensors in (features, observed))
    if ours != theirs:
        raise MismatchError(
            f"expected frames of shape {ours}, which the head makes, got {theirs}: another cut or size?"
        )


@dataclass(frozen=True)
class OptimisedRecipe(WhiteBoxRecipe):
    """Optimise a generator's variable.

    Attributes:
        settings: the hyper-parameters.
        generator: what is optimised, from what is known and the steps of a sampler.
        samples: whether a sampler makes its pictures.
        told: term that is minimised besides where the prior is told a text.
    """

    settings: OptimiserSettings
    generator: Callable[[WhiteBox, int], Generator]
    samples: bool = False
    told: Regulariser | None = None

    @property
    def iterations(self) -> int:
        """Steps of the optimiser."""
        return self.settings.iterations

    def make(self, known: WhiteBox, run: RunSettings) -> WhiteBoxAttack:
        """The optimiser."""
        generator = self.generator(known, run.sampling_steps or self.settings.sampling_steps)
        attack = white_box_attack(known, generator, self.settings, run)
        if self.told is None or known.prior().denoiser.told is None:
            return attack
        return dataclasses.replace(attack, regulariser=self.told)


def white_box_attack(
    known: WhiteBox, generator: Generator, settings: OptimiserSettings, run: RunSettings
) -> WhiteBoxAttack:
    """The attack as a run has it: its budget, seed and watch, and its patience where one is given."""
    patient = settings if run.patience is None else dataclasses.replace(settings, patience=run.patience)
    return WhiteBoxAttack(known, generator, patient, run.budget, run.seed, run.watch, clip=run.clip)


class Plateau:
    """Early stopping: tells when no picture's features have come nearer for a while.

    Args:
        patience: calls without a better distance; None: never.
    """

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._best: Tensor | None = None
        self._waited: Tensor | None = None

    def __call__(self, distances: Tensor) -> bool:
        """Whether every picture has waited long enough; ``distances`` are positive, one for each."""
        if self._patience is None:
            return False
        if self._best is None or self._waited is None:
            self._best, self._waited = distances, torch.zeros_like(distances)
            return False
        better = distances < (1 - TOLERANCE) * self._best
        self._best = torch.where(better, distances, self._best)
        self._waited = torch.where(better, 0.0, self._waited + 1)
        return bool((self._waited >= self._patience).all())


@dataclass(frozen=True)
class OwnOracle:
    """An oracle made of the known head and defence.

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
