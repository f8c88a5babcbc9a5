"""White box: optimise a generator's variable until the head makes of its picture what the frame holds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.base import UNWATCHED, Budget, Estimate, MismatchError, Observation, Watch, stacked
from keyhole.attacks.features.denoising import Regulariser
from keyhole.attacks.features.objective import relative_distance
from keyhole.attacks.features.optimiser_settings import Recipe
from keyhole.attacks.features.plateau import Plateau
from keyhole.attacks.features.relaxed import RelaxedHead
from keyhole.attacks.knowledge import WhiteBox
from keyhole.generators.base import Generator
from keyhole.sizes import height_width


@dataclass(frozen=True)
class Optimiser:
    """The attack of Algorithm 1 (feature-inversion paper) for any generator; Eq. 4 and 6.

    Attributes:
        known: the head and its preprocessing.
        generator: D.
        recipe: the hyper-parameters.
        budget: per call; the recipe's iterations where it has more.
        seed: of the start, and of what the regulariser draws.
        watch: what is told on the way.
        regulariser: of the variable; None: the recipe's smoothness alone.
    """

    known: WhiteBox
    generator: Generator
    recipe: Recipe
    budget: Budget
    seed: int = 0
    watch: Watch = UNWATCHED
    regulariser: Regulariser | None = None

    def reconstruct(self, frames: Sequence[Observation]) -> Iterator[Estimate]:
        """Optimise the frames' pictures together, each by itself: no number of one enters another's.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        return self.refine(frames, self.generator.start(len(frames), torch.Generator().manual_seed(self.seed)))

    def refine(self, frames: Sequence[Observation], start: Tensor) -> Iterator[Estimate]:
        """The same from a given variable of the generator, one for each frame.

        Raises:
            MismatchError: the frames do not come from the head.
        """
        recipe, budget, watch = self.recipe, self._limits, self.watch
        observed, head = observed_of(frames, self.known.device), RelaxedHead(self.known.head)
        variable = start.to(self.known.device).clone().requires_grad_(True)
        plateau, random = Plateau(recipe.patience), torch.Generator().manual_seed(self.seed)
        unexplained = self.known.defence.unexplained(observed)
        weight = recipe.weight(
            3 * math.prod(height_width(self.known.size)), sum(tensor[0].numel() for tensor in observed)
        )
        adam = torch.optim.Adam([variable], lr=recipe.learning_rate, betas=recipe.betas)

        shown = 0
        started = reported = watch.clock()
        for iteration in range(1, budget.iterations + 1):
            progress = budget.progress(iteration - 1, watch.clock() - started)
            head.relax(recipe.relaxation(progress))
            adam.param_groups[0]["lr"] = recipe.learning_rate * recipe.rate(progress) * _ramp(iteration, recipe.warm_up)
            pictures = self.generator(variable)
            features = head(self.known.normalise(pictures))
            same_shapes(features, observed)
            ours, theirs = self.known.defence.comparable(features, observed)
            losses = recipe.scale(recipe.distance(ours, theirs), unexplained)
            losses = losses + weight * recipe.smoothness(pictures)
            if self.regulariser is not None:
                losses = losses + self.regulariser(variable, progress, random)
            (variable.grad,) = torch.autograd.grad(losses.sum(), variable)
            adam.step()
            loss = float(losses.detach().mean())
            watch.noted(loss)
            watch.stepped()

            now = watch.clock()
            final = iteration == budget.iterations or now - started >= budget.seconds
            if recipe.patience and plateau(relative_distance([tensor.detach() for tensor in ours], theirs)):
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
        return dataclasses.replace(self.budget, iterations=min(self.budget.iterations, self.recipe.iterations))


def _ramp(iteration: int, warm_up: int) -> float:
    return min(1.0, iteration / warm_up) if warm_up else 1.0


def observed_of(frames: Sequence[Observation], device: torch.device) -> tuple[Tensor, ...]:
    """The frames' tensors along the batch dimension, on the device, in the layout that a head's features have.

    Raises:
        MismatchError: the frames' shapes differ.
    """
    return tuple(tensor.to(device).contiguous(memory_format=_layout(tensor)) for tensor in stacked(frames))


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


def _layout(tensor: Tensor) -> torch.memory_format:
    return torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
