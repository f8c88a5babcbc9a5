"""Adversarial training: a defence and a network that reconstructs pictures learn in turn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import torch
from accelerate import PartialState
from torch import Tensor, nn
from torch.nn import functional as F

from keyhole.metrics.similarity import ssim
from keyhole.nn.mirror import MirrorNetwork
from keyhole.service.errors import UsageError
from keyhole.train.defences.base import DefenceMethod, DefenceStep, DefenceTraining, check_range
from keyhole.train.split import Split, frozen, in_eval_mode

Distance = Callable[[Tensor, Tensor], Tensor]

_LEARNING_RATE = 3e-3
_DISCRIMINATOR_RATE = 3e-4


def squared_error(reconstructed: Tensor, pictures: Tensor) -> Tensor:
    """Mean squared error."""
    return F.mse_loss(reconstructed, pictures)


def dissimilarity(reconstructed: Tensor, pictures: Tensor) -> Tensor:
    """1 − SSIM, the mean over the pictures."""
    return 1 - ssim(reconstructed.clamp(0, 1), pictures.clamp(0, 1)).mean()


DISTANCES: Mapping[str, Distance] = MappingProxyType({"mse": squared_error, "ssim": dissimilarity})
"""Distances of reconstructions to pictures, by name; larger is more private."""


@dataclass(frozen=True)
class AdversarialMethod(DefenceMethod):
    """Settings of a method whose loss is the task's minus a weight times the distance of a reconstructor's pictures.

    Attributes:
        weight: of the distance, the trade-off.
        distance: ``mse``, or ``ssim`` for 1 − SSIM (pictures of 11 pixels or more).
        turns: steps of the reconstructor for each of the defence.
        head_start: share of the training before the distance counts.
    """

    weight: float = 5.0
    distance: str = "mse"
    turns: int = 3
    head_start: float = 0.1

    def __post_init__(self) -> None:
        check_range("weight", self.weight)
        check_range("head_start", self.head_start, most=1)
        check_range("turns", self.turns, least=1)
        if self.distance not in DISTANCES:
            raise UsageError(f"distance={self.distance}: expected one of {', '.join(DISTANCES)}")


class AdversarialTraining(DefenceTraining):
    """The steps of a defence and of its reconstructor, in turn.

    Args:
        settings: of the method.
        split: the target.
        typical: features of typical pictures, N×….
        realism: weight of a discriminator in the reconstructor's loss; 0: none.
    """

    def __init__(self, settings: AdversarialMethod, split: Split, typical: Tensor, realism: float = 0.0) -> None:
        self.module = split.task.module
        self.reconstructor = AdversarialReconstructor(typical, split.size, realism, split.seed)
        self.companions, self.companion_steps = (self.reconstructor,), settings.turns
        self._settings, self._split = settings, split
        self._distance = DISTANCES[settings.distance]

    @abstractmethod
    def crossing(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """What leaves the edge of normalised pictures N×3×size×size, with gradients to what learns.

        Args:
            inputs: on the module's device.
            generator: the step's own source of randomness.
        """

    def losses(self, step: DefenceStep, generator: torch.Generator) -> Mapping[str, Tensor]:
        settings, split = self._settings, self._split
        features, pictures = self.crossing(step.inputs, generator), split.pictures(step.inputs)
        for _ in range(settings.turns):
            self.reconstructor.learn(features, pictures)
        task = split.prediction_loss(features, step.labels)
        if step.progress < settings.head_start:
            return {"task": task}
        distance = self._distance(self.reconstructor.reconstruct(features), pictures)
        return {"task": task, "reconstruction": -settings.weight * distance}


class Discriminator(nn.Sequential):
    """Pictures N×3×size×size to one number each, large for pictures that were photographed: three strided convolutions
    and a mean."""

    def __init__(self) -> None:
        widths = (3, 32, 64, 128)
        layers: list[nn.Module] = []
        for given, made in pairwise(widths):
            layers += [nn.Conv2d(given, made, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 1))


class AdversarialReconstructor:
    """The mirror network of a head, as the black-box attack trains it, with optimisers of its own.

    Args:
        typical: features of typical pictures, N×….
        size: side of the pictures in pixels.
        realism: weight of a discriminator in its loss; 0: none.
        seed: of its weights.
    """

    def __init__(self, typical: Tensor, size: int, realism: float = 0.0, seed: int = 0) -> None:
        device = PartialState().device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = MirrorNetwork([tuple(typical.shape[1:])], size)
            self._discriminator = Discriminator()
        self.network.standardise((typical.cpu(),))
        self.network.to(device)
        self._discriminator.to(device)
        self._realism = realism
        self._optimisers = (
            torch.optim.AdamW(self.network.parameters(), _LEARNING_RATE),
            torch.optim.AdamW(self._discriminator.parameters(), _DISCRIMINATOR_RATE, betas=(0.5, 0.99)),
        )

    def learn(self, features: Tensor, pictures: Tensor) -> None:
        """One step on features N×…, through which no gradient flows, and their pictures in [0, 1]."""
        self.network.train()
        made = self.network(features.detach())
        loss = F.mse_loss(made, pictures)
        if self._realism:
            with frozen(self._discriminator):
                loss = loss + self._realism * F.softplus(-self._discriminator(made)).mean()
        _minimise(loss, self._optimisers[0])
        if self._realism:
            real, fake = self._discriminator(pictures), self._discriminator(made.detach())
            _minimise(F.softplus(-real).mean() + F.softplus(fake).mean(), self._optimisers[1])

    def reconstruct(self, features: Tensor) -> Tensor:
        """Pictures in [0, 1] by the network as it is; gradients flow to the features.

        They are clamped, as an attacker's are. Otherwise growing features could drive the output of a fixed network,
        and so any distance, to any size.
        """
        with in_eval_mode(self.network), frozen(self.network):
            pictures: Tensor = self.network(features).clamp(0, 1)
        return pictures

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimisers."""
        return {str(index): part.state_dict() for index, part in enumerate(self._parts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state_dict`."""
        for index, part in enumerate(self._parts):
            part.load_state_dict(state[str(index)])

    @property
    def _parts(self) -> tuple[Any, ...]:
        return (self.network, self._discriminator, *self._optimisers)


def _minimise(loss: Tensor, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()
