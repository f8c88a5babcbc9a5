"""Deterministic DDIM (Song et al. 2020, Eq. 12 with η = 0) that gradients pass through."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from keyhole.priors.denoiser import Denoiser
from keyhole.priors.schedule import Prediction, Step


def ddim_step(predicted: Prediction, previous: Tensor) -> Tensor:
    """The latent at the timestep with ᾱ = ``previous``: √ᾱ·x₀ + √(1 − ᾱ)·ε."""
    return previous**0.5 * predicted.clean + (1 - previous) ** 0.5 * predicted.noise


def sample(denoiser: Denoiser, noise: Tensor, steps: Sequence[Step]) -> Tensor:
    """The latents N×C×h×w that noise N×C×h×w leads to, one U-Net pass for each step.

    For the gradient only the latent between steps is kept, and each step is computed once more on the way back, so that
    memory hardly grows with their number.
    """
    latents = noise
    for step in steps:
        advance = partial(_advance, denoiser, step)
        if torch.is_grad_enabled() and latents.requires_grad:
            latents = checkpoint(advance, latents, use_reentrant=False, preserve_rng_state=False)
        else:
            latents = advance(latents)
    return latents


def _advance(denoiser: Denoiser, step: Step, latents: Tensor) -> Tensor:
    return ddim_step(denoiser.predict(latents, step.timestep), step.previous)
