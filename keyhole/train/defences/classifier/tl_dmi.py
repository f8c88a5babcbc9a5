"""TL-DMI (Ho et al. 2024, "Model inversion robustness: can transfer learning help?", §3): only the last layers learn
from private data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.service.errors import UsageError
from keyhole.train.defences.base import DefenceStep
from keyhole.train.defences.classifier.base import ClassifierMethod, ClassifierTraining, Lesson


@dataclass(frozen=True)
class TlDmi(ClassifierMethod):
    """T = C ∘ E is trained on public data (stage 1, ``--target``); then C alone learns from private data, by the task's
    loss (stage 2).

    What is frozen holds nothing of private people, and everybody who has the public start knows it. The paper freezes
    by layer: its ResNet-18 learns in 8.9 of 11.7 million weights, which is ``frozen=layer3``.

    Attributes:
        frozen: path of the module at whose end E ends.
    """

    frozen: str = "layer2"

    def __post_init__(self) -> None:
        if not self.frozen:
            raise UsageError("frozen: expected the path of a module, such as layer2")

    def protection(self, name: str) -> str:
        return name

    def training(self, lesson: Lesson) -> ClassifierTraining:
        return _Plain(lesson)


class _Plain(ClassifierTraining):
    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:  # noqa: ARG002
        return {"task": self.lesson.task.loss(self.lesson.trainee(step.inputs), step.labels)}
