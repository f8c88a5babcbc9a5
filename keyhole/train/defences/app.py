"""APP, adversarial privacy-preserving training: PATROL's fourth baseline, after Xiao et al. 2020 ("Adversarial learning
of privacy-preserving and task-oriented representations")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.train.defences.checks import check_range
from keyhole.train.defences.method import Lesson, Method, Step
from keyhole.train.defences.rival import Rival, distance_named
from keyhole.train.split import Split


@dataclass(frozen=True)
class App(Method):
    """Head and tail minimise the task's loss minus a weight times the distance of a reconstructor's pictures.

    PATROL says of it that it "selects a reconstructed network and a discriminator to guarantee the reconstruction
    quality and use the reconstruction images for the adversarial training", and that it has a "trade-off parameter";
    neither the networks, nor the distance, nor who is trained when. Here the reconstructor is the mirror network that
    the black-box attack trains; it minimises the squared error and what a discriminator of photographs and
    reconstructions holds against it, in ``turns`` steps on each batch before the model's one. The discriminator serves
    the reconstructor alone. The model is left to itself at first, until reconstructions are worth being spoilt.

    Attributes:
        weight: of the distance, the trade-off.
        distance: ``mse``, or ``ssim`` for 1 − SSIM (pictures of 11 pixels or more).
        realism: weight of the discriminator in the reconstructor's loss; 0: none.
        turns: steps of the reconstructor for each of the model.
        head_start: share of the training before the distance counts.
    """

    weight: float = 5.0
    distance: str = "mse"
    realism: float = 0.001
    turns: int = 3
    head_start: float = 0.2

    def __post_init__(self) -> None:
        check_range("weight", self.weight)
        check_range("realism", self.realism)
        check_range("head_start", self.head_start, most=1)
        check_range("turns", self.turns, least=1)
        distance_named(self.distance)

    def lesson(self, split: Split) -> Lesson:
        return _Adversarial(self, split)


class _Adversarial(Lesson):
    def __init__(self, settings: App, split: Split) -> None:
        self.module = split.task.module
        self.rival = Rival(split.typical(), split.size, settings.realism, split.seed)
        self.companions = (self.rival,)
        self._settings, self._split = settings, split
        self._distance = distance_named(settings.distance)

    def losses(self, step: Step, generator: torch.Generator) -> Mapping[str, Tensor]:  # noqa: ARG002
        settings, split = self._settings, self._split
        features, pictures = split.features(step.inputs), split.pictures(step.inputs)
        for _ in range(settings.turns):
            self.rival.learn(features, pictures)
        task = split.prediction_loss(features, step.labels)
        if step.progress < settings.head_start:
            return {"task": task}
        distance = self._distance(self.rival.reconstruct(features), pictures)
        return {"task": task, "reconstruction": -settings.weight * distance}
