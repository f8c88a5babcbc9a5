"""BiDO (Peng et al. 2022, "Bilateral dependency optimization: defending against model-inversion attacks"): layers that
depend less on the picture and more on its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

from keyhole.partition import survey
from keyhole.partition.cut_points import indexed_points
from keyhole.service.errors import UsageError
from keyhole.train.defences.base import DefenceStep, check_range
from keyhole.train.defences.classifier.base import ClassifierMethod, ClassifierTraining, Lesson
from keyhole.train.defences.classifier.dependence import MEASURES, gaussian_kernel, linear_kernel
from keyhole.train.split import Blocks, denormalised, paths_in

_PUBLISHED: Mapping[str, tuple[float, float]] = MappingProxyType({"hsic": (0.05, 0.5), "coco": (1.0, 50.0)})
"""Weights of the dependence on the picture and on the class: of CelebA with HSIC, of MNIST with COCO."""


@dataclass(frozen=True)
class Bido(ClassifierMethod):
    """The task's loss + Σ_j (λ_x d(X, Z_j) − λ_y d(Z_j, Y)) over the layers Z_j that learn, with X the pictures and Y
    their classes.

    The kernels of X and Z are Gaussian with σ = 5·√d, that of Y is linear. X is in [0, 1], as the published networks
    take it: inputs that are normalised would double HSIC, and the published weights would weigh twice as much. Z are
    the last features of each resolution, as the pooled blocks of the published networks are.

    Attributes:
        measure: d: ``hsic`` or ``coco``.
        inputs: λ_x; None: the published one of the measure.
        labels: λ_y; None: the published one.
        layers: Z as paths joined by ``+``, ``layer2+layer4``; empty: the last features of each resolution.
    """

    measure: str = "hsic"
    inputs: float | None = None
    labels: float | None = None
    layers: str = ""

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise UsageError(f"measure={self.measure}: expected one of {', '.join(MEASURES)}")
        for name, weight in (("inputs", self.inputs), ("labels", self.labels)):
            check_range(name, 0.0 if weight is None else weight)

    @property
    def weights(self) -> tuple[float, float]:
        """λ_x and λ_y."""
        given, known = (self.inputs, self.labels), _PUBLISHED[self.measure]
        one, other = (own if weight is None else weight for weight, own in zip(given, known, strict=True))
        return one, other

    def training(self, lesson: Lesson) -> ClassifierTraining:
        return _Bilateral(self, lesson)


class _Bilateral(ClassifierTraining):
    def __init__(self, settings: Bido, lesson: Lesson) -> None:
        super().__init__(lesson)
        self._settings, self._measure = settings, MEASURES[settings.measure]
        network = lesson.trainee.network
        first = next(network.parameters())
        example = torch.zeros(1, 3, lesson.size, lesson.size, device=first.device)
        self.layers = _layers(settings, lesson, example)
        self._blocks = Blocks.of(lesson.trainee, paths_in(lesson.trainee, network, self.layers), example)
        self._classes = len(lesson.task.outputs.labels)

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:  # noqa: ARG002
        features = self._blocks.head(step.inputs)
        pictures = gaussian_kernel(denormalised(step.inputs, self.lesson.task.preprocess))
        classes = linear_kernel(F.one_hot(step.labels, self._classes).to(pictures))
        kernels = [gaussian_kernel(each) for each in features]
        of_inputs, of_labels = self._settings.weights
        return {
            "task": self.lesson.task.loss(self._blocks.tail(features[-1]), step.labels),
            "on pictures": of_inputs * torch.stack([self._measure(pictures, each) for each in kernels]).sum(),
            "on classes": -of_labels * torch.stack([self._measure(each, classes) for each in kernels]).sum(),
        }


def _layers(settings: Bido, lesson: Lesson, example: Tensor) -> tuple[str, ...]:
    """Paths of Z in the network, in the order in which it runs; those that are frozen are left out."""
    surveyed = survey(lesson.trainee.network, example)
    start = surveyed.index(settings.frozen) if settings.frozen else 0
    named = {surveyed.index(path) for path in settings.layers.split("+")} if settings.layers else None
    last: dict[object, str] = {}
    for index, point in indexed_points(surveyed, every=False):
        shape = point.tensors[0].shape[1:]
        is_map = len(shape) == 3 and shape[1:] != (1, 1)
        if index > start and (is_map if named is None else index in named):
            last[shape[1:] if named is None else index] = point.cut
    if not last:
        raise UsageError(
            "bido: no layer that learns has features of a picture's shape: name some, layers=layer3+layer4 "
            "(`keyhole cuts` lists them)"
        )
    return tuple(last.values())
