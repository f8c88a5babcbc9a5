"""What the network of a black box is trained towards: Eq. 11 of the feature-inversion paper, and a shorter way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from keyhole.attacks.features.objective import total_variation
from keyhole.generators.base import Generator, LatentGenerator, with_latents


class Aim(Protocol):
    """A loss between what a network makes of an answer and the picture that was asked about."""

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
class Pictures:
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
class Latents:
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


def pictures(generator: Generator) -> Pictures:
    """Mean squared error of the picture."""
    return Pictures(generator)


def pictures_as_published(generator: Generator) -> Pictures:
    """Eq. 11 with λ_s = 1 (§7.1)."""
    return Pictures(generator, tv_weight=1.0, summed=True)


def latents(generator: Generator) -> Latents:
    """Mean squared error of the latent.

    Raises:
        TypeError: the generator has none.
    """
    return Latents(with_latents(generator))
