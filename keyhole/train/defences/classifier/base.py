"""Base classes of methods that protect whom a classifier is trained on, by how it is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from keyhole.train.defences.base import AnyMethod, LearnedDefence
from keyhole.train.defences.classifier.freezing import Trainee
from keyhole.train.recipe import Tuning
from keyhole.train.task import Task

CLASSIFIER = Tuning(stages=((1.0, 20),), batch=64, steps=None, learning_rate=1e-3, weight_decay=0.05)
"""As long as an undefended classifier of identities is trained."""


@dataclass(frozen=True)
class Lesson:
    """What a method trains, and on what.

    Attributes:
        task: data and losses.
        trainee: the classifier, frozen as far as the method says, on its device.
        size: side of its pictures in pixels.
        seed: of all random choices.
    """

    task: Task
    trainee: Trainee
    size: int
    seed: int

    def prediction_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The task's loss of N×classes logits: cross-entropy."""
        return self.task.loss(logits, labels)


class ClassifierTraining(LearnedDefence):
    """A classifier while a method trains it. See `LearnedDefence`.

    Args:
        lesson: what is trained.
    """

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self.module = lesson.trainee

    def network(self) -> nn.Module:
        """The classifier as it would be used now: N×3×H×W, normalised, to N×classes, with the target's modules."""
        return self.lesson.trainee.network


@dataclass(frozen=True)
class ClassifierMethod(AnyMethod, ABC):
    """Settings of a method. It needs no cut and leaves nothing for run time: what protects is in the weights.

    Attributes:
        frozen: path of a module: all up to its end stays as the public start has it, weights and statistics of batch
            norm to the bit (TL-DMI). Empty: all of the network learns.
    """

    frozen: str = field(default="", kw_only=True)
    tuning: ClassVar[Tuning] = CLASSIFIER

    def protection(self, name: str) -> str:
        """What a target is called that was trained so.

        Args:
            name: that the method was asked for by.
        """
        return f"tl-dmi+{name}" if self.frozen else name

    @abstractmethod
    def training(self, lesson: Lesson) -> ClassifierTraining:
        """The losses of the training of a classifier."""
