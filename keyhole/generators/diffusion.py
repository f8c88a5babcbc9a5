"""Generators through a diffusion sampler: from noise (the papers' DMB), or from a latent with a little noise left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from keyhole.generators.latents import Decoder
from keyhole.priors.denoiser import ddim_sample
from keyhole.priors.prior import Prior
from keyhole.priors.schedule import DdimStep
from keyhole.sizes import Size


@dataclass(frozen=True)
class Diffusion:
    """D of Eq. 6 (feature-inversion paper): variable → v_n → deterministic DDIM → latent → decoder → picture.

    Attributes:
        prior: with a diffusion model.
        size: of the picture in pixels; what the decoder makes is shrunk to it where the U-Net needs a larger grid.
        steps: of the sampler; the paper takes 20.

    Raises:
        UsageError: the prior has no diffusion model, or fewer timesteps.
    """

    prior: Prior
    size: Size
    steps: int = 20

    def __post_init__(self) -> None:
        _ = self.plan  # a prior that has no diffusion model or not so many timesteps is refused here, not at a frame

    @property
    def passes(self) -> int:
        """U-Net passes of one call. What is computed once more for the gradient is not counted."""
        return len(self.plan)

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """Standard normal noise N×C×h×w."""
        return self.decoder.start(count, random)

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures N×3×H×W."""
        return self.decode(self.latents(variable))

    def latents(self, variable: Tensor) -> Tensor:
        """Latents N×C×h×w that the sampler makes of v_n."""
        return ddim_sample(self.prior.denoiser, normalised(variable), self.plan)

    def telling(self, texts: Sequence[str]) -> Self:
        """The same, whose diffusion model is told a text, or one for each picture; see `Prior.telling`."""
        return replace(self, prior=self.prior.telling(texts))

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures N×3×H×W of latents."""
        return self.decoder.decode(latents)

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of pictures N×3×H×W."""
        return self.decoder.encode(pictures)

    @cached_property
    def decoder(self) -> Decoder:
        """What follows the sampler, on a grid that the U-Net can take."""
        return Decoder(self.prior.autoencoder, self.size, self.prior.denoiser.multiple)

    @cached_property
    def plan(self) -> tuple[DdimStep, ...]:
        """The sampler's steps."""
        return self.prior.denoiser.schedule.steps(self.steps)


@dataclass(frozen=True)
class Denoised(Diffusion):
    """The end of a sampler alone, which a network can learn to begin.

    The variable is x_t in the units of the diffusion, t at a share of the schedule; deterministic DDIM goes on from
    there to the latent.

    D of Eq. 11 (feature-inversion paper) begins at pure noise: a network must then find what noise a sampler turns into
    the picture, and is taught through all of its steps. From a small t on, features give the picture and the U-Net what
    they leave open, in a pass or two. The variable is not normalised, for it is no noise.

    Attributes:
        steps: of the sampler.
        share: of the schedule, 0 … 1, that t is at.

    Raises:
        UsageError: the prior has no diffusion model, or fewer timesteps.
    """

    steps: int = 1
    share: float = 0.3

    def latents(self, variable: Tensor) -> Tensor:
        """Latents N×C×h×w that the sampler makes of x_t."""
        return ddim_sample(self.prior.denoiser, variable, self.plan)

    @cached_property
    def plan(self) -> tuple[DdimStep, ...]:
        """The sampler's steps."""
        return self.prior.denoiser.schedule.steps_from(self.share, self.steps)


def normalised(variable: Tensor) -> Tensor:
    """v_n = (v − mean(v)) / std(v) of §4 and Algorithm 1, over all numbers of each picture's variable by itself.

    Algorithm 1 writes mean(v^I) inside its loop, which would be the last iterate's; it is read as the current one's.
    """
    axes = tuple(range(1, variable.dim()))
    return (variable - variable.mean(axes, keepdim=True)) / variable.std(axes, keepdim=True)
