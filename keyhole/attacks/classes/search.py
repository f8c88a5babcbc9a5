"""The optimisation that all attacks on a classifier's classes share: a variable, a generator, objectives in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from keyhole.attacks.base import Estimate, RunSettings
from keyhole.attacks.classes.base import Answer, Wanted
from keyhole.attacks.classes.losses import LossFunction
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.views import PLAIN, AugmentedViews
from keyhole.nn.device import CPU


class ClassGenerator(Protocol):
    """Turns a variable into pictures of classes, differentiably."""

    def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:
        """A first variable for N pictures; dimension 0 is the batch."""
        ...

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:
        """Pictures N×3×H×W of a variable; values may leave [0, 1] slightly.

        Args:
            variable: N×….
            labels: N integers, for a generator that is conditional on the class.
            random: for one that draws, as from a distribution that the variable describes.
        """
        ...


class Moment:
    """What an objective is computed from; pictures are made once, and only for those that look at them.

    Args:
        variable: N×…, with gradient.
        labels: N integers.
        make: the generator, for these labels and random numbers.
        progress: share of the steps that are done, 0 … 1.
        random: of each picture.
    """

    def __init__(
        self,
        variable: Tensor,
        labels: Tensor,
        make: Callable[[Tensor], Tensor],
        progress: float,
        random: PictureRandom,
    ) -> None:
        self.variable, self.labels, self.progress, self.random = variable, labels, progress, random
        self._make = make

    @cached_property
    def pictures(self) -> Tensor:
        """N×3×H×W."""
        return self._make(self.variable)


Term = Callable[[Moment], Tensor]
"""A loss of each of N pictures at a moment."""


@dataclass(frozen=True)
class ClassTerm:
    """The class loss, averaged over augmented views.

    Attributes:
        classify: pictures in [0, 1] to answers.
        loss: of answers and labels, see `keyhole.attacks.classes.losses.ClassLoss.ready`.
        views: of each picture.
        weight: of the loss.
    """

    classify: Callable[[Tensor], Answer]
    loss: LossFunction
    views: AugmentedViews = PLAIN
    weight: float = 1.0

    def __call__(self, moment: Moment) -> Tensor:
        """N values."""
        shown = self.views(moment.pictures, moment.random)
        losses = [self.loss(self.classify(view), moment.labels) for view in shown]
        return self.weight * torch.stack(losses).mean(dim=0)


@dataclass(frozen=True)
class GaussianTerm:
    """Half the squared length of the variable: −log of a standard normal density, but for a constant.

    Attributes:
        weight: λ.
    """

    weight: float

    def __call__(self, moment: Moment) -> Tensor:
        """N values."""
        return self.weight * moment.variable.square().flatten(1).sum(dim=1) / 2


@dataclass(frozen=True)
class Optimiser:
    """A first-order optimiser and its course.

    Attributes:
        kind: one of `OPTIMISERS`.
        rate: learning rate.
        settings: of the optimiser besides, as torch's class takes them.
        schedule: factor of the rate by the share of the steps that are done, 0 … 1.
    """

    kind: str = "adam"
    rate: float = 0.05
    settings: Mapping[str, object] = field(default_factory=dict)
    schedule: Callable[[float], float] = lambda _: 1.0

    def open(self, variable: Tensor) -> torch.optim.Optimizer:
        """torch's optimiser of a variable."""
        return OPTIMISERS[self.kind]([variable], lr=self.rate, **self.settings)

    def step(self, opened: torch.optim.Optimizer, progress: float) -> None:
        """One step by the gradient that the variable has."""
        for group in opened.param_groups:
            group["lr"] = self.rate * self.schedule(progress)
        opened.step()


OPTIMISERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = MappingProxyType(
    {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "adamax": torch.optim.Adamax, "sgd": torch.optim.SGD}
)
"""Each acts number by number, so that pictures do not mix. ``sgd`` with ``momentum=0.9, nesterov=True`` is the momentum
of GMI's code, v ← μv − η∇, z ← z + v + μ(v − v'), with v' the v before."""


@dataclass(frozen=True)
class SearchObjective:
    """What one step minimises, and how it is made.

    Attributes:
        terms: losses of each picture, which are added up.
        optimiser: that makes the step.
        turned: the gradient of each picture, N×…, as it is used: clipped, of length 1, and the like; it must not mix
            pictures.
    """

    terms: Sequence[Term]
    optimiser: Optimiser = Optimiser()
    turned: Callable[[Tensor], Tensor] = lambda gradient: gradient

    def losses(self, moment: Moment) -> Tensor:
        """N values."""
        return torch.stack([term(moment) for term in self.terms]).sum(dim=0)


@dataclass(frozen=True)
class FoundPictures:
    """Where a search stands.

    Attributes:
        variable: N×…, of the generator.
        losses: of each picture, the sum over the objectives; infinite before the first step.
        estimate: the pictures.
    """

    variable: Tensor
    losses: Tensor
    estimate: Estimate


@dataclass(frozen=True)
class ClassSearch:
    """Optimise a generator's variable until its pictures are taken for their classes.

    Attributes:
        generator: makes the pictures.
        objectives: a step of each in turn is one iteration. Most attacks have one; Diff-MI has one of the prior and one
            of the class.
        run: budget (its iterations are the steps), seed and watch.
        projected: the variable after each step, clamped and the like; its second argument is the start.
        keep_best: give each picture's variable with its lowest loss, not the last.
        one_optimiser: the objectives step by turns with one optimiser, the first one's, whose averages are of all their
            gradients; by default each has its own.
        device: where it computes.
    """

    generator: ClassGenerator
    objectives: Sequence[SearchObjective]
    run: RunSettings
    projected: Callable[[Tensor, Tensor], Tensor] = lambda variable, _start: variable
    keep_best: bool = False
    one_optimiser: bool = False
    device: torch.device = CPU

    def recall(self, wanted: Wanted) -> Iterator[Estimate]:
        """See `keyhole.attacks.classes.base.ClassAttack`."""
        for found in self.optimise(wanted):
            yield found.estimate

    def optimise(self, wanted: Wanted, start: Tensor | None = None) -> Iterator[FoundPictures]:
        """Where the search stands, now and then, and at its end.

        Args:
            wanted: the pictures.
            start: variables to begin with, N×…; None: the generator's.
        """
        watch, budget, seed = self.run.watch, self.run.budget, self.run.seed
        if start is None:
            start = self.generator.start(wanted, PictureRandom(wanted, seed, "start"))
        start, labels = start.to(self.device), wanted.labels.to(self.device)
        variable = start.clone().requires_grad_(True)
        random = PictureRandom(wanted, seed, "steps")
        opened = self._opened(variable)
        best = _Best(variable, len(wanted)) if self.keep_best else None

        started = reported = watch.clock()
        for iteration in range(1, budget.iterations + 1):
            progress = budget.progress(iteration - 1, watch.clock() - started)
            total = torch.zeros(len(wanted))
            before = variable.detach().clone() if best else None
            for objective, optimiser in zip(self.objectives, opened, strict=True):
                moment = Moment(variable, labels, lambda made: self._pictures(made, labels, random), progress, random)
                losses = objective.losses(moment)
                (gradient,) = torch.autograd.grad(losses.sum(), variable)
                variable.grad = objective.turned(gradient)
                objective.optimiser.step(optimiser, progress)
                total = total + losses.detach().cpu()
                with torch.no_grad():
                    variable.copy_(self.projected(variable, start))
            if best and before is not None:
                best.note(before, total)
            watch.noted(float(total.mean()))
            watch.stepped()

            now = watch.clock()
            final = iteration == budget.iterations or now - started >= budget.seconds
            if final or now - reported >= watch.interval:
                shown = best.variable if best else variable.detach().clone()
                yield self.found(wanted, shown, best.losses if best else total, iteration, now - started, final=final)
                reported = now
            if final:
                return

    @torch.no_grad()
    def found(
        self, wanted: Wanted, variable: Tensor, losses: Tensor, iteration: int, seconds: float, *, final: bool
    ) -> FoundPictures:
        """Where a search stands whose variable is given; what is shown draws no random number of the search's."""
        random = PictureRandom(wanted, self.run.seed, "show")
        pictures = self._pictures(variable.to(self.device), wanted.labels.to(self.device), random)
        loss = float(losses.mean())
        return FoundPictures(variable, losses, Estimate(pictures.clamp(0, 1).cpu(), iteration, seconds, loss, final))

    def _opened(self, variable: Tensor) -> list[torch.optim.Optimizer]:
        if self.one_optimiser:
            return [self.objectives[0].optimiser.open(variable)] * len(self.objectives)
        return [objective.optimiser.open(variable) for objective in self.objectives]

    def _pictures(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:
        return self.generator(variable, labels, random)


class _Best:
    """Each picture's variable with its lowest loss."""

    def __init__(self, variable: Tensor, count: int) -> None:
        self.variable, self.losses = variable.detach().clone(), torch.full((count,), torch.inf)

    def note(self, variable: Tensor, losses: Tensor) -> None:
        """``losses`` are those of ``variable``."""
        better = (losses < self.losses).view(-1, *[1] * (variable.dim() - 1)).to(variable.device)
        self.variable = torch.where(better, variable, self.variable)
        self.losses = torch.minimum(losses, self.losses)
