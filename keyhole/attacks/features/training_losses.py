"""Losses of a black box's network: Eq. 5 and 11 of the feature-inversion paper, a shorter one, and flow matching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

import torch
from torch import Tensor

from keyhole.attacks.features.objective import total_variation
from keyhole.generators.base import Generator, LatentGenerator, with_latents
from keyhole.nn.payload import PayloadNetwork
from keyhole.nn.unet import OneStepUNet


class TrainingLoss(Protocol):
    """The loss between a network's output for an answer and the picture of the query."""

    @property
    def levels(self) -> bool:
        """Whether targets are pictures, which fit in bytes."""
        ...

    @property
    def passes(self) -> int:
        """U-Net passes for each picture of a step."""
        ...

    def target(self, pictures: Tensor) -> Tensor:
        """What is kept of pictures N×3×H×W in [0, 1]."""
        ...

    def losses(self, variable: Tensor, target: Tensor) -> Tensor:
        """One number per picture, from the network's outputs and the targets."""
        ...


@dataclass(frozen=True)
class PictureLoss:
    """L_re(D(F_u(y)), x) + λ_s·TV(D(F_u(y))): Eq. 11, and with λ_s = 0 and D the identity Eq. 5.

    Attributes:
        generator: D.
        tv_weight: λ_s.
        summed: ‖·‖² as the paper's L_re; otherwise its mean over the numbers of the picture.
    """

    generator: Generator
    tv_weight: float = 0.0
    summed: bool = False
    levels: ClassVar[bool] = True

    @property
    def passes(self) -> int:
        """U-Net passes of the generator."""
        return self.generator.passes

    def target(self, pictures: Tensor) -> Tensor:
        """The pictures."""
        return pictures

    def losses(self, variable: Tensor, target: Tensor) -> Tensor:
        """One number per picture."""
        made = self.generator(variable)
        squares = (made - target).square().flatten(1)
        distance = squares.sum(1) if self.summed else squares.mean(1)
        return distance + self.tv_weight * total_variation(made) if self.tv_weight else distance


@dataclass(frozen=True)
class LatentLoss:
    """Mean of (z(F_u(y)) − E(x))², z the latent that the decoder would get: Eq. 11 before the decoder, without TV.

    Not the paper's, whose loss is on pictures alone. An encoder's pass for each public picture replaces a decoder's
    pass and its way back for each step.

    Attributes:
        generator: of latents.
    """

    generator: LatentGenerator
    levels: ClassVar[bool] = False

    @property
    def passes(self) -> int:
        """U-Net passes of the generator."""
        return self.generator.passes

    def target(self, pictures: Tensor) -> Tensor:
        """The pictures' latents E(x)."""
        with torch.no_grad():
            return self.generator.encode(pictures)

    def losses(self, variable: Tensor, target: Tensor) -> Tensor:
        """One number per picture."""
        return (self.generator.latents(variable) - target).square().flatten(1).mean(1)


def picture_loss(generator: Generator) -> PictureLoss:
    """Mean squared error of the picture."""
    return PictureLoss(generator)


def published_picture_loss(generator: Generator) -> PictureLoss:
    """Eq. 11 with λ_s = 1 (§7.1)."""
    return PictureLoss(generator, tv_weight=1.0, summed=True)


def latent_loss(generator: Generator) -> LatentLoss:
    """Mean squared error of the latent.

    Raises:
        TypeError: the generator has none.
    """
    return LatentLoss(with_latents(generator))


StepLoss = Callable[[PayloadNetwork, TrainingLoss, Sequence[Tensor], Tensor, torch.Generator], Tensor]
"""One number per picture, from the network, what it is for, features, targets, and the source of random numbers."""


def end_to_end(
    network: PayloadNetwork, loss: TrainingLoss, features: Sequence[Tensor], targets: Tensor, _random: torch.Generator
) -> Tensor:
    """The loss of what the network makes of the features."""
    return loss.losses(network(*features), targets)


def flow_matching(
    network: PayloadNetwork, loss: TrainingLoss, features: Sequence[Tensor], targets: Tensor, random: torch.Generator
) -> Tensor:
    """The loss of the network's first answer z₀, and that of its velocity: mean of (v(z_t, t, y) − (z₁ − z₀))²,
    z_t = (1 − t)·z₀ + t·z₁, z₁ the target (rectified flow). Only the velocity learns from it.

    The one Euler step is taken at t = 0, so every other picture is at 0; the others are at uniform times.

    Args:
        network: a `OneStepUNet`.
        loss: of latents.
        features: the live tensors, N×… each.
        targets: latents N×C×h×h.
        random: of the times.
    """
    network = cast(OneStepUNet, network)
    first = network.amortised(*features)
    start = first.detach()
    times = torch.rand(len(start), generator=random)
    times[::2] = 0
    times = times.to(start.device)
    velocity = network.velocity(torch.lerp(start, targets, times[:, None, None, None]), times, *features)
    return loss.losses(first, targets) + (velocity - (targets - start)).square().flatten(1).mean(1)
