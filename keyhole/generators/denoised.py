"""A latent that is still a little noisy as the variable: the end of a sampler, which a network can learn to begin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from keyhole.generators.diffusion import Diffusion
from keyhole.priors.denoiser import ddim_sample
from keyhole.priors.schedule import DdimStep


@dataclass(frozen=True)
class Denoised(Diffusion):
    """The variable is x_t in the units of the diffusion, t at a share of the schedule; deterministic DDIM goes on from
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
