"""The noise that a sampler starts from as the variable: the papers' attack through a diffusion model, DMB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from adversary.generators.resize import resized
from adversary.priors.ddim import sample
from adversary.priors.prior import Prior
from adversary.priors.schedule import Step


@dataclass(frozen=True)
class Diffusion:
    """D of Eq. 6 (feature-inversion paper): variable → v_n → deterministic DDIM → latent → decoder → picture.

    Attributes:
        prior: with a diffusion model.
        size: side of the picture in pixels; what the decoder makes is shrunk to it where the U-Net needs a larger grid.
        steps: of the sampler; the paper takes 20.

    Raises:
        UsageError: the prior has no diffusion model, or fewer timesteps.
    """

    prior: Prior
    size: int
    steps: int = 20

    def __post_init__(self) -> None:
        _ = self._plan  # a prior that has no diffusion model or not so many timesteps is refused here, not at a frame

    @property
    def passes(self) -> int:
        """U-Net passes of one call. What is computed once more for the gradient is not counted."""
        return len(self._plan)

    def start(self, count: int, random: torch.Generator) -> Tensor:
        """Standard normal noise N×C×h×w."""
        shape = self.prior.autoencoder.latent_shape(self.size, self.prior.denoiser.multiple)
        return torch.randn(count, *shape, generator=random)

    def __call__(self, variable: Tensor) -> Tensor:
        """Pictures N×3×size×size."""
        latents = sample(self.prior.denoiser, normalised(variable), self._plan)
        return resized(self.prior.autoencoder.decode(latents), self.size)

    @cached_property
    def _plan(self) -> tuple[Step, ...]:
        return self.prior.denoiser.schedule.steps(self.steps)


def normalised(variable: Tensor) -> Tensor:
    """v_n = (v − mean(v)) / std(v) of §4 and Algorithm 1, over all numbers of each picture's variable by itself.

    Algorithm 1 writes mean(v^I) inside its loop, which would be the last iterate's; it is read as the current one's.
    """
    axes = tuple(range(1, variable.dim()))
    return (variable - variable.mean(axes, keepdim=True)) / variable.std(axes, keepdim=True)
