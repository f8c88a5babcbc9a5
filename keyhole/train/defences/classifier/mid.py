"""MID (Wang et al. 2021, "Improving robustness to model inversion attacks via mutual information regularization"):
answers that tell less of the picture, by a variational information bottleneck."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.service.errors import UsageError
from keyhole.targets.neck import last_linear
from keyhole.train.defences.base import DefenceStep, check_range
from keyhole.train.defences.classifier.base import ClassifierMethod, ClassifierTraining, Lesson


@dataclass(frozen=True)
class Mid(ClassifierMethod):
    """The classifier answers from a random code of half as many numbers as it has features, and the loss is the task's
    plus a weight times the code's divergence from N(0, 1), in nats.

    The bottleneck is that of Alemi et al. 2017 ("Deep variational information bottleneck", §4.1): a linear layer gives
    the means, another the deviations through softplus(x − 5). Inference takes the mean, so bottleneck and classifier
    are one linear layer then, which is what is stored: the target has the architecture that it had.

    Attributes:
        weight: of the divergence.
    """

    weight: float = 0.01

    def __post_init__(self) -> None:
        check_range("weight", self.weight)

    def training(self, lesson: Lesson) -> ClassifierTraining:
        return _Bottlenecked(self, lesson)


class Bottleneck(nn.Module):
    """Features N×D to logits, through a Gaussian code of D/2 numbers.

    Args:
        last: the classifier that it stands in for.
        seed: of its weights.
    """

    def __init__(self, last: nn.Linear, seed: int) -> None:
        super().__init__()
        width = max(1, last.in_features // 2)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.means = nn.Linear(last.in_features, width)
            self.deviations = nn.Linear(last.in_features, width)
            self.classifier = nn.Linear(width, last.out_features)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of the mean code."""
        return self.classifier(self.means(features))  # type: ignore[no-any-return]

    def code(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Means and deviations of the code, N×D/2 each."""
        return self.means(features), F.softplus(self.deviations(features) - 5).clamp_min(1e-8)

    def merged(self) -> nn.Linear:
        """The one linear layer that answers as `forward` does."""
        inner, outer = self.means, self.classifier
        layer = nn.Linear(inner.in_features, outer.out_features)
        with torch.no_grad():
            layer.weight.copy_(outer.weight @ inner.weight)
            layer.bias.copy_(outer.weight @ inner.bias + outer.bias)
        return layer


def divergence(means: Tensor, deviations: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) in nats, summed over a code's numbers, N values."""
    return 0.5 * (means.square() + deviations.square() - 1).sum(1) - deviations.log().sum(1)


class _Bottlenecked(ClassifierTraining):
    def __init__(self, settings: Mid, lesson: Lesson) -> None:
        super().__init__(lesson)
        network = lesson.trainee.network
        self._settings, self._path = settings, last_linear(network)
        last = network.get_submodule(self._path)
        if not isinstance(last, nn.Linear) or last.bias is None:
            raise UsageError("mid: the last linear layer has no bias, which a bottleneck needs")
        self.bottleneck = Bottleneck(last, lesson.seed).to(last.weight.device)
        network.set_submodule(self._path, nn.Identity())
        self.module = nn.ModuleDict({"trainee": lesson.trainee, "bottleneck": self.bottleneck})

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:
        means, deviations = self.bottleneck.code(self.lesson.trainee(step.inputs))
        noise = torch.randn(means.shape, generator=generator).to(means)
        logits = self.bottleneck.classifier(means + deviations * noise)
        return {
            "task": self.lesson.task.loss(logits, step.labels),
            "divergence": self._settings.weight * divergence(means, deviations).mean(),
        }

    def network(self) -> nn.Module:
        network = copy.deepcopy(self.lesson.trainee.network)
        network.set_submodule(self._path, self.bottleneck.merged().to(next(network.parameters()).device))
        return network
