"""Iterative image reconstruction of Diff-MI (§III-B.2, Eq. 4, 5): a latent between a diffusion prior and the class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from keyhole.attacks.classes.base import Wanted
from keyhole.attacks.classes.randomness import PictureRandom
from keyhole.attacks.classes.search import Moment
from keyhole.priors.conditional import ConditionalPrior

JITTER, LOWEST, SPAN = 50, 200, 800
"""Of the timesteps: how far at most each is drawn from the course, where that ends, and how far above it begins."""


def course(iteration: int, iterations: int) -> float:
    """t of an iteration, from 0 on: high to low with waves, as in Diff-MI's code.

    ((S − i)/1.5 + (S − i)/3 · cos(3i/(10π))) / S · 800 + 200.

    >>> round(course(0, 30)), round(course(29, 30))
    (1000, 209)
    """
    left = (iterations - iteration) / iterations
    return left * (1 / 1.5 + math.cos(3 * iteration / (10 * math.pi)) / 3) * SPAN + LOWEST


@dataclass(frozen=True)
class LatentPictures:
    """Decoded latents. They start as noise.

    Attributes:
        prior: of the latents.
    """

    prior: ConditionalPrior

    def start(self, wanted: Wanted, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """x₀ of Eq. 4, N×C×h×w, standard normal."""
        return random.normal(*self.prior.card.latent)

    def __call__(self, variable: Tensor, labels: Tensor, random: PictureRandom) -> Tensor:  # noqa: ARG002
        """N×3×H×W in [0, 1]."""
        return self.prior.autoencoder.decode(variable).clamp(0, 1)


@dataclass(frozen=True)
class PriorTerm:
    """L_prior of Eq. 5: ‖ε − ε_θ(x_t, y, t)‖², x_t = √ᾱ x₀ + √(1 − ᾱ) ε, the mean over the latent's numbers.

    Each picture has its own noise, and its own draw of t about the `course`; Diff-MI's code draws one t for a batch.

    Attributes:
        prior: the denoiser.
        iterations: S of the course.
        guidance: w; Eq. 5 has none, which is 1, and Diff-MI's code 3.
    """

    prior: ConditionalPrior
    iterations: int
    guidance: float

    def __call__(self, moment: Moment) -> Tensor:
        """N values."""
        denoiser, clean = self.prior.denoiser, moment.variable
        at = round(moment.progress * self.iterations)
        alphas = denoiser.schedule.alphas_cumprod
        last = int((alphas > 0).nonzero().max())
        drawn = moment.random.below(2 * JITTER + 1) - JITTER
        timesteps = (int(course(at, self.iterations)) + drawn).clamp(1, last).to(clean.device)
        alpha = alphas.to(clean.device)[timesteps].view(-1, 1, 1, 1)
        noise = moment.random.normal(*clean.shape[1:]).to(clean.device)
        noisy = alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise
        predicted = denoiser.predict(noisy, timesteps, moment.labels, self.guidance)
        return (predicted.noise - noise).square().mean(dim=(1, 2, 3))


class GradientLeash:
    """Keeps the gradient of the class to a length that follows that of the prior's, each picture by itself.

    Diff-MI's code takes one length over the whole batch, so that a picture depends on its neighbours.

    Args:
        ratio: of the lengths.
        decay: of the average of the prior's.
    """

    def __init__(self, ratio: float = 1.25, decay: float = 0.5) -> None:
        self._ratio, self._decay = ratio, decay
        self._lengths: Tensor | None = None

    def follow(self, gradient: Tensor) -> Tensor:
        """Note the lengths of the prior's gradient N×…, and return it."""
        now = gradient.flatten(1).norm(dim=1)
        earlier = now if self._lengths is None else self._lengths
        self._lengths = self._decay * earlier + (1 - self._decay) * now
        return gradient

    def hold(self, gradient: Tensor) -> Tensor:
        """The class's gradient N×…, no longer than allowed."""
        if self._lengths is None:
            return gradient
        lengths = gradient.flatten(1).norm(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny)
        factor: Tensor = (self._ratio * self._lengths / lengths).clamp_max(1)
        held: Tensor = gradient * factor.view(-1, *[1] * (gradient.dim() - 1))
        return held
