"""Hyper-parameters of a target's training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from keyhole.service.errors import UsageError
from keyhole.sizes import height_width
from keyhole.train.settings import TrainSettings

Stages = tuple[tuple[int, int], ...]
OptimiserName = Literal["sgd", "adamw"]


@dataclass(frozen=True)
class TrainingRecipe:
    """Hyper-parameters of every task.

    Attributes:
        stages: (shorter side of the pictures in pixels, epochs), in order. Small pictures first are cheap; the target's
            own size must come last, since things look larger in larger pictures (Touvron et al. 2019, "Fixing the
            train-test resolution discrepancy").
        batch: pictures per step.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: on weights of two or more dimensions.
        label_smoothing: share of the target spread over all classes.
        ema: decay of the averaged weights, which are the ones kept; less at first (see `warming_average`).
        seed: seeds weights, order and augmentation.
        precision: ``no`` (fp32) or ``bf16``; bf16 pays only on processors with native bf16 arithmetic.
        optimiser: a name in `keyhole.train.optimisation.OPTIMISERS`.
        warm_up: share of the steps in which the learning rate rises; it falls by a cosine in the others.
        crop: smallest share of a picture's area that a random crop keeps.
        colour: strength of the change of brightness and contrast.
        erase: share of the pictures in which a rectangle is erased.
        flip: share of the pictures that are mirrored.
    """

    stages: Stages = ((64, 8), (96, 3), (128, 1))
    batch: int = 128
    learning_rate: float = 0.4
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    ema: float = 0.998
    seed: int = 0
    precision: str = "no"
    optimiser: OptimiserName = "sgd"
    warm_up: float = 0.2
    crop: float = 0.4
    colour: float = 0.0
    erase: float = 0.0
    flip: float = 0.5

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(epochs for _, epochs in self.stages)

    def size_at(self, epoch: int) -> int:
        """Side of the pictures in an epoch (from 0)."""
        for size, epochs in self.stages:
            if epoch < epochs:
                return size
            epoch -= epochs
        raise ValueError(f"the recipe has {self.epochs} epochs")


R = TypeVar("R", bound=TrainingRecipe)


def adjusted(recipe: R, settings: TrainSettings) -> R:
    """``recipe`` with what the flags set; its own stages fit the target's pictures, and the last has their size.

    Raises:
        ValueError: a stage is not of the form SIDE:EPOCHS.
    """
    given: dict[str, Any] = {
        "stages": stages_of(settings.stages) or _fitted(recipe.stages, min(height_width(settings.size))),
        "batch": settings.batch,
        "learning_rate": settings.learning_rate,
        "seed": settings.seed,
        "precision": settings.precision,
        "label_smoothing": settings.label_smoothing,
    }
    return dataclasses.replace(recipe, **{name: value for name, value in given.items() if value is not None})


def _fitted(stages: Stages, size: int) -> Stages:
    return (*((min(side, size), epochs) for side, epochs in stages[:-1]), (size, stages[-1][1]))


def stages_of(texts: Sequence[str]) -> Stages:
    """Stages as flags spell them.

    >>> stages_of(["64:8", "128:1"])
    ((64, 8), (128, 1))

    Raises:
        ValueError: one is not of the form SIDE:EPOCHS.
    """
    return tuple(_stage(text) for text in texts)


def _stage(text: str) -> tuple[int, int]:
    side, _, epochs = text.partition(":")
    if not (side.isdecimal() and epochs.isdecimal() and int(side) and int(epochs)):
        raise UsageError(f"stage {text!r}: expected SIDE:EPOCHS, for example 64:8")
    return int(side), int(epochs)


@dataclass(frozen=True)
class Tuning:
    """How a trained model is trained further.

    Attributes:
        stages: (share of the target's picture side, epochs), in order.
        batch: pictures in a step.
        steps: batches of an epoch at most; None: all of the data.
        batches: of all epochs together, in place of ``steps``; None: as ``steps`` says.
        learning_rate: peak of the model's.
        weight_decay: of the model's weights of two or more dimensions.
        optimiser: of the model.
        warm_up: share of the steps in which the rate rises.
        teaching: weight of the distance to the embeddings of the model as it was, besides the losses of
            re-identification; 0: the model starts with a random classifier of the identities, which undoes much of what
            it knows before it has learned.
    """

    stages: tuple[tuple[float, int], ...] = ((1.0, 90),)
    batch: int = 512
    steps: int | None = None
    batches: int | None = None
    learning_rate: float = 3e-4
    weight_decay: float = 5e-4
    optimiser: OptimiserName = "adamw"
    warm_up: float = 0.1
    teaching: float = 0.0

    def sides(self, size: int) -> Stages:
        """`stages` in pixels, for a target's pictures of ``size``."""
        return tuple((max(1, round(size * share)), epochs) for share, epochs in self.stages)

    def task_recipe(self, base: R, size: int) -> R:
        """A task's own recipe with what is set here: how the data comes, and how the model is trained.

        Args:
            base: of the task.
            size: side of the target's pictures in pixels.
        """
        return dataclasses.replace(
            base,
            stages=self.sides(size),
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            optimiser=self.optimiser,
            warm_up=self.warm_up,
        )
