"""A diffusion model as regulariser of an optimised latent, after RED-diff."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from keyhole.attacks.base import RunSettings, WhiteBox
from keyhole.attacks.features.objective import OptimiserSettings
from keyhole.attacks.features.white_box import WhiteBoxAttack, white_box_attack
from keyhole.generators.base import LatentCoordinates, LatentGenerator
from keyhole.priors.denoiser import Denoiser


@dataclass(frozen=True)
class Denoising:
    """λ·mean((z − x̂₀(z_t))²), z_t = √ᾱ·z + √(1 − ᾱ)·ε, of which only z is differentiated.

    This is the prior of RED-diff (Mardani et al. 2024, Eq. 10, whose gradient λ_t·(ε̂ − ε) with λ_t in proportion to
    √(1 − ᾱ)/√ᾱ, their choice, is that of λ·‖z − x̂₀‖²/2): the latent is drawn towards what the U-Net takes it for once
    noise is on it. The U-Net is passed once a step and never differentiated. As theirs does, the timestep falls.

    Attributes:
        generator: of the latents.
        denoiser: of a prior.
        weight: λ.
        first, last: share of the schedule that the noise is of at the start and at the end.
    """

    generator: LatentGenerator
    denoiser: Denoiser
    weight: float = 3.0
    first: float = 0.5
    last: float = 0.05
    passes: ClassVar[int] = 1

    def __call__(self, variable: Tensor, progress: float, random: torch.Generator) -> Tensor:
        """One number per picture."""
        latents = self.generator.latents(variable)
        alphas = self.denoiser.schedule.alphas_cumprod
        timestep = round((self.first + (self.last - self.first) * progress) * (len(alphas) - 1))
        alpha = alphas[timestep].to(latents.device)
        with torch.no_grad():
            noise = torch.randn(latents.shape, generator=random).to(latents.device)
            noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
            clean = self.denoiser.predict(noisy, timestep).clean
        return self.weight * (latents - clean).square().flatten(1).mean(1)


def latent_attack(
    known: WhiteBox, generator: LatentCoordinates, settings: OptimiserSettings, run: RunSettings, *, denoised: bool
) -> WhiteBoxAttack:
    """The optimisation of a latent; where it is denoised, a diffusion model holds it among those of pictures."""
    attack = white_box_attack(known, generator, settings, run)
    if not denoised:
        return attack
    return replace(attack, regulariser=Denoising(generator, known.prior().denoiser))
