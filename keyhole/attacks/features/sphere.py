"""One step of guided sampling: ancestral DDIM whose noise leans towards what the features say (DRAG, ICML 2025)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from keyhole.priors.schedule import DdimStep, Prediction


def spread(step: DdimStep) -> Tensor:
    """σ_t of DDIM with η = 1 (Song et al. 2020, Eq. 16): √((1 − ᾱ')/(1 − ᾱ))·√(1 − ᾱ/ᾱ')."""
    return ((1 - step.previous) / (1 - step.alpha) * (1 - step.alpha / step.previous)).clamp_min(0).sqrt()


def guided_step(predicted: Prediction, step: DdimStep, noise: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """The latent at the step's end: DDIM's mean and, on the sphere that its noise would land on, the mix of that noise
    and the direction against the gradient.

    Args:
        predicted: x₀ and ε at the step's start.
        step: of the sampler.
        noise: standard normal, as the latent.
        gradient: of the loss about the latent.
        rate: 0 (the noise alone) … 1 (the gradient alone).
    """
    sigma = spread(step)
    mean = step.previous**0.5 * predicted.clean + (1 - step.previous - sigma**2).clamp_min(0).sqrt() * predicted.noise
    radius = sigma * math.sqrt(noise[0].numel())
    mixed = torch.lerp(sigma * noise, -radius * unit(gradient), rate)
    return mean + radius * unit(mixed)


def renoised(latents: Tensor, step: DdimStep, noise: Tensor) -> Tensor:
    """The latent at the step's start again, from that at its end: self-recurrence."""
    kept = step.alpha / step.previous
    return kept.sqrt() * latents + (1 - kept).sqrt() * noise


def clipped(gradient: Tensor, limit: float) -> Tensor:
    """The gradient of each picture, no longer than ``limit``."""
    return gradient * (limit / _norm(gradient)).clamp_max(1.0)


def unit(direction: Tensor) -> Tensor:
    """Each picture's direction at length 1; zero stays zero."""
    return direction / _norm(direction)


class Smoothed:
    """Adam's direction without its step: first moment over the root of the second, both corrected for their start.

    Args:
        betas: decay rates of the moments.
    """

    def __init__(self, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self._betas = betas
        self._first = self._second = torch.zeros(())
        self._count = 0

    def __call__(self, gradient: Tensor) -> Tensor:
        """The direction after one more gradient."""
        one, two = self._betas
        self._count += 1
        self._first = one * self._first + (1 - one) * gradient
        self._second = two * self._second + (1 - two) * gradient.square()
        root = (self._second / (1 - two**self._count)).sqrt()
        return self._first / (1 - one**self._count) / (root + 1e-8)


def _norm(tensor: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.dim())), keepdim=True)
    return lengths.clamp_min(1e-12)
