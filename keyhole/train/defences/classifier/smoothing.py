"""Label smoothing as a defence, negative above all (Struppek et al. 2024, "Be careful what you smooth for")."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.service.errors import UsageError
from keyhole.train.defences.base import DefenceStep
from keyhole.train.defences.classifier.base import ClassifierMethod, ClassifierTraining, Lesson
from keyhole.train.smoothing import smoothed_cross_entropy


@dataclass(frozen=True)
class Smoothing(ClassifierMethod):
    """Cross-entropy with smoothed labels: (1 − a) times −log p of the class, plus a times the mean of −log p of all.

    Less than 0 makes inversion harder, more than 0 easier; at 0 it is the undefended training. A negative weight has a
    loss that falls without end, the more the larger it is.

    Attributes:
        weight: a, less than 1.
    """

    weight: float = -0.05

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight < 1):
            raise UsageError(f"weight={self.weight}: expected a finite number, less than 1")

    def training(self, lesson: Lesson) -> ClassifierTraining:
        return _Smoothed(self, lesson)


class _Smoothed(ClassifierTraining):
    def __init__(self, settings: Smoothing, lesson: Lesson) -> None:
        super().__init__(lesson)
        self._settings = settings

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:  # noqa: ARG002
        logits = self.lesson.trainee(step.inputs)
        return {"task": smoothed_cross_entropy(logits, step.labels, self._settings.weight)}
